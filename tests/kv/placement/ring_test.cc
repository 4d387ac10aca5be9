#include "kv/placement/ring.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/kv/placement/sets_of_names.h"

namespace cairn::kv {
namespace {

/// What holds for every table, whatever the nodes are.
void expect_sound(const ReplicaTable& table, const std::vector<PlacementNode>& nodes,
                  std::uint32_t partitions, std::uint32_t replicas) {
  ASSERT_EQ(table.size(), partitions);
  const std::size_t width = std::min<std::size_t>(replicas, nodes.size());
  for (const auto& held : table) {
    EXPECT_EQ(held.size(), width);
    EXPECT_EQ(std::set<raft::NodeId>(held.begin(), held.end()).size(), width);
  }
  EXPECT_LE(most(loads(table)), load_bound(nodes.size(), partitions, replicas));
  EXPECT_LE(most(firsts(table)), leader_bound(nodes.size(), partitions));
}

TEST(Ring_Place, AnySetOfNames_KeepsTheBounds) {
  for (std::uint64_t seed = 1; seed <= kSetsOfNames; ++seed) {
    for (std::size_t n = 3; n <= 10; ++n) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " nodes " + std::to_string(n));
      std::mt19937_64 random(seed);
      const auto nodes = named_nodes(random, n);
      for (const std::uint32_t partitions : {64u, 1024u}) {
        expect_sound(place(nodes, partitions, 3), nodes, partitions, 3);
      }
      if (HasFailure()) return;
    }
  }
}

TEST(Ring_Place, OddSizes_KeepTheBounds) {
  for (std::uint64_t seed = 1; seed <= 4 * kSetsOfNames; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto nodes = named_nodes(random, 1 + random() % 20);
    const auto partitions = static_cast<std::uint32_t>(1 + random() % 70);
    const auto replicas = static_cast<std::uint32_t>(1 + random() % 7);
    expect_sound(place(nodes, partitions, replicas), nodes, partitions, replicas);
    if (HasFailure()) return;
  }
}

TEST(Ring_Place, RandomZones_KeepTheBounds) {
  for (std::uint64_t seed = 1; seed <= 2 * kSetsOfNames; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    auto nodes = named_nodes(random, 1 + random() % 12);
    const std::uint64_t zones = 1 + random() % 4;
    for (auto& node : nodes) {
      if (random() % 4 != 0) node.zone = "zone" + std::to_string(random() % zones);
    }
    expect_sound(place(nodes, 128, 3), nodes, 128, 3);
    if (HasFailure()) return;
  }
}

TEST(Ring_Place, EvenZones_AreDistinct) {
  for (std::uint64_t seed = 1; seed <= kSetsOfNames / 2; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    auto nodes = named_nodes(random, 9);
    for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i].zone = std::string(1, "abc"[i % 3]);
    std::size_t apart = 0;
    const ReplicaTable table = place(nodes, 256, 3);
    for (const auto& held : table) {
      std::set<std::string> zones;
      for (const raft::NodeId id : held) zones.insert(nodes[id - 1].zone);
      apart += zones.size() == 3;
    }
    EXPECT_EQ(apart, 256u);
  }
}

TEST(Ring_Place, FewerZonesThanReplicas_StillPlacesAll) {
  std::mt19937_64 random(3);
  auto nodes = named_nodes(random, 6);
  for (auto& node : nodes) node.zone = node.id <= 3 ? "left" : "right";
  const ReplicaTable table = place(nodes, 64, 3);
  expect_sound(table, nodes, 64, 3);
  for (const auto& held : table) {
    const auto left = std::count_if(held.begin(), held.end(), [](auto id) { return id <= 3; });
    EXPECT_TRUE(left == 1 || left == 2) << "both zones are used";
  }
}

TEST(Ring_Place, OrderOfTheList_DoesNotMatter) {
  std::mt19937_64 random(9);
  auto nodes = named_nodes(random, 7);
  const ReplicaTable table = place(nodes, 100, 3);
  for (int i = 0; i < 20; ++i) {
    for (std::size_t k = nodes.size(); k > 1; --k) std::swap(nodes[k - 1], nodes[random() % k]);
    EXPECT_EQ(place(nodes, 100, 3), table);
  }
}

TEST(Ring_Place, OneNode_HoldsAll) {
  const ReplicaTable table = place({node_named(7, "")}, 4, 3);
  EXPECT_EQ(table, ReplicaTable(4, {7}));
}

TEST(Ring_Place, NoNodes_GivesEmptyLists) {
  EXPECT_EQ(place({}, 3, 3), ReplicaTable(3));
}

TEST(Ring_Place, NodeListedTwice_IsRefused) {
  EXPECT_THROW((void)place({node_named(1, "a"), node_named(1, "b")}, 3, 3), std::logic_error);
}

// Every node computes the table by itself: it may not change from release to release.
TEST(Ring_Place, ThreeNodesById_IsThis) {
  const ReplicaTable expected = {{3, 2}, {2, 3}, {2, 1}, {1, 3}, {1, 3}, {1, 3}, {1, 2}, {3, 1}};
  EXPECT_EQ(place({node_named(1, ""), node_named(2, ""), node_named(3, "")}, 8, 2), expected);
}

}  // namespace
}  // namespace cairn::kv
