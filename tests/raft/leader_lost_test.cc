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

TEST(RaftLeaderLost_Unreachable, LeaderIsGone_TheVotersStandInTurn_NobodyTwice) {
  for (const int voters : {3, 5}) {
    Cluster cluster(voters, 0, patient());
    ASSERT_EQ(cluster.elect(1), 1u);
    const Term term = cluster.core(1).term();
    cluster.crash(1);
    for (NodeId id : cluster.ids())
      if (id != 1) cluster.core(id).unreachable(1);
    for (int tick = 0; tick < 2; ++tick) {
      for (NodeId id : cluster.ids())
        if (id != 1) cluster.tick(id);
      cluster.settle();
    }
    EXPECT_NE(cluster.leader(), kNobody) << voters;
    EXPECT_EQ(cluster.core(2).term(), term + 1) << "no vote was split";
  }
}

TEST(RaftLeaderLost_Unreachable, TheOtherNoticesLater_IsAskedAgainSoon) {
  Cluster cluster(3, 0, patient());
  ASSERT_EQ(cluster.elect(1), 1u);
  cluster.crash(1);
  const auto turns = [&](int n) {
    for (int tick = 0; tick < n; ++tick) {
      for (NodeId id : {2, 3}) cluster.tick(id);
      cluster.settle();
    }
  };
  cluster.core(3).unreachable(1);
  turns(3);
  ASSERT_EQ(cluster.leader(), kNobody) << "the other one still counts on the leader";
  cluster.core(2).unreachable(1);
  turns(9);
  EXPECT_NE(cluster.leader(), kNobody);
}

TEST(RaftLeaderLost_Unreachable, WhoStandsFirstLacksAnEntry_TheOtherStandsAtOnce) {
  Cluster cluster(3, 0, patient());
  ASSERT_EQ(cluster.elect(1), 1u);
  cluster.cut(1, 3);
  (void)cluster.propose(1, "x");
  cluster.settle();
  cluster.crash(1);
  cluster.heal();
  for (NodeId id : {2, 3}) cluster.core(id).unreachable(1);
  for (int tick = 0; tick < 2; ++tick) {
    for (NodeId id : {2, 3}) cluster.tick(id);
    cluster.settle();
  }
  EXPECT_EQ(cluster.leader(), 2u);
}

TEST(RaftLeaderLost_Unreachable, NobodyElseThere_GivesUpHurrying) {
  Cluster cluster(3, 0, patient());
  ASSERT_EQ(cluster.elect(1), 1u);
  cluster.crash(1);
  cluster.crash(2);
  cluster.core(3).unreachable(1);
  int asked = 0;
  cluster.on_send = [&](const Packet& packet) {
    if (packet.message.to == 2) ++asked;
  };
  for (int tick = 0; tick < 600; ++tick) {
    cluster.tick(3);
    cluster.settle();
  }
  EXPECT_GT(asked, 8);
  EXPECT_LT(asked, 8 + 600 / 30) << "as seldom as ever, after the first tries";
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
