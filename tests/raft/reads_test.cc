// ReadIndex (dissertation 6.4; hazards Q1-Q4, Q6).
#include <gtest/gtest.h>

#include "tests/raft/cluster.h"

namespace cairn::raft::test {
namespace {

class RaftReads : public ::testing::Test {
 protected:
  std::vector<std::uint64_t> answered(NodeId id) {
    std::vector<std::uint64_t> out;
    for (const ReadState& read : world.member(id).reads) out.push_back(read.request);
    return out;
  }
  std::vector<std::uint64_t> failed(NodeId id) {
    std::vector<std::uint64_t> out;
    for (const ReadFailure& read : world.member(id).failed_reads) out.push_back(read.request);
    return out;
  }
  std::size_t in_flight(const std::string& type) {
    std::size_t n = 0;
    for (const Packet& packet : world.network) {
      n += describe(packet).find(type) != std::string::npos;
    }
    return n;
  }
  using Requests = std::vector<std::uint64_t>;
  Cluster world{3};
};

TEST_F(RaftReads, OneBurst_SharesOneRound) {
  ASSERT_EQ(world.elect(1), 1u);
  for (std::uint64_t r = 1; r <= 50; ++r) {
    ASSERT_EQ(world.core(1).read_index(r), ReadOutcome::kAccepted);
  }
  world.drain(1);
  EXPECT_EQ(in_flight("heartbeat"), 2u);
  EXPECT_TRUE(answered(1).empty());
  world.settle();
  EXPECT_EQ(answered(1).size(), 50u);
}

TEST_F(RaftReads, FollowersBurst_AsksOnce) {
  ASSERT_EQ(world.elect(1), 1u);
  for (std::uint64_t r = 1; r <= 50; ++r) (void)world.core(2).read_index(r);
  world.drain(2);
  EXPECT_EQ(in_flight("read?"), 1u);
  world.settle();
  EXPECT_EQ(answered(2).size(), 50u);
}

TEST_F(RaftReads, FirstMoments_WaitForTheNoop) {
  world.campaign(1);
  while (world.core(1).role() != Role::kLeader) {
    Packet packet = world.network.front();
    world.network.pop_front();
    world.deliver(packet);
  }
  EXPECT_EQ(world.read(1, 1), ReadOutcome::kAccepted);
  EXPECT_EQ(in_flight("round"), 0u);
  world.settle();
  ASSERT_EQ(answered(1), Requests{1});
  EXPECT_GE(world.member(1).reads[0].index, 1u);  // of its own term
}

TEST_F(RaftReads, SingleVoter_WaitsForTheNoopToo) {
  Cluster one(1);
  one.given(1, {1, 1, 1}, 1);
  one.slow_disks = true;
  one.campaign(1);
  ASSERT_TRUE(one.write_one(1) && one.confirm_one(1));
  ASSERT_EQ(one.core(1).role(), Role::kLeader);
  (void)one.read(1, 1);
  EXPECT_TRUE(one.member(1).reads.empty());
  one.flush(1);
  ASSERT_EQ(one.member(1).reads.size(), 1u);
  EXPECT_EQ(one.member(1).reads[0].index, 4u);
}

TEST_F(RaftReads, AnswerOfAnEarlierRound_ProvesNothing) {
  ASSERT_EQ(world.elect(1), 1u);
  (void)world.read(1, 1);
  for (const Packet& packet : std::deque<Packet>(world.network)) {
    if (packet.message.to == 2) world.deliver(packet);
  }
  const Packet old_answer = world.network.back();
  world.settle();
  ASSERT_EQ(answered(1), Requests{1});
  (void)world.read(1, 2);
  world.network.clear();
  world.deliver(old_answer);
  world.deliver(old_answer);
  EXPECT_EQ(answered(1), Requests{1});
  world.tick(1);  // the lost round travels again with the heartbeat
  world.settle();
  EXPECT_EQ(answered(1), (Requests{1, 2}));
}

TEST_F(RaftReads, DeposedLeader_AnswersNothing) {
  ASSERT_EQ(world.elect(1), 1u);
  world.isolate(1);
  (void)world.read(1, 1);
  while (world.leader() != 2) {
    world.tick(2);
    world.tick(3);
    if (world.core(2).role() == Role::kFollower && world.core(3).role() == Role::kFollower)
      continue;
    world.campaign(2);
    world.settle();
  }
  (void)world.propose(2, "newer");
  world.settle();
  world.heal();
  world.tick(1);
  world.settle();
  EXPECT_TRUE(answered(1).empty());
  EXPECT_EQ(failed(1), Requests{1});
}

TEST_F(RaftReads, NoQuorum_FailsAfterAnElectionTimeout) {
  CoreOptions options;
  options.check_quorum = false;
  Cluster deaf(3, 0, options);
  ASSERT_EQ(deaf.elect(1), 1u);
  deaf.isolate(1);
  (void)deaf.read(1, 1);
  deaf.tick(1, 11);
  EXPECT_TRUE(deaf.member(1).failed_reads.empty());
  deaf.tick(1);
  EXPECT_EQ(deaf.member(1).failed_reads.size(), 1u);
}

TEST_F(RaftReads, QuestionLost_FailsAfterAnElectionTimeout) {
  ASSERT_EQ(world.elect(1), 1u);
  (void)world.read(2, 1);
  world.network.clear();
  for (int i = 0; i < 12; ++i) {
    world.tick_all();
    world.settle();
  }
  EXPECT_EQ(failed(2), Requests{1});
}

TEST_F(RaftReads, LeaderGone_FailsAtOnce) {
  ASSERT_EQ(world.elect(1), 1u);
  (void)world.read(2, 1);
  world.network.clear();
  Packet newer;
  newer.message = Message{3, 2, 9, Heartbeat{}};
  world.deliver(newer);
  EXPECT_EQ(failed(2), Requests{1});
}

TEST_F(RaftReads, FollowerBehindLeader_SeesWhatWasCommittedWhenAsked) {
  ASSERT_EQ(world.elect(1), 1u);
  world.isolate(3);
  (void)world.propose(1, "a");
  world.settle();
  world.heal();
  (void)world.read(3, 1);
  world.settle();
  ASSERT_EQ(answered(3), Requests{1});
  EXPECT_EQ(world.member(3).reads[0].index, 2u);
}

TEST_F(RaftReads, TooMany_Refused) {
  CoreOptions options;
  options.pending_reads_max = 3;
  Cluster small(3, 0, options);
  ASSERT_EQ(small.elect(1), 1u);
  for (std::uint64_t r = 1; r <= 3; ++r) EXPECT_EQ(small.read(1, r), ReadOutcome::kAccepted);
  EXPECT_EQ(small.read(1, 4), ReadOutcome::kOverloaded);
  small.settle();
  EXPECT_EQ(small.read(1, 5), ReadOutcome::kAccepted);
}

TEST_F(RaftReads, NoLeader_Said) {
  EXPECT_EQ(world.read(1, 1), ReadOutcome::kNoLeader);
}

TEST_F(RaftReads, NotTheLeader_AnswersZeroAndTheReadFails) {
  ASSERT_EQ(world.elect(1), 1u);
  (void)world.read(2, 1);
  world.resign(1);
  world.settle();
  EXPECT_TRUE(answered(2).empty());
  EXPECT_EQ(failed(2), Requests{1});
}

}  // namespace
}  // namespace cairn::raft::test
