// Membership changes (dissertation, chapter 4), the core's side: what is refused and why, what each
// step of a joint change needs, and what a crash, a truncation or a snapshot leaves of it.
#include <gtest/gtest.h>

#include "raft/quorum.h"
#include "tests/raft/cluster.h"

namespace cairn::raft::test {
namespace {

using Ids = std::vector<NodeId>;

class RaftMembership : public ::testing::Test {
 protected:
  void run(int rounds) { ASSERT_TRUE(world.run(rounds)); }
  ChangeOutcome change(NodeId leader, Ids voters, Ids learners = {}) {
    last = world.change(leader, {std::move(voters), {}, std::move(learners)});
    return last.outcome;
  }
  /// A newcomer becomes a learner that has everything.
  void grow(NodeId id) {
    world.join(id);
    Configuration wanted = config(1);
    wanted.learners.push_back(id);
    ASSERT_EQ(change(1, wanted.voters, wanted.learners), ChangeOutcome::kAccepted);
    run(20);
    ASSERT_EQ(world.applied(id), world.applied(1));
  }
  const Configuration& config(NodeId id) { return world.core(id).config(); }
  bool committed(NodeId id) {
    const Status status = world.core(id).status();
    return status.config == status.committed_config;
  }

  Cluster world{3};
  Changed last;
};

TEST_F(RaftMembership, OnlyALeader_MayChange) {
  EXPECT_EQ(change(2, {1, 2}), ChangeOutcome::kNotLeader);
  ASSERT_EQ(world.elect(1), 1u);
  EXPECT_EQ(change(2, {1, 2}), ChangeOutcome::kNotLeader);
  world.resign(3, true);
  EXPECT_EQ(change(3, {1, 2}), ChangeOutcome::kFailed);
}

TEST_F(RaftMembership, BeforeTheOwnNoop_NotReady) {
  // Hazard M1: the leader is elected, nobody has its no-op.
  world.campaign(1);
  while (world.core(1).role() != Role::kLeader) {
    ASSERT_FALSE(world.network.empty());
    const Packet packet = world.network.front();
    world.network.pop_front();
    world.deliver(packet);
  }
  EXPECT_EQ(change(1, {1, 2, 3}, {4}), ChangeOutcome::kNotReady);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(change(1, {1, 2, 3}, {4}), ChangeOutcome::kAccepted);
}

TEST_F(RaftMembership, Nonsense_IsInvalid) {
  ASSERT_EQ(world.elect(1), 1u);
  EXPECT_EQ(change(1, {}), ChangeOutcome::kInvalid);
  EXPECT_EQ(change(1, {}, {1, 2, 3}), ChangeOutcome::kInvalid);
  EXPECT_EQ(change(1, {1, 2, 2}), ChangeOutcome::kInvalid);
  EXPECT_EQ(change(1, {0, 1, 2}), ChangeOutcome::kInvalid);
  EXPECT_EQ(change(1, {1, 2, 3}, {3}), ChangeOutcome::kInvalid);
  EXPECT_EQ(world.change(1, {{1, 2}, {1, 2, 3}, {}}).outcome, ChangeOutcome::kInvalid);
  Ids many;
  for (NodeId id = 1; id <= kMembersMax + 1; ++id) many.push_back(id);
  EXPECT_EQ(change(1, {1, 2, 3}, many), ChangeOutcome::kInvalid);
  EXPECT_EQ(change(1, {1, 2, 3}), ChangeOutcome::kUnchanged);
  EXPECT_EQ(change(1, {3, 1, 2}), ChangeOutcome::kUnchanged);  // in any order
}

TEST_F(RaftMembership, AnEarlierChangeNotCommitted_UnderWay) {
  ASSERT_EQ(world.elect(1), 1u);
  ASSERT_EQ(change(1, {1, 2, 3}, {4}), ChangeOutcome::kAccepted);
  EXPECT_EQ(change(1, {1, 2, 3}, {4, 5}), ChangeOutcome::kUnderWay);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(change(1, {1, 2, 3}, {4, 5}), ChangeOutcome::kAccepted);
}

TEST_F(RaftMembership, ANewVoterThatIsNoCaughtUpLearner_IsNamed) {
  ASSERT_EQ(world.elect(1), 1u);
  EXPECT_EQ(change(1, {1, 2, 3, 4}), ChangeOutcome::kNotCaughtUp);
  EXPECT_EQ(last.node, 4u);
  ASSERT_EQ(change(1, {1, 2, 3}, {4}), ChangeOutcome::kAccepted);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(change(1, {1, 2, 3, 4}), ChangeOutcome::kNotCaughtUp);  // there is no 4 yet
  world.join(4);
  run(20);
  world.isolate(4);
  (void)world.propose(1, "while 4 is away");
  run(3);
  EXPECT_EQ(change(1, {1, 2, 3, 4}), ChangeOutcome::kNotCaughtUp);
  world.heal();
  run(20);
  EXPECT_EQ(change(1, {1, 2, 3, 4}), ChangeOutcome::kAccepted);
}

TEST_F(RaftMembership, RemovingTheLiveMajority_NoQuorum) {
  ASSERT_EQ(world.elect(1), 1u);
  world.crash(3);
  run(14);
  ASSERT_EQ(world.leader(), 1u);
  EXPECT_EQ(change(1, {1, 3}), ChangeOutcome::kNoQuorum);
  EXPECT_EQ(change(1, {1, 2}), ChangeOutcome::kAccepted);
}

TEST_F(RaftMembership, ANewcomer_BeginsWithASnapshotThatNamesIt) {
  ASSERT_EQ(world.elect(1), 1u);
  for (int i = 0; i < 5; ++i) (void)world.propose(1, "p" + std::to_string(i));
  ASSERT_TRUE(world.settle());
  world.join(4);
  EXPECT_EQ(world.core(4).role(), Role::kLearner);
  std::size_t snapshots = 0;
  world.on_send = [&](const Packet& packet) {
    const auto* append = std::get_if<AppendRequest>(&packet.message.body);
    const bool entries = packet.kind == Packet::Kind::kMessage && append != nullptr &&
                         !append->entries.empty() && packet.message.to == 4;
    EXPECT_FALSE(entries && config(4) == Configuration{} && snapshots > 0);
    if (packet.kind != Packet::Kind::kSnapshot) return;
    ++snapshots;
    EXPECT_TRUE(is_member(packet.meta.config, 4)) << describe(packet);
  };
  ASSERT_EQ(change(1, {1, 2, 3}, {4}), ChangeOutcome::kAccepted);
  run(10);
  EXPECT_EQ(snapshots, 1u);
  EXPECT_EQ(world.applied(4), world.applied(1));
  EXPECT_EQ(config(4), config(1));
}

TEST_F(RaftMembership, ASnapshotThatDoesNotNameIt_IsRefused) {
  world.join(4);
  EXPECT_FALSE(world.core(4).wants_snapshot(1, 1, SnapshotMeta{5, 1, {{1, 2, 3}, {}, {}}}));
  EXPECT_TRUE(world.core(4).wants_snapshot(1, 1, SnapshotMeta{5, 1, {{1, 2, 3}, {}, {4}}}));
}

TEST_F(RaftMembership, AMemberWithoutConfiguration_HasNoVoteAndNeverStands) {
  world.join(4);
  world.tick(4, 100);
  EXPECT_EQ(world.core(4).term(), 0u);
  world.core(4).step(Message{1, 4, 3, VoteRequest{false, false, 9, 2}});
  world.drain(4);
  EXPECT_EQ(world.core(4).status().vote, kNobody);
  for (const Packet& packet : world.network) EXPECT_NE(packet.message.from, 4u);
}

TEST_F(RaftMembership, AllThreeReplaced_AtOnce) {
  ASSERT_EQ(world.elect(1), 1u);
  (void)world.propose(1, "kept");
  for (NodeId id : {4u, 5u, 6u}) grow(id);
  ASSERT_EQ(change(1, {4, 5, 6}), ChangeOutcome::kAccepted);
  EXPECT_TRUE(is_joint(config(1)));
  run(40);
  const NodeId leader = world.leader();
  ASSERT_GE(leader, 4u);
  EXPECT_EQ(config(leader), (Configuration{{4, 5, 6}, {}, {}}));
  EXPECT_NE(world.core(1).role(), Role::kLeader);
  (void)world.propose(leader, "after");
  run(3);
  for (NodeId id : {4u, 5u, 6u})
    EXPECT_EQ(world.applied(id), (std::vector<std::string>{"kept", "after"}));
}

TEST_F(RaftMembership, JointEntry_IsNotCommittedByTheNewMajorityAlone) {
  ASSERT_EQ(world.elect(1), 1u);
  grow(4);
  grow(5);
  world.cut(2, 1);
  world.cut(3, 1);
  ASSERT_EQ(change(1, {1, 4, 5}), ChangeOutcome::kAccepted);
  run(3);  // 1, 4 and 5 have it
  EXPECT_LT(world.core(1).commit(), last.index);
  EXPECT_TRUE(is_joint(config(1)));
  world.heal();
  run(10);
  EXPECT_EQ(config(1), (Configuration{{1, 4, 5}, {}, {}}));
}

TEST_F(RaftMembership, JointEntry_IsNotCommittedByTheOldMajorityAlone) {
  ASSERT_EQ(world.elect(1), 1u);
  grow(4);
  grow(5);
  world.cut(4, 1);
  world.cut(5, 1);
  ASSERT_EQ(change(1, {1, 4, 5}), ChangeOutcome::kAccepted);
  run(3);  // 1, 2 and 3 have it
  EXPECT_LT(world.core(1).commit(), last.index);
  EXPECT_TRUE(is_joint(config(1)));
  world.heal();
  run(10);
  EXPECT_EQ(config(1), (Configuration{{1, 4, 5}, {}, {}}));
}

TEST_F(RaftMembership, ALeaderThatIsRemoved_LeadsUntilTheEndAndGoes) {
  ASSERT_EQ(world.elect(1), 1u);
  std::vector<Role> roles;
  ASSERT_EQ(change(1, {2, 3}), ChangeOutcome::kAccepted);
  EXPECT_EQ(world.core(1).role(), Role::kLeader);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.core(1).role(), Role::kLearner);
  EXPECT_NE(world.leader(), kNobody);  // it said so: no election timeout was waited for
  EXPECT_EQ(config(world.leader()), (Configuration{{2, 3}, {}, {}}));
}

TEST_F(RaftMembership, ALeaderInItsLastCommit_DoesNotCountItself) {
  ASSERT_EQ(world.elect(1), 1u);
  ASSERT_EQ(change(1, {2, 3}), ChangeOutcome::kAccepted);
  // The joint entry passes; of the leave entry only 2 hears.
  std::size_t steps = 0;
  while (is_joint(config(1)) && ++steps < 1000) {
    ASSERT_FALSE(world.network.empty());
    const Packet packet = world.network.front();
    world.network.pop_front();
    world.deliver(packet);
  }
  world.cut(1, 3);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.core(1).role(), Role::kLeader) << "1 and 2 are no majority of 2 and 3";
  EXPECT_FALSE(committed(1));
  world.heal();
  run(10);
  EXPECT_NE(world.core(1).role(), Role::kLeader);
}

TEST_F(RaftMembership, ARemovedFollower_DisturbsNobody) {
  ASSERT_EQ(world.elect(1), 1u);
  ASSERT_EQ(change(1, {1, 2}), ChangeOutcome::kAccepted);
  run(10);
  const Term term = world.core(1).term();
  world.tick(3, 30);
  run(60);
  EXPECT_EQ(world.leader(), 1u);
  EXPECT_EQ(world.core(1).term(), term);
}

TEST_F(RaftMembership, ATruncatedConfiguration_IsTakenBack) {
  ASSERT_EQ(world.elect(1), 1u);
  const Configuration before = config(1);
  world.isolate(1);
  ASSERT_EQ(change(1, {1, 2}), ChangeOutcome::kAccepted);
  EXPECT_TRUE(is_joint(config(1)));
  for (int i = 0; i < 30; ++i) {
    world.tick(2);
    world.tick(3);
    ASSERT_TRUE(world.settle());
  }
  ASSERT_NE(world.leader(), 1u);
  world.heal();
  run(10);
  EXPECT_EQ(config(1), before);
  EXPECT_TRUE(committed(1));
}

TEST_F(RaftMembership, EveryCrashPoint_TheChangeIsFinishedOrNeverWas) {
  // Hazard M3: the leader dies after each of its deliveries; those left go on by themselves.
  for (int point = 0; point < 40; ++point) {
    Cluster w{3};
    w.seed = static_cast<std::uint64_t>(point) + 1;
    ASSERT_EQ(w.elect(1), 1u);
    w.join(4);
    ASSERT_EQ(w.change(1, {{1, 2, 3}, {}, {4}}).outcome, ChangeOutcome::kAccepted);
    ASSERT_TRUE(w.run(20));
    ASSERT_EQ(w.change(1, {{2, 3, 4}, {}, {}}).outcome, ChangeOutcome::kAccepted);
    for (int i = 0; i < point && !w.network.empty(); ++i) {
      const Packet packet = w.network.front();
      w.network.pop_front();
      w.deliver(packet);
    }
    w.crash(1);
    ASSERT_TRUE(w.run(80));
    const NodeId leader = w.leader();
    ASSERT_NE(leader, kNobody) << point;
    const Status status = w.core(leader).status();
    EXPECT_FALSE(is_joint(status.config)) << point;
    EXPECT_EQ(status.config, status.committed_config) << point;
    EXPECT_TRUE(status.config.voters == (Ids{2, 3, 4}) || status.config.voters == (Ids{1, 2, 3}))
        << point << " " << describe(status.config);
  }
}

TEST_F(RaftMembership, ARemovedMemberWithTheNewestLog_StandsAndEndsIt) {
  // 4.2.2: the leave entry is on 1 alone, and of the others only 3 is left. 1 has the newest log,
  // so only 1 can win; it must stand although its own configuration does not name it.
  Cluster w{3};
  ASSERT_EQ(w.elect(1), 1u);
  ASSERT_EQ(w.change(1, {{2, 3}, {}, {}}).outcome, ChangeOutcome::kAccepted);
  while (is_joint(w.core(1).config())) {
    ASSERT_FALSE(w.network.empty());
    const Packet packet = w.network.front();
    w.network.pop_front();
    w.deliver(packet);
  }
  w.network.clear();
  w.crash(1);
  w.crash(2);
  w.restart(1);
  ASSERT_EQ(w.core(1).config(), (Configuration{{2, 3}, {}, {}}));
  w.restart(2);
  ASSERT_TRUE(w.run(120));
  ASSERT_NE(w.leader(), kNobody);
  EXPECT_EQ(w.core(w.leader()).status().committed_config, (Configuration{{2, 3}, {}, {}}));
}

TEST_F(RaftMembership, ALearnerMadeVoterWithoutKnowing_Votes) {
  // 4 learns of neither entry, and is half of those that are left: its vote is needed.
  ASSERT_EQ(world.elect(1), 1u);
  grow(4);
  world.isolate(4);
  ASSERT_EQ(change(1, {1, 2, 4}), ChangeOutcome::kAccepted);
  run(3);
  ASSERT_EQ(config(2), (Configuration{{1, 2, 4}, {}, {}}));
  ASSERT_EQ(world.core(4).role(), Role::kLearner);
  world.crash(1);
  world.crash(3);
  world.heal();
  run(60);
  ASSERT_EQ(world.leader(), 2u);
  EXPECT_EQ(world.core(4).role(), Role::kFollower);
}

TEST_F(RaftMembership, Restart_AnywhereInAChange_SameConfiguration) {
  ASSERT_EQ(world.elect(1), 1u);
  world.slow_apply = true;
  ASSERT_EQ(change(1, {1, 2}, {3}), ChangeOutcome::kAccepted);
  ASSERT_TRUE(world.settle());
  for (NodeId id : {1u, 2u, 3u}) {
    const Configuration before = config(id);
    for (Index applied : {Index{0}, Index{1}, Index{99}}) {
      world.crash(id);
      world.restart(id, 1, applied);
      EXPECT_EQ(config(id), before) << id;
    }
  }
}

TEST_F(RaftMembership, AVoterBecomesALearner_ByWayOfTheJointConfiguration) {
  ASSERT_EQ(world.elect(1), 1u);
  ASSERT_EQ(change(1, {1, 2}, {3}), ChangeOutcome::kAccepted);
  EXPECT_EQ(config(1), (Configuration{{1, 2}, {1, 2, 3}, {3}}));
  EXPECT_FALSE(world.core(1).status().peers.back().learner);  // it votes as long as this lasts
  run(5);
  EXPECT_EQ(config(1), (Configuration{{1, 2}, {}, {3}}));
  EXPECT_TRUE(world.core(1).status().peers.back().learner);
  EXPECT_EQ(world.core(3).role(), Role::kLearner);
}

TEST_F(RaftMembership, AStrangersAnswers_CountForNothing) {
  // Hazard M10.
  ASSERT_EQ(world.elect(1), 1u);
  world.isolate(1);
  const Proposed proposed = world.propose(1, "alone");
  for (NodeId stranger : {8u, 9u}) {
    world.core(1).step(Message{stranger, 1, 1, AppendReply{false, proposed.first, 0, 0}});
    world.core(1).step(Message{stranger, 1, 1, HeartbeatReply{1}});
    world.core(1).step(Message{stranger, 1, 1, ReadIndexRequest{7}});
    world.core(1).step(Message{stranger, 1, 9, AppendReply{false, 1, 0, 0}});
  }
  world.drain(1);
  EXPECT_LT(world.core(1).commit(), proposed.first);
  EXPECT_EQ(world.core(1).term(), 1u);
}

TEST_F(RaftMembership, ConfigAt_TellsEachIndexItsOwn) {
  ASSERT_EQ(world.elect(1), 1u);
  ASSERT_EQ(change(1, {1, 2}), ChangeOutcome::kAccepted);
  run(5);
  const Core& core = world.core(1);
  EXPECT_EQ(core.config_at(last.index - 1)->config, (Configuration{{1, 2, 3}, {}, {}}));
  EXPECT_TRUE(is_joint(core.config_at(last.index)->config));
  EXPECT_EQ(core.config_at(last.index + 1)->config, (Configuration{{1, 2}, {}, {}}));
  EXPECT_EQ(core.config_at(last.index + 1)->index, last.index + 1);
  EXPECT_FALSE(core.config_at(core.last_index() + 1));
  world.compact(1, last.index);
  EXPECT_FALSE(core.config_at(last.index - 1));
  EXPECT_TRUE(is_joint(core.config_at(last.index)->config));
}

}  // namespace
}  // namespace cairn::raft::test
