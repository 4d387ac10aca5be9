// What a world's oracles and tests see of the nodes.

#include "kv/sim/life.h"
#include "kv/sim/world.h"

namespace cairn::kv::sim {

namespace {

constexpr Time kWatchEvery{2'000};

}  // namespace

void World::watch_leaders() {
  next_watch_ = now() + kWatchEvery;
  for (const auto& [id, member] : members_) {
    if (!member.life || !member.life->node) continue;
    for (const Node::GroupStatus& group : member.life->node->groups()) {
      if (!group.leads) continue;
      const auto [known, first] = leaders_.emplace(std::pair(group.group, group.term), id);
      if (!first && known->second != id) {
        fail("group " + std::to_string(group.group) + ", term " + std::to_string(group.term) +
             ": both " + std::to_string(known->second) + " and " + std::to_string(id) + " lead");
      }
    }
  }
}

bool World::all_ready() const {
  for (const auto& [id, member] : members_) {
    if (member.life && !member.life->node->not_ready_reasons().empty()) return false;
  }
  return true;
}

NodeId World::leader(raft::GroupId group) const {
  NodeId leader = 0;
  raft::Term term = 0;
  for (const auto& [id, member] : members_) {
    if (!member.life) continue;
    for (const Node::GroupStatus& status : member.life->node->groups()) {
      if (status.group == group && status.leads && status.serves && status.term > term) {
        leader = id;
        term = status.term;
      }
    }
  }
  return leader;
}

std::string World::digest(NodeId id, raft::GroupId group) {
  Engine* engine = node(id).engine();
  if (!engine) return {};
  auto digest = engine->digest(group);
  return digest ? *digest : std::string();
}

bool World::converged() {
  std::map<raft::GroupId, raft::Index> applied;
  std::map<raft::GroupId, std::vector<NodeId>> members;
  for (const auto& [id, member] : members_) {
    if (!member.life) continue;
    const auto groups = member.life->node->groups();
    if (groups.empty() && member.life->node->cluster().epoch == 0) return false;
    for (const Node::GroupStatus& status : groups) {
      const auto [known, first] = applied.emplace(status.group, status.applied);
      if (known->second != status.applied || status.applied != status.commit ||
          status.applied != status.last) {
        return false;
      }
      members[status.group].push_back(id);
    }
  }
  for (const auto& [group, ids] : members) {
    for (const NodeId id : ids) {
      const std::string one = digest(id, group);
      if (one.empty() || one != digest(ids.front(), group)) return false;
    }
  }
  return true;
}

}  // namespace cairn::kv::sim
