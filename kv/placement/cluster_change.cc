#include "kv/placement/cluster_change.h"

#include <algorithm>
#include <set>

namespace cairn::kv {
namespace {

using State = ClusterNode::State;

std::string named(NodeNumber id) {
  return "node " + std::to_string(id);
}

/// The next record, with nothing changed but its epoch.
ClusterRecord next_of(const ClusterRecord& now) {
  ClusterRecord next = now;
  ++next.epoch;
  return next;
}

/// Never one that a member had before: epochs do not come again.
std::uint32_t new_generation(const ClusterRecord& next) {
  return static_cast<std::uint32_t>(next.epoch);
}

ClusterNode* find(ClusterRecord& record, NodeNumber id) {
  for (ClusterNode& node : record.nodes)
    if (node.id == id) return &node;
  return nullptr;
}

void insert(ClusterRecord& record, ClusterNode node) {
  const auto at = std::find_if(record.nodes.begin(), record.nodes.end(),
                               [&](const ClusterNode& known) { return known.id > node.id; });
  record.nodes.insert(at, std::move(node));
}

bool address_fits(const std::string& peer) {
  const std::size_t colon = peer.rfind(':');
  return colon != std::string::npos && colon > 0 && colon + 1 < peer.size() &&
         peer.size() <= kNodeAddressBytesMax &&
         std::all_of(peer.begin(), peer.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

std::optional<Error> wrong_addition(const ClusterRecord& now, const NewMember& added) {
  if (added.id == 0 || added.id > kNodeNumberMax)
    return Error(Errc::kBadRequest, "a node's id must be from 1 to 4294967295");
  if (now.node(added.id) != nullptr)
    return Error(Errc::kMemberExists, named(added.id) + " is a member already");
  if (!address_fits(added.peer))
    return Error(Errc::kBadRequest, named(added.id) + ": its peer address must be host:port");
  for (const ClusterNode& node : now.nodes) {
    if (node.peer.empty())
      return Error(Errc::kBadRequest, named(node.id) +
                                          " has no peer address: restart it with --peer before "
                                          "adding nodes");
    if (node.peer == added.peer)
      return Error(Errc::kBadRequest,
                   named(added.id) + " has the peer address of " + named(node.id));
  }
  return std::nullopt;
}

/// What may be changed while nodes join or leave: those that join may be given up.
bool only_gives_up(const ClusterRecord& now, const MemberChange& change) {
  return change.add.empty() &&
         std::all_of(change.remove.begin(), change.remove.end(), [&](NodeNumber id) {
           const ClusterNode* node = now.node(id);
           return node != nullptr && node->state == State::kJoining;
         });
}

Error under_way(const ClusterRecord& now) {
  std::string who;
  for (const ClusterNode& node : now.nodes) {
    if (node.state == State::kActive) continue;
    who += (who.empty() ? "" : ", ") + named(node.id) +
           (node.state == State::kJoining ? " joins" : " leaves");
  }
  Error e(Errc::kChangeUnderWay, "one change at a time: " + who);
  e.retry_after_ms = 1000;
  return e;
}

std::vector<std::uint64_t> nodes_of(const std::vector<raft::NodeId>& members) {
  std::vector<std::uint64_t> nodes;
  for (const raft::NodeId member : members) nodes.push_back(node_of(member));
  return nodes;
}

/// How many more of these may fail; negative: too many have.
std::int64_t spare(const std::vector<raft::NodeId>& voters,
                   const std::function<bool(raft::NodeId)>& alive) {
  const auto up = std::count_if(voters.begin(), voters.end(), alive);
  const auto majority = static_cast<std::int64_t>(voters.size() / 2 + 1);
  return std::max<std::int64_t>(up - majority, -1);
}

std::vector<raft::NodeId> sorted(std::vector<raft::NodeId> members) {
  std::sort(members.begin(), members.end());
  return members;
}

GroupPlan group_plan(const WantedGroup& before, const WantedGroup& after,
                     const std::function<bool(raft::NodeId)>& alive_now,
                     const std::function<bool(raft::NodeId)>& alive_then) {
  GroupPlan plan;
  plan.voters_before = nodes_of(before.voters);
  plan.voters_after = nodes_of(after.voters);
  plan.learners_after = nodes_of(after.learners);
  const std::int64_t now = spare(before.voters, alive_now);
  const std::int64_t then = spare(after.voters, alive_then);
  plan.phases.push_back({"now", plan.voters_before, {}, now});
  if (sorted(before.voters) == sorted(after.voters)) return plan;
  const std::set<raft::NodeId> old(before.voters.begin(), before.voters.end());
  const bool ships = std::any_of(after.voters.begin(), after.voters.end(),
                                 [&](raft::NodeId m) { return old.count(m) == 0; });
  if (ships) plan.phases.push_back({"catch_up", plan.voters_before, {}, now});
  plan.phases.push_back({"joint", plan.voters_after, plan.voters_before, std::min(now, then)});
  plan.phases.push_back({"done", plan.voters_after, {}, then});
  return plan;
}

std::uint64_t members_new(const WantedGroup& before, const WantedGroup& after) {
  std::set<raft::NodeId> old(before.voters.begin(), before.voters.end());
  old.insert(before.learners.begin(), before.learners.end());
  std::uint64_t fresh = 0;
  for (const auto* list : {&after.voters, &after.learners})
    for (const raft::NodeId member : *list) fresh += old.count(member) == 0 ? 1 : 0;
  return fresh;
}

}  // namespace

Result<ClusterRecord> with_change(const ClusterRecord& now, const MemberChange& change) {
  if (change.add.empty() && change.remove.empty())
    return Error(Errc::kBadRequest, "nothing is to be added or removed");
  for (const NodeNumber id : change.remove)
    if (now.node(id) == nullptr) return Error(Errc::kUnknownNode, named(id) + " is not a member");
  if (!now.settled() && !only_gives_up(now, change)) return under_way(now);
  ClusterRecord next = next_of(now);
  for (const NodeNumber id : change.remove) find(next, id)->state = State::kLeaving;
  for (const NewMember& added : change.add) {
    if (auto wrong = wrong_addition(next, added)) return std::move(*wrong);
    insert(next, {added.id, new_generation(next), 0, added.peer, State::kJoining, added.learner});
  }
  const bool voters = std::any_of(next.nodes.begin(), next.nodes.end(), [](const ClusterNode& n) {
    return n.state != State::kLeaving && !n.learner;
  });
  if (!voters) return Error(Errc::kQuorumLost, "no node with a vote would be left");
  if (next.nodes.size() > kNodesMax)
    return Error(Errc::kBadRequest, "a cluster has at most 256 nodes");
  place_groups(next);
  return next;
}

Result<ClusterRecord> with_promoted(const ClusterRecord& now, NodeNumber node) {
  const ClusterNode* known = now.node(node);
  if (known == nullptr) return Error(Errc::kUnknownNode, named(node) + " is not a member");
  if (!known->learner)
    return Error(Errc::kUnchanged,
                 known->state == State::kJoining
                     ? named(node) + " gets its votes by itself, once it has caught up"
                     : named(node) + " has its votes already");
  if (known->state == State::kJoining)
    return Error(Errc::kNotCaughtUp, named(node) + " does not hold everything yet: wait");
  const bool others_settled =
      std::all_of(now.nodes.begin(), now.nodes.end(),
                  [&](const ClusterNode& n) { return n.id == node || n.state == State::kActive; });
  if (!others_settled || known->state == State::kLeaving) return under_way(now);
  ClusterRecord next = next_of(now);
  ClusterNode* promoted = find(next, node);
  promoted->learner = false;
  promoted->state = State::kJoining;
  place_groups(next);
  return next;
}

Result<ClusterRecord> with_rejoined(const ClusterRecord& now, NodeNumber node,
                                    std::uint64_t incarnation) {
  const ClusterNode* known = now.node(node);
  if (known == nullptr) return Error(Errc::kUnknownNode, named(node) + " is not a member");
  if (incarnation == 0) return Error(Errc::kBadRequest, "a directory without an incarnation");
  if (known->incarnation == incarnation) return Error(Errc::kUnchanged, "known by it already");
  ClusterRecord next = next_of(now);
  ClusterNode* fresh = find(next, node);
  const raft::NodeId old = fresh->member();
  fresh->incarnation = incarnation;
  fresh->generation = new_generation(next);
  if (fresh->state == State::kActive) fresh->state = State::kJoining;
  for (WantedGroup& group : next.groups) {
    std::replace(group.voters.begin(), group.voters.end(), old, fresh->member());
    std::replace(group.learners.begin(), group.learners.end(), old, fresh->member());
  }
  return next;
}

Result<ClusterRecord> with_met(const ClusterRecord& now, NodeNumber node,
                               std::uint64_t incarnation) {
  const ClusterNode* known = now.node(node);
  if (known == nullptr) return Error(Errc::kUnknownNode, named(node) + " is not a member");
  if (known->incarnation != 0 || incarnation == 0)
    return Error(Errc::kUnchanged, named(node) + " was met before");
  ClusterRecord next = next_of(now);
  find(next, node)->incarnation = incarnation;
  return next;
}

Result<ClusterRecord> with_address(const ClusterRecord& now, NodeNumber node,
                                   const std::string& peer) {
  const ClusterNode* known = now.node(node);
  if (known == nullptr) return Error(Errc::kUnknownNode, named(node) + " is not a member");
  if (known->peer == peer) return Error(Errc::kUnchanged);
  if (!address_fits(peer)) return Error(Errc::kBadRequest, "a peer address must be host:port");
  ClusterRecord next = next_of(now);
  find(next, node)->peer = peer;
  return next;
}

ClusterRecord with_settled(const ClusterRecord& now) {
  ClusterRecord next = next_of(now);
  std::erase_if(next.nodes, [](const ClusterNode& n) { return n.state == State::kLeaving; });
  for (ClusterNode& node : next.nodes) node.state = State::kActive;
  return next;
}

MemberPlan plan_of(const ClusterRecord& before, const ClusterRecord& after,
                   const PlanFacts& facts) {
  const auto alive_now = [&](raft::NodeId member) { return facts.alive(node_of(member)); };
  // Who joins has to catch up before it votes, and so lives by then.
  const auto alive_then = [&](raft::NodeId member) {
    const ClusterNode* known = before.node(node_of(member));
    return known == nullptr || known->member() != member || known->learner ||
           known->state == State::kJoining || facts.alive(node_of(member));
  };
  MemberPlan plan;
  bool first = true;
  for (raft::GroupId group = 0; group < after.groups.size(); ++group) {
    GroupPlan one = group_plan(before.groups[group], after.groups[group], alive_now, alive_then);
    one.metadata = group == 0;
    one.partition = group == 0 ? 0 : group - 1;
    const std::uint64_t fresh = members_new(before.groups[group], after.groups[group]);
    if (fresh > 0) one.bytes_to_ship = fresh * facts.bytes(group);
    plan.bytes_to_ship += one.bytes_to_ship;
    for (const PlanPhase& phase : one.phases) {
      plan.failures_tolerated = first ? phase.failures_tolerated
                                      : std::min(plan.failures_tolerated, phase.failures_tolerated);
      first = false;
    }
    plan.groups.push_back(std::move(one));
  }
  return plan;
}

Result<void> check_plan(const MemberPlan& plan) {
  for (const GroupPlan& group : plan.groups) {
    if (group.phases.size() == 1) continue;  // nothing changes here
    for (const PlanPhase& phase : group.phases) {
      if (phase.failures_tolerated >= 0) continue;
      const std::string where =
          group.metadata ? "the metadata group" : "partition " + std::to_string(group.partition);
      return Error(Errc::kQuorumLost, where + " would have no majority of living voters (phase " +
                                          phase.name +
                                          "): start nodes that are down, or add others first");
    }
  }
  return {};
}

}  // namespace cairn::kv
