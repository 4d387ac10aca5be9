#include "kv/sim/ledger.h"

#include <algorithm>

#include "kv/placement/member.h"
#include "raft/describe.h"

namespace cairn::kv::sim {

std::string where(raft::GroupId group, raft::Index index) {
  return "group " + std::to_string(group) + ", index " + std::to_string(index);
}

std::string of_node(NodeId node) {
  return "node " + std::to_string(node);
}

/// Of a node that came back as another one: "node 3.2".
std::string of_member(raft::NodeId member) {
  std::string text = "node " + std::to_string(node_of(member));
  if (generation_of(member) != 0) text += "." + std::to_string(generation_of(member));
  return text;
}

bool names(const raft::Configuration& config, raft::NodeId member) {
  for (const auto* list : {&config.voters, &config.voters_outgoing, &config.learners}) {
    if (std::find(list->begin(), list->end(), member) != list->end()) return true;
  }
  return false;
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

void Ledger::on_node(const NodeEvent& event) {
  if (event.kind == NodeEvent::Kind::kFailed) ended_.emplace(event.life, event.at);
  if (event.kind != NodeEvent::Kind::kStarted) return;
  if (must_remember_(event.node)) recall(event.node);
  if (!is_sound_(event.node)) return;
  const auto groups = world_.node(event.node).groups();
  if (!groups.empty()) audit(event.node, groups.front().member);
}

void Ledger::on_group(const GroupEvent& event) {
  const GroupEvent::State& now = event.now;
  const GroupEvent::State& before = event.before;
  const auto broken = [&](const char* oracle, const std::string& what) {
    fail(oracle + (": " + of_node(event.node)) + ", group " + std::to_string(event.group) + what);
  };
  if (next_.emplace(std::pair(event.life, event.group), now.applied + 1).second) {
    // Its first sight: what it found on its disk.
    if (now.applied > committed_[event.group].size()) {
      broken("COMMITTED-LOG", " starts with " + std::to_string(now.applied) +
                                  " applied, of which not all were ever committed");
    }
  }
  if (now.term < before.term) broken("TERM", ": it went back");
  if (now.commit < before.commit) broken("COMMIT", ": it went back");
  if (now.applied < before.applied) broken("APPLIED", ": it went back");
  if (now.applied > now.commit) broken("APPLIED", " is past its commit index");
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
  if (handed_.contains({event.group, term, event.node})) ++counts_.handed_over;
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

}  // namespace cairn::kv::sim
