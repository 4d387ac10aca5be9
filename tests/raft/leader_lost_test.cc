// What a follower does when the transport loses its leader: it asks sooner, and unseats nobody.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/raft/cluster.h"

namespace cairn::raft::test {
namespace {

CoreOptions patient() {
  CoreOptions options;
  options.heartbeat_ticks = 5;
  options.election_ticks_min = 30;
  options.election_ticks_max = 60;
  return options;
}

TEST(RaftLeaderLost_Unreachable, LeaderIsGone_NextOneWithinHalfATimeout) {
  Cluster cluster(3, 0, patient());
  ASSERT_EQ(cluster.elect(1), 1u);
  cluster.crash(1);
  for (NodeId id : {2, 3}) cluster.core(id).unreachable(1);
  for (int tick = 0; tick < 16; ++tick) {
    for (NodeId id : {2, 3}) cluster.tick(id);
    cluster.settle();
  }
  EXPECT_THAT(cluster.leader(), testing::AnyOf(2u, 3u));
}

TEST(RaftLeaderLost_Unreachable, OnlyOneLostIt_TheLeaderStays) {
  Cluster cluster(3, 0, patient());
  ASSERT_EQ(cluster.elect(1), 1u);
  const Term term = cluster.core(1).term();
  cluster.cut(1, 2);
  cluster.cut(2, 1);
  cluster.core(2).unreachable(1);
  for (int tick = 0; tick < 25; ++tick) {
    cluster.tick_all();
    cluster.settle();
  }
  EXPECT_EQ(cluster.leader(), 1u);
  EXPECT_EQ(cluster.core(3).term(), term);
  EXPECT_EQ(cluster.core(2).term(), term) << "a pre-vote that was refused must not raise a term";
}

}  // namespace
}  // namespace cairn::raft::test
