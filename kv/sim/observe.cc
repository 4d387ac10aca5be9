// What a world's oracles and tests see of the nodes.

#include <algorithm>

#include "kv/placement/member.h"
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
    member.life->node->glance(glances_);
    for (const Node::GroupGlance& group : glances_) {
      if (group.role != raft::Role::kLeader) continue;
      const auto [known, first] = leaders_.emplace(std::pair(group.group, group.term), id);
      if (!first && known->second != id) {
        fail("group " + std::to_string(group.group) + ", term " + std::to_string(group.term) +
             ": both " + std::to_string(known->second) + " and " + std::to_string(id) + " lead");
      }
    }
  }
}

/// Tells observers what changed of a node's groups in the event that has just run.
void World::watch_groups(NodeId id) {
  Life* life = members_.at(id).life.get();
  if (!life || !life->node) return;
  life->node->glance(glances_);
  if (life->seen.size() > glances_.size()) {  // a replica that went may begin anew
    std::erase_if(life->seen, [this](const auto& seen) {
      return std::none_of(glances_.begin(), glances_.end(),
                          [&](const Node::GroupGlance& g) { return g.group == seen.first; });
    });
  }
  for (const Node::GroupGlance& g : glances_) {
    GroupEvent::State& seen = life->seen[g.group];
    const GroupEvent::State state{g.role, g.term, node_of(g.leader), g.commit, g.applied, g.last};
    if (seen == state) continue;
    const GroupEvent event{now(), id, life->id, g.group, seen, state};
    seen = state;
    for (Observer* observer : observers_) observer->on_group(event);
  }
}

void World::tell(NodeEvent::Kind kind, NodeId id, std::string_view detail, Time until) {
  if (observers_.empty()) return;
  const NodeEvent event{kind, now(), id, life_of(id), until, detail};
  for (Observer* observer : observers_) observer->on_node(event);
}

void World::fail(std::string what) {
  for (Observer* observer : observers_) observer->on_failure(now(), what);
  failures_.push_back(std::move(what));
}

LifeId World::life_of(NodeId id) const {
  const Member& member = members_.at(id);
  return member.life ? member.life->id : 0;
}

void World::Witness::committed(raft::GroupId group, std::span<const raft::Entry> entries) {
  const EntriesCommitted event{world_.now(), node_, life_, group, entries};
  for (Observer* observer : world_.observers_) observer->on_committed(event);
}

void World::Witness::applied(std::span<const ApplyResult> results) {
  const EntriesApplied event{world_.now(), node_, life_, results};
  for (Observer* observer : world_.observers_) observer->on_applied(event);
}

void World::Witness::installed(raft::GroupId group, const raft::SnapshotMeta& meta) {
  const SnapshotInstalled event{world_.now(), node_, life_, group, meta.index, meta.term};
  for (Observer* observer : world_.observers_) observer->on_installed(event);
}

void World::Witness::distrusts(Distrust what, const std::string& why) {
  // In the moment of a power cut nobody hears it.
  if (power_is_gone(world_.members_.at(node_))) return;
  const NodeEvent event{
      NodeEvent::Kind::kDistrusts, world_.now(), node_, life_, Time(0), why, what};
  for (Observer* observer : world_.observers_) observer->on_node(event);
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

std::optional<World::State> World::state_of(NodeId id, raft::GroupId group) {
  Engine* engine = node(id).engine();
  if (!engine) return std::nullopt;
  State state;
  state.applied = engine->view()->applied(group);
  auto digest = engine->digest(group);
  if (!digest) return std::nullopt;
  state.digest = std::move(*digest);
  return state;
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
