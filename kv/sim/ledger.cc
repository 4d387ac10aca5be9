#include "kv/sim/ledger.h"

#include <algorithm>

#include "kv/engine/state_hash.h"
#include "kv/placement/member.h"
#include "kv/sim/durable_log.h"
#include "raft/describe.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace cairn::kv::sim {

namespace {

/// Each look at a disk costs as much as a hundred events: every vote is worth it, of acks a sample.
constexpr std::uint64_t kAcksPerAudit = 48;
/// Where there is much traffic its acks are much alike.
constexpr Time kAuditsApart{500'000};

std::uint64_t hash_of(const raft::Entry& entry) {
  const auto kind = static_cast<std::uint64_t>(entry.kind);
  const std::string_view bytes = entry.data ? std::string_view(*entry.data) : std::string_view();
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), kind);
}

bool names(const raft::Configuration& config, raft::NodeId member) {
  for (const auto* list : {&config.voters, &config.voters_outgoing, &config.learners}) {
    if (std::find(list->begin(), list->end(), member) != list->end()) return true;
  }
  return false;
}

/// Of a node that came back as another one: "node 3.2".
std::string of_member(raft::NodeId member) {
  std::string text = "node " + std::to_string(node_of(member));
  if (generation_of(member) != 0) text += "." + std::to_string(generation_of(member));
  return text;
}

std::string of_node(NodeId node) {
  return "node " + std::to_string(node);
}

/// Does it lead, vote or acknowledge?
bool binds(const raft::Message& message) {
  if (const auto* vote = std::get_if<raft::VoteReply>(&message.body)) {
    return vote->granted && !vote->pre_vote;
  }
  if (const auto* reply = std::get_if<raft::AppendReply>(&message.body)) return !reply->rejected;
  return std::holds_alternative<raft::AppendRequest>(message.body) ||
         std::holds_alternative<raft::Heartbeat>(message.body);
}

bool same_answer(const Answer& a, const Answer& b) {
  return encode_answer(a) == encode_answer(b);
}

}  // namespace

std::string where(raft::GroupId group, raft::Index index) {
  return "group " + std::to_string(group) + ", index " + std::to_string(index);
}

// A quorum holds a majority of each list; two meet for sure if a list of one and a list of the
// other have no two majorities apart.
bool quorums_meet(const raft::Configuration& a, const raft::Configuration& b) {
  for (const auto* one : {&a.voters, &a.voters_outgoing}) {
    for (const auto* other : {&b.voters, &b.voters_outgoing}) {
      if (one->empty() || other->empty()) continue;
      std::set<NodeId> both(one->begin(), one->end());
      both.insert(other->begin(), other->end());
      if (one->size() / 2 + 1 + other->size() / 2 + 1 > both.size()) return true;
    }
  }
  return false;
}

raft::Index Ledger::commit(raft::GroupId group) const {
  const auto at = commit_.find(group);
  return at == commit_.end() ? 0 : at->second;
}

void Ledger::on_node(const NodeEvent& event) {
  if (event.kind == NodeEvent::Kind::kFailed) ended_.emplace(event.life, event.at);
  if (event.kind != NodeEvent::Kind::kStarted) return;
  if (must_remember_(event.node)) recall(event.node);
  if (!is_sound_(event.node)) return;
  const auto groups = world_.node(event.node).groups();
  if (!groups.empty()) audit(event.node, groups.front().member);
}

// --- what members are ----------------------------------------------------------------------------

void Ledger::on_group(const GroupEvent& event) {
  const GroupEvent::State& now = event.now;
  const GroupEvent::State& before = event.before;
  const std::string who = of_node(event.node) + ", group " + std::to_string(event.group);
  if (next_.emplace(std::pair(event.life, event.group), now.applied + 1).second) {
    // Its first sight: what it found on its disk.
    if (now.applied > committed_[event.group].size()) {
      fail("COMMITTED-LOG: " + who + " starts with " + std::to_string(now.applied) +
           " applied, of which not all were ever committed");
    }
  }
  if (now.term < before.term) fail("TERM: of " + who + " went back");
  if (now.commit < before.commit) fail("COMMIT: of " + who + " went back");
  if (now.applied < before.applied) fail("APPLIED: of " + who + " went back");
  if (now.applied > now.commit) fail("APPLIED: " + who + " is past its commit index");
  if (now.role == raft::Role::kLeader &&
      (before.role != raft::Role::kLeader || before.term != now.term)) {
    leader(event);
  }
  if (now.role == raft::Role::kLeader) still_a_voter(event);
  raft::Index& commit = commit_[event.group];
  commit = std::max(commit, now.commit);
  raft::Index& in_term = commit_in_term_[{event.group, now.term}];
  in_term = std::max(in_term, now.commit);
}

/// A leader whose removal is committed, as it knows, leads no more.
void Ledger::still_a_voter(const GroupEvent& event) {
  const raft::Configuration* config = configuration(event.group);
  if (!config || !config->voters_outgoing.empty()) return;
  const auto since = configured_at_.find(event.group);
  if (since == configured_at_.end() || event.now.commit < since->second) return;
  const raft::NodeId member = member_of(event.node, event.life);
  if (names(*config, member)) return;  // a learner may have its vote by what is not committed yet
  fail("REMOVED-LEADER: " + of_member(member) + " leads group " + std::to_string(event.group) +
       ", but " + raft::describe(*config) + " is committed");
}

void Ledger::leader(const GroupEvent& event) {
  ++counts_.leaders;
  const raft::Term term = event.now.term;
  const auto [at, first] =
      leaders_.emplace(std::pair(event.group, term), std::pair(event.node, event.life));
  if (!first && at->second != std::pair(event.node, event.life)) {
    fail("ONE-LEADER: group " + std::to_string(event.group) + ", term " + std::to_string(term) +
         ": node " + std::to_string(at->second.first) + " and " + of_node(event.node));
  }
  // Whatever was committed in earlier terms stands in its log; that it is the same, log matching
  // and the committed log say. (It may win late, when a later term has long had its own leader.)
  raft::Index required = 0;
  for (auto at_term = commit_in_term_.lower_bound({event.group, 0});
       at_term != commit_in_term_.end() && at_term->first < std::pair(event.group, term);
       ++at_term) {
    required = std::max(required, at_term->second);
  }
  if (event.now.last < required) {
    fail("LEADER-COMPLETENESS: " + of_node(event.node) + " leads group " +
         std::to_string(event.group) + " in term " + std::to_string(term) + " with a log up to " +
         std::to_string(event.now.last) + ", committed before was " + std::to_string(required));
  }
}

// --- what members say ----------------------------------------------------------------------------

/// Frames name nodes; what they promise is the promise of the members that they are in this life.
raft::NodeId Ledger::member_of(NodeId node, LifeId life) {
  const auto [at, first] = members_.emplace(life, node);
  if (first && world_.running(node)) {
    const auto groups = world_.node(node).groups();
    if (!groups.empty()) at->second = groups.front().member;
  }
  return at->second;
}

void Ledger::on_sent(const FrameSent& event) {
  const auto ended = ended_.find(event.life);
  const bool has_ended = ended != ended_.end() && event.at > ended->second;
  for (const net::GroupMessage& m : event.messages) {
    if (has_ended && binds(m.message)) {
      fail("FENCED: " + of_node(event.from) + " leads, votes or acknowledges in group " +
           std::to_string(m.group) + " after it said that it serves no more");
    }
    const raft::Message& message = m.message;
    const raft::NodeId member = member_of(event.from, event.life);
    if (const auto* reply = std::get_if<raft::VoteReply>(&message.body)) {
      if (reply->granted && !reply->pre_vote)
        vote(event.from, member, event.to, m.group, message.term);
    } else if (const auto* request = std::get_if<raft::VoteRequest>(&message.body)) {
      if (!request->pre_vote) vote(event.from, member, event.from, m.group, message.term);
    } else if (const auto* append = std::get_if<raft::AppendRequest>(&message.body)) {
      entries(m.group, *append);
    } else if (const auto* acked = std::get_if<raft::AppendReply>(&message.body)) {
      if (!acked->rejected) ack(event.from, member, m.group, message.term, acked->index);
    }
  }
}

void Ledger::vote(NodeId node, raft::NodeId voter, NodeId candidate, raft::GroupId group,
                  raft::Term term) {
  ++counts_.votes;
  const auto [at, first] = votes_.emplace(std::tuple(group, term, voter), candidate);
  if (!first) {
    if (at->second != candidate) {
      fail("ONE-VOTE: " + of_member(voter) + ", group " + std::to_string(group) + ", term " +
           std::to_string(term) + ": for " + std::to_string(at->second) + " and for " +
           std::to_string(candidate));
    }
    return;
  }
  Promise& promise = promises_[voter][group];
  if (term >= promise.vote_term) {
    promise.vote_term = term;
    promise.vote = candidate;
  }
  audit(node, voter);
}

void Ledger::ack(NodeId node, raft::NodeId member, raft::GroupId group, raft::Term term,
                 raft::Index index) {
  Promise& promise = promises_[member][group];
  if (term > promise.ack_term) {
    promise.ack_term = term;
    promise.ack_index = index;
  } else if (term == promise.ack_term) {
    promise.ack_index = std::max(promise.ack_index, index);
  }
  if (++counts_.acks % kAcksPerAudit != 0 || world_.now() < next_audit_) return;
  next_audit_ = world_.now() + kAuditsApart;
  audit(node, member);
}

void Ledger::entries(raft::GroupId group, const raft::AppendRequest& append) {
  raft::Term previous = append.prev_term;
  for (const raft::Entry& entry : append.entries) {
    ++counts_.entries_sent;
    const SentEntry sent{hash_of(entry), previous};
    const auto [at, first] = sent_.emplace(EntryKey(group, entry.index, entry.term), sent);
    if (!first && (at->second.hash != sent.hash || at->second.previous_term != previous)) {
      fail("LOG-MATCHING: " + where(group, entry.index) + ", term " + std::to_string(entry.term) +
           ": two entries, or one after two different ones");
    }
    previous = entry.term;
  }
}

void Ledger::audit(NodeId node, raft::NodeId member) {
  if (!is_sound_(node) || !world_.running(node)) return;
  const auto promises = promises_.find(member);
  if (promises == promises_.end()) return;
  ++counts_.audits;
  const DurableLog log = read_durable_log(world_, node);
  if (!log.error.empty()) {
    fail("DURABLE: the log of " + of_node(node) +
         " could not be read after a power cut now: " + log.error);
    return;
  }
  for (const auto& [group, promise] : promises->second) {
    const std::string who = of_member(member) + ", group " + std::to_string(group);
    const raft::Configuration* config = configuration(group);
    if (config && !names(*config, member)) continue;  // it may go, and its log with it
    const auto at = log.groups.find(group);
    const wal::RecoveredGroup found = at == log.groups.end() ? wal::RecoveredGroup{} : at->second;
    const raft::Term term = found.hard_state.term;
    if (term < std::max(promise.vote_term, promise.ack_term)) {
      fail("DURABLE-TERM: " + who + " spoke in term " +
           std::to_string(std::max(promise.vote_term, promise.ack_term)) + ", durable is " +
           std::to_string(term));
    } else if (term == promise.vote_term && node_of(found.hard_state.vote) != promise.vote) {
      fail("DURABLE-VOTE: " + who + ", term " + std::to_string(term) + " voted for " +
           std::to_string(promise.vote) + ", durable is " +
           std::to_string(node_of(found.hard_state.vote)));
    }
    if (term == promise.ack_term && found.last_index < promise.ack_index) {
      fail("DURABLE-ACK: " + who + ", term " + std::to_string(term) + " acknowledged " +
           std::to_string(promise.ack_index) + ", durable is " + std::to_string(found.last_index));
    }
  }
}

/// A damaged log is repaired or refused, never shorter than what it acknowledged (hazard W2).
void Ledger::recall(NodeId node) {
  for (const Node::GroupStatus& now : world_.node(node).groups()) {
    const auto promises = promises_.find(now.member);
    if (promises == promises_.end()) continue;
    const auto at = promises->second.find(now.group);
    if (at == promises->second.end()) continue;
    const raft::Configuration* config = configuration(now.group);
    if (config && !names(*config, now.member)) continue;  // it may go, and its log with it
    const Promise& promise = at->second;
    ++counts_.recalls;
    const std::string who = of_member(now.member) + ", group " + std::to_string(now.group);
    const raft::Term spoke = std::max(promise.vote_term, promise.ack_term);
    if (now.term < spoke) {
      fail("REMEMBERED: " + who + " spoke in term " + std::to_string(spoke) + ", and starts in " +
           std::to_string(now.term));
    } else if (now.term == promise.ack_term && now.last < promise.ack_index) {
      fail("REMEMBERED: " + who + " acknowledged " + std::to_string(promise.ack_index) +
           ", and starts with a log up to " + std::to_string(now.last));
    }
  }
}

// --- what members commit and apply
// -----------------------------------------------------------------

void Ledger::on_committed(const EntriesCommitted& event) {
  std::vector<CommittedEntry>& log = committed_[event.group];
  raft::Index& commit = commit_[event.group];
  for (const raft::Entry& entry : event.entries) {
    ++counts_.committed;
    const std::string at = where(event.group, entry.index) + " at " + of_node(event.node);
    const auto next = next_.find({event.life, event.group});
    if (next != next_.end()) {
      if (entry.index != next->second) {
        fail("APPLY-ORDER: " + at + ", expected " + std::to_string(next->second));
      }
      next->second = entry.index + 1;
    }
    commit = std::max(commit, entry.index);
    if (entry.index == log.size() + 1) {
      log.push_back({entry, std::nullopt});
      if (entry.kind == raft::EntryKind::kConfig) configuration(event.group, entry);
    } else if (entry.index > log.size()) {
      fail("COMMITTED-LOG: " + at + " follows " + std::to_string(log.size()));
      return;
    } else if (const raft::Entry& known = log[entry.index - 1].entry;
               known.term != entry.term || hash_of(known) != hash_of(entry)) {
      fail("COMMITTED-LOG: " + at + ": another entry was committed there in term " +
           std::to_string(known.term) + ", this one is of term " + std::to_string(entry.term));
    }
  }
}

void Ledger::configuration(raft::GroupId group, const raft::Entry& entry) {
  const auto config = entry.data ? raft::decode_configuration(*entry.data) : std::nullopt;
  if (!config) return fail("CONFIGURATION: " + where(group, entry.index) + " does not decode");
  const auto before = configurations_.find(group);
  if (before != configurations_.end()) {
    ++counts_.configurations;
    if (!quorums_meet(before->second, *config)) {
      fail("CONFIGURATION: " + where(group, entry.index) + ": " + raft::describe(*config) +
           " has a quorum apart from one of its predecessor, " + raft::describe(before->second));
    }
    forget_promises(group, before->second);
  }
  forget_promises(group, *config);
  configurations_[group] = *config;
  configured_at_[group] = entry.index;
}

/// Who is no member drops its log; if it comes again it begins anew.
void Ledger::forget_promises(raft::GroupId group, const raft::Configuration& config) {
  for (auto& [member, promises] : promises_) {
    if (!names(config, member)) promises.erase(group);
  }
}

void Ledger::on_applied(const EntriesApplied& event) {
  for (const ApplyResult& result : event.results) {
    std::vector<CommittedEntry>& log = committed_[result.group];
    if (!result.answer || result.index == 0 || result.index > log.size()) continue;
    ++counts_.answers;
    std::optional<Answer>& known = log[result.index - 1].answer;
    if (!known) {
      known = result.answer;
    } else if (!same_answer(*known, *result.answer)) {
      fail("APPLY: " + where(result.group, result.index) + " was answered differently at " +
           of_node(event.node));
    }
  }
}

void Ledger::on_installed(const SnapshotInstalled& event) {
  ++counts_.snapshots;
  next_[{event.life, event.group}] = event.index + 1;
  const std::vector<CommittedEntry>& log = committed_[event.group];
  if (event.index > log.size() || log[event.index - 1].entry.term != event.term) {
    fail("COMMITTED-LOG: " + of_node(event.node) + " installed a snapshot of " +
         where(event.group, event.index) + ", term " + std::to_string(event.term) +
         ", which was never committed");
  }
}

/// The rolling hash is what counting gives, and nobody is odd: states are equal, as digests say.
void Ledger::kept_hash(NodeId node, const Node::GroupStatus& status) {
  const auto view = world_.node(node).engine()->state_view(status.group);
  const auto page = view ? (*view)->page({}) : boost::system::result<StateView::Page>(view.error());
  if (!page || page->more) return;
  StateHash counted;
  for (const StateEntry& entry : page->entries)
    counted.toggle(StateHash::key_hash(entry.key), entry.word);
  if (counted.buckets() != (*view)->buckets())
    fail("STATE-HASH: " + where(status.group, (*view)->applied()) + ": " + of_node(node) +
         " keeps a hash that its items do not have");
  if (status.odd)
    fail("STATE-HASH: " + where(status.group, status.applied) + ": " + of_node(node) +
         " is quarantined");
}

void Ledger::compare_digests() {
  for (const NodeId node : world_.running()) {
    if (!is_sound_(node) || !world_.node(node).engine()) continue;
    for (const Node::GroupStatus& status : world_.node(node).groups()) {
      raft::Index& compared = compared_[{world_.life_of(node), status.group}];
      if (compared == status.applied) continue;
      // The engine may be further than the home executor knows: only what stands still counts.
      if (status.applied == 0 || status.applied != status.commit) continue;
      const auto state = world_.state_of(node, status.group);
      if (!state) continue;
      compared = state->applied;
      kept_hash(node, status);
      const auto [at, first] =
          digests_.emplace(std::pair(status.group, state->applied), std::pair(state->digest, node));
      if (first) continue;
      ++counts_.digests;
      if (at->second.first != state->digest) {
        fail("DIGEST: " + where(status.group, state->applied) + ": " + of_node(node) +
             " and node " + std::to_string(at->second.second) + " differ");
      }
    }
  }
}

}  // namespace cairn::kv::sim
