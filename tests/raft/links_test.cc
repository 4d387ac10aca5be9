// Liveness under every fixed graph of links (hazards R9, R10, R11): while some majority can talk
// among itself there is a leader that commits, it stays, and terms do not run away.
#include <gtest/gtest.h>

#include "raft/quorum.h"
#include "raft/random.h"
#include "tests/raft/cluster.h"

namespace cairn::raft::test {
namespace {

using Links = std::vector<std::pair<NodeId, NodeId>>;

Links all_links(NodeId members) {
  Links links;
  for (NodeId from = 1; from <= members; ++from) {
    for (NodeId to = 1; to <= members; ++to) {
      if (from != to) links.emplace_back(from, to);
    }
  }
  return links;
}

// Some majority of which each hears each.
bool has_core(Cluster& world, NodeId members) {
  for (std::uint32_t set = 0; set < (1u << members); ++set) {
    bool whole = static_cast<std::size_t>(__builtin_popcount(set)) >= majority_of(members);
    for (const auto& [from, to] : all_links(members)) {
      const bool both = (set >> (from - 1) & 1) != 0 && (set >> (to - 1) & 1) != 0;
      whole &= !both || !world.cut_between(from, to);
    }
    if (whole) return true;
  }
  return false;
}

Index committed(Cluster& world) {
  Index most = 0;
  for (NodeId id : world.ids()) most = std::max(most, world.core(id).commit());
  return most;
}

Term newest_term(Cluster& world) {
  Term newest = 0;
  for (NodeId id : world.ids()) newest = std::max(newest, world.core(id).term());
  return newest;
}

void propose_everywhere(Cluster& world) {
  for (NodeId id : world.ids()) {
    if (world.core(id).role() == Role::kLeader) (void)world.propose(id, "p");
  }
}

// The links fail while `leader` leads; later they heal.
void survive(Cluster& world, NodeId members, NodeId leader, const std::string& story) {
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(world.run(1)) << story;
    propose_everywhere(world);
  }
  const Term term = newest_term(world);
  const Index before = committed(world);
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(world.run(1)) << story;
    propose_everywhere(world);
  }
  if (has_core(world, members)) {
    EXPECT_GT(committed(world), before + 20) << story;
    EXPECT_EQ(newest_term(world), term) << story << ": a good leader was unseated";
  } else {
    EXPECT_LE(newest_term(world), term + 1) << story << ": terms run away";
  }
  world.heal();
  ASSERT_TRUE(world.run(40)) << story;
  EXPECT_LE(newest_term(world), term + 2) << story << ": more than one change after healing";
  const NodeId now = world.leader();
  ASSERT_NE(now, kNobody) << story;
  (void)leader;
  (void)world.propose(now, "healed");
  ASSERT_TRUE(world.run(3)) << story;
  for (NodeId id : world.ids())
    EXPECT_EQ(world.core(id).commit(), world.core(now).commit()) << story;
}

TEST(RaftLinks, EveryGraphOfThree_WithEachLeader) {
  const Links links = all_links(3);
  for (std::uint32_t graph = 0; graph < (1u << links.size()); ++graph) {
    for (NodeId leader : {1u, 2u, 3u}) {
      Cluster world(3);
      world.seed = graph + 1;
      ASSERT_EQ(world.elect(leader), leader);
      for (std::size_t i = 0; i < links.size(); ++i) {
        if ((graph >> i & 1) != 0) world.cut(links[i].first, links[i].second);
      }
      survive(world, 3, leader,
              "graph " + std::to_string(graph) + " leader " + std::to_string(leader));
    }
  }
}

TEST(RaftLinks, GraphsOfFive_WithAConnectedMajority) {
  const Links links = all_links(5);
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    Cluster world(5);
    world.seed = seed;
    const NodeId leader = random.between(1, 5);
    ASSERT_EQ(world.elect(leader), leader);
    const std::uint64_t lost = random.between(20, 90);
    for (const auto& [from, to] : links) {
      const bool in_core = from <= 3 && to <= 3;
      if (!in_core && random.between(0, 99) < lost) world.cut(from, to);
    }
    survive(world, 5, leader, "seed " + std::to_string(seed));
  }
}

TEST(RaftLinks, LongIsolation_ReturnsWithoutUnseatingAnybody) {
  Cluster world(3);
  ASSERT_EQ(world.elect(1), 1u);
  world.isolate(3);
  ASSERT_TRUE(world.run(500));
  const Term term = world.core(1).term();
  EXPECT_EQ(world.core(3).term(), term);
  world.heal();
  ASSERT_TRUE(world.run(40));
  EXPECT_EQ(world.leader(), 1u);
  EXPECT_EQ(newest_term(world), term);
}

TEST(RaftLinks, SpeaksButHearsNothing_RaisesNobodysTerm) {
  Cluster world(3);
  ASSERT_EQ(world.elect(1), 1u);
  const Term term = world.core(1).term();
  world.cut(1, 3);
  world.cut(2, 3);
  ASSERT_TRUE(world.run(500));
  EXPECT_EQ(world.leader(), 1u);
  EXPECT_EQ(newest_term(world), term);
}

}  // namespace
}  // namespace cairn::raft::test
