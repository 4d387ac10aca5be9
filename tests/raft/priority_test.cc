// Who leads: by priority, and not with a disk that hangs.
#include <gtest/gtest.h>

#include "tests/raft/cluster.h"

namespace cairn::raft::test {
namespace {

Restored fresh() {
  Restored restored;
  restored.config.voters = {1, 2, 3};
  return restored;
}

// Ticks until it asks for votes by itself; 1,000: never.
int patience(int priority, std::uint64_t seed) {
  CoreOptions options;
  options.id = 1;
  options.seed = seed;
  options.priority = priority;
  Core core(options, fresh());
  for (int ticks = 1; ticks < 1000; ++ticks) {
    core.tick();
    if (core.role() == Role::kPreCandidate) return ticks;
  }
  return 1000;
}

TEST(RaftPriority, TheLower_TheLongerItWaits) {
  for (std::uint64_t seed = 1; seed < 50; ++seed) {
    EXPECT_EQ(patience(1, seed), patience(100, seed) + 5);  // most of one range of 6 ticks
    EXPECT_EQ(patience(50, seed), patience(100, seed) + 3);
  }
}

TEST(RaftPriority, Zero_StandsOnlyWhenTold) {
  EXPECT_EQ(patience(0, 1), 1000);
  CoreOptions options;
  options.id = 1;
  options.priority = 0;
  Core core(options, fresh());
  core.campaign();
  EXPECT_EQ(core.role(), Role::kPreCandidate);
}

TEST(RaftDisk, TheLeadersDiskHangs_AnotherLeads) {
  Cluster world(3);
  ASSERT_EQ(world.elect(1), 1u);
  (void)world.propose(1, "before");
  ASSERT_TRUE(world.run(1));
  world.hung_disk = 1;
  (void)world.propose(1, "while it hangs");
  for (int i = 0; i < 12; ++i) {
    world.tick_all();
    ASSERT_TRUE(world.deliver_all());
    ASSERT_EQ(world.leader(), 1u);  // patience of the longest election timeout
  }
  world.tick_all(2);
  ASSERT_TRUE(world.deliver_all());
  ASSERT_NE(world.leader(), 1u);
  ASSERT_NE(world.leader(), kNobody);
  EXPECT_EQ(world.applied(world.leader()), (std::vector<std::string>{"before", "while it hangs"}));
}

TEST(RaftDisk, NobodyElseIsThere_TheLeaderWaitsForItsDisk) {
  Cluster world(1);
  ASSERT_EQ(world.elect(1), 1u);
  world.hung_disk = 1;
  (void)world.propose(1, "x");
  world.tick_all(50);
  EXPECT_EQ(world.leader(), 1u);
  world.hung_disk = kNobody;
  ASSERT_TRUE(world.run(1));
  EXPECT_EQ(world.applied(1), (std::vector<std::string>{"x"}));
}

TEST(RaftDisk, SlowButMoving_KeepsItsOffice) {
  Cluster world(3);
  ASSERT_EQ(world.elect(1), 1u);
  world.slow_disks = true;
  for (int i = 0; i < 60; ++i) {
    (void)world.propose(1, "p");
    world.tick_all();
    for (NodeId id : {2u, 3u}) world.flush(id);
    if (i % 8 == 7) world.write_one(1), world.confirm_one(1);
    ASSERT_TRUE(world.deliver_all());
    ASSERT_EQ(world.leader(), 1u);
  }
}

}  // namespace
}  // namespace cairn::raft::test
