#include "kv/sim/roster.h"

namespace cairn::kv::sim {

Roster newest_roster(World& world) {
  Roster roster;
  for (const NodeId id : world.running()) {
    const ClusterView view = world.node(id).cluster();
    if (view.epoch <= roster.epoch) continue;
    roster = Roster{view.epoch, !view.change_under_way, {}, {}, {}, {}, {}, {}};
    for (const NodeView& node : view.nodes) {
      if (node.membership == "removed") continue;
      roster.nodes.insert(node.id);
      if (node.membership == "joining") roster.joining.insert(node.id);
      if (node.membership == "leaving") roster.leaving.insert(node.id);
      if (node.learner) roster.learners.insert(node.id);
      if (node.membership == "active" && !node.learner) roster.voters.insert(node.id);
    }
    for (const PartitionView& partition : view.partitions) {
      roster.wanted.emplace_back(partition.wanted.begin(), partition.wanted.end());
    }
  }
  return roster;
}

std::string Roster::describe() const {
  std::string text = "epoch " + std::to_string(epoch) + (settled ? ", settled:" : ", changing:");
  for (const NodeId id : nodes) text += " " + std::to_string(id);
  return text;
}

}  // namespace cairn::kv::sim
