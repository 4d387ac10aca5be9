// Stories about members: a change is asked for, and ends.
#pragma once

#include <string>
#include <vector>

#include "tests/kv/sim/story.h"

namespace cairn::kv::sim {

inline MemberChange adding(NodeId id) {
  MemberChange change;
  change.add.push_back({id, "127.0.0.1:" + std::to_string(9000 + id), false});
  return change;
}

inline MemberChange removing(NodeId id) {
  MemberChange change;
  change.remove.push_back(id);
  return change;
}

/// A story with verbs for members.
class MemberStory : public Story {
 public:
  using Story::Story;

  Result<MemberPlan> change(NodeId at, MemberChange change) {
    return finish(world.call<MemberPlan>(at, [change](Node& node, Callback<MemberPlan> done) {
      node.change_members(change, std::move(done));
    }));
  }
  /// Asks until it is taken, or is seen to have been.
  void change_for_sure(NodeId at, const MemberChange& wanted) {
    for (int attempt = 0; attempt < 100; ++attempt) {
      const auto plan = change(at, wanted);
      if (plan) return;
      if (plan.error().code == Errc::kMemberExists || plan.error().code == Errc::kUnknownNode)
        return;
      world.run_for(milliseconds{200});
    }
    ADD_FAILURE() << "a change was never taken";
  }
  [[nodiscard]] std::string membership(NodeId at, NodeId of) {
    for (const NodeView& node : world.node(at).cluster().nodes)
      if (node.id == of) return node.membership;
    return "";
  }
  /// All that run and are members agree that nothing is under way.
  bool settled(std::uint64_t epoch_min, seconds within = seconds{60}) {
    const auto all = [&] {
      for (const NodeId id : world.running()) {
        const ClusterView view = world.node(id).cluster();
        if (view.epoch < epoch_min || view.change_under_way) return false;
      }
      return true;
    };
    // Not looked at after each event: views are not cheap.
    const Time end = world.now() + within;
    while (world.now() < end) {
      if (all()) return true;
      world.run_for(milliseconds{50});
    }
    ADD_FAILURE() << "the members never settled\n" << reasons();
    return false;
  }
  std::vector<NodeId> replicas(NodeId at, std::uint32_t partition = 0) {
    std::vector<NodeId> nodes;
    const ClusterView view = world.node(at).cluster();
    for (const ReplicaView& r : view.partitions.at(partition).replicas) nodes.push_back(r.node);
    return nodes;
  }
  void put_many(NodeId at, int from, int to) {
    for (int i = from; i < to; ++i)
      ASSERT_TRUE(put_until_ok(at, "k" + std::to_string(i), std::to_string(i)));
  }
  void expect_all(NodeId at, int count) {
    for (int i = 0; i < count; ++i)
      ASSERT_EQ(get(at, "k" + std::to_string(i)), std::to_string(i)) << "at node " << at;
  }
};

}  // namespace cairn::kv::sim
