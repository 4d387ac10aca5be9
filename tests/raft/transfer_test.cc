// Handing leadership over (3.10, hazard R13).
#include <gtest/gtest.h>

#include "tests/raft/cluster.h"

namespace cairn::raft::test {
namespace {

class RaftTransfer : public ::testing::Test {
 protected:
  RaftTransfer() {
    world.on_ready = [this](Member& m, const Ready& ready) {
      for (const Event& event : ready.events) {
        failed += m.id == 1 && event.kind == Event::Kind::kTransferFailed;
      }
    };
    EXPECT_EQ(world.elect(1), 1u);
  }
  void run(int rounds) { ASSERT_TRUE(world.run(rounds)); }

  Cluster world{3, 1};
  int failed = 0;
};

TEST_F(RaftTransfer, ToAFollowerThatHasEverything_AtOnce) {
  ASSERT_EQ(world.transfer(1, 3), TransferOutcome::kStarted);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.leader(), 3u);
  EXPECT_EQ(world.core(1).role(), Role::kFollower);
  EXPECT_EQ(failed, 0);
}

TEST_F(RaftTransfer, Refusals_SayWhy) {
  EXPECT_EQ(world.transfer(2, 3), TransferOutcome::kNotLeader);
  EXPECT_EQ(world.transfer(1, 1), TransferOutcome::kAlready);
  EXPECT_EQ(world.transfer(1, 4), TransferOutcome::kNotVoter);
  EXPECT_EQ(world.transfer(1, 9), TransferOutcome::kNotVoter);
  world.isolate(2);
  (void)world.propose(1, "2 lacks it");
  EXPECT_EQ(world.transfer(1, 2), TransferOutcome::kStarted);
  EXPECT_EQ(world.transfer(1, 3), TransferOutcome::kUnderWay);
  world.resign(1, true);
  EXPECT_EQ(world.transfer(1, 2), TransferOutcome::kFailed);
}

TEST_F(RaftTransfer, TargetIsBehind_IsFedFirst) {
  world.isolate(2);
  (void)world.propose(1, "2 lacks it");
  ASSERT_TRUE(world.settle());
  ASSERT_EQ(world.transfer(1, 2), TransferOutcome::kStarted);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.leader(), 1u);
  world.heal();
  run(5);
  EXPECT_EQ(world.leader(), 1u);  // not yet: the leader asks again when its patience ends
  run(2);
  EXPECT_EQ(failed, 1);
  ASSERT_EQ(world.transfer(1, 2), TransferOutcome::kStarted);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.leader(), 2u);
  EXPECT_EQ(world.applied(2), (std::vector<std::string>{"2 lacks it"}));
}

TEST_F(RaftTransfer, TargetIsDead_AbortsAndServesOn) {
  world.crash(2);
  ASSERT_EQ(world.transfer(1, 2), TransferOutcome::kStarted);
  EXPECT_EQ(world.propose(1, "x").outcome, ProposeOutcome::kTransferring);
  EXPECT_EQ(world.change(1, {{1, 3}, {}, {}}).outcome, ChangeOutcome::kNotReady);
  run(5);
  EXPECT_EQ(world.propose(1, "x").outcome, ProposeOutcome::kTransferring);
  run(1);  // one election timeout
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(world.propose(1, "x").outcome, ProposeOutcome::kAccepted);
  run(2);
  EXPECT_EQ(world.leader(), 1u);
  EXPECT_EQ(world.applied(3), (std::vector<std::string>{"x"}));
}

TEST_F(RaftTransfer, TheWordIsLost_SaidAgain) {
  world.cut(1, 2);
  ASSERT_EQ(world.transfer(1, 2), TransferOutcome::kStarted);
  world.heal();
  run(3);
  EXPECT_EQ(world.leader(), 2u);
}

TEST_F(RaftTransfer, TargetIsRemovedMeanwhile_Ends) {
  // A change is refused while a transfer lasts, so only one begun before can remove the target.
  ASSERT_EQ(world.change(1, {{1, 3}, {}, {4}}).outcome, ChangeOutcome::kAccepted);
  world.network.clear();
  EXPECT_EQ(world.transfer(1, 2), TransferOutcome::kNotVoter);
}

TEST_F(RaftTransfer, JointConfigurationMeanwhile_LeftAfterwards) {
  ASSERT_EQ(world.change(1, {{1, 2}, {}, {3, 4}}).outcome, ChangeOutcome::kAccepted);
  world.isolate(3);
  ASSERT_EQ(world.transfer(1, 2), TransferOutcome::kStarted);
  run(30);
  ASSERT_NE(world.leader(), kNobody);
  EXPECT_EQ(world.core(world.leader()).config(), (Configuration{{1, 2}, {}, {3, 4}}));
}

}  // namespace
}  // namespace cairn::raft::test
