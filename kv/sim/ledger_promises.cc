// What members say: votes and acks, against what is on their disks when they say it and when they
// start.
#include <algorithm>

#include "kv/placement/member.h"
#include "kv/sim/durable_log.h"
#include "kv/sim/ledger.h"

namespace cairn::kv::sim {

namespace {

/// Each look at a disk costs as much as a hundred events: every vote is worth it, of acks a sample.
constexpr std::uint64_t kAcksPerAudit = 48;
/// Where there is much traffic its acks are much alike.
constexpr Time kAuditsApart{500'000};

/// Does it lead, vote or acknowledge?
bool binds(const raft::Message& message) {
  if (const auto* vote = std::get_if<raft::VoteReply>(&message.body)) {
    return vote->granted && !vote->pre_vote;
  }
  if (const auto* reply = std::get_if<raft::AppendReply>(&message.body)) return !reply->rejected;
  return std::holds_alternative<raft::AppendRequest>(message.body) ||
         std::holds_alternative<raft::Heartbeat>(message.body);
}

}  // namespace

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
    } else if (std::holds_alternative<raft::TimeoutNow>(message.body)) {
      handed_.emplace(m.group, message.term + 1, event.to);
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

/// Who is no member drops its log; if it comes again it begins anew.
void Ledger::forget_promises(raft::GroupId group, const raft::Configuration& config) {
  for (auto& [member, promises] : promises_) {
    if (!names(config, member)) promises.erase(group);
  }
}

}  // namespace cairn::kv::sim
