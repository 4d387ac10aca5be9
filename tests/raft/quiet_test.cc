// Idle groups fall silent, anything wakes them; many groups start without a storm.
#include <gtest/gtest.h>

#include "tests/raft/cluster.h"

namespace cairn::raft::test {
namespace {

CoreOptions quiet_options() {
  CoreOptions options;
  options.quiet = true;
  return options;
}

class RaftQuiet : public ::testing::Test {
 protected:
  RaftQuiet() {
    world.on_send = [this](const Packet&) { ++sent; };
    EXPECT_EQ(world.elect(1), 1u);
  }
  void fall_asleep() {
    ASSERT_TRUE(world.run(20));
    for (NodeId id : world.ids()) ASSERT_TRUE(world.core(id).quiet()) << id;
  }
  int said_in(int rounds) {
    sent = 0;
    EXPECT_TRUE(world.run(rounds));
    return sent;
  }

  Cluster world{3, 1, quiet_options()};
  int sent = 0;
};

TEST_F(RaftQuiet, NothingToDo_NoMessagesAndNoElections) {
  fall_asleep();
  EXPECT_EQ(said_in(1000), 0);
  EXPECT_EQ(world.leader(), 1u);
}

TEST_F(RaftQuiet, AProposal_WakesAndIsCommittedEverywhere) {
  fall_asleep();
  (void)world.propose(1, "x");
  ASSERT_TRUE(world.run(2));
  for (NodeId id : world.ids()) EXPECT_EQ(world.applied(id).size(), 1u);
  fall_asleep();
}

TEST_F(RaftQuiet, AReadAtAFollower_WakesAndIsAnswered) {
  fall_asleep();
  ASSERT_EQ(world.read(2, 7), ReadOutcome::kAccepted);
  ASSERT_TRUE(world.run(2));
  ASSERT_EQ(world.member(2).reads.size(), 1u);
  fall_asleep();
}

TEST_F(RaftQuiet, TheLeaderIsLost_AFollowerThatIsToldTakesOver) {
  fall_asleep();
  world.crash(1);
  EXPECT_EQ(said_in(100), 0);
  for (NodeId id : {2u, 3u}) {
    world.core(id).unreachable(1);
    world.drain(id);
  }
  ASSERT_TRUE(world.run(30));
  EXPECT_NE(world.leader(), kNobody);
}

TEST_F(RaftQuiet, AFollowerIsLost_TheLeaderWakesAndStaysAwake) {
  fall_asleep();
  world.crash(3);
  world.core(1).unreachable(3);
  world.drain(1);
  EXPECT_GT(said_in(50), 0);
  EXPECT_FALSE(world.core(1).quiet());
  EXPECT_EQ(world.leader(), 1u);
  world.restart(3);
  fall_asleep();
}

TEST_F(RaftQuiet, SomebodyElseIsLost_NobodyWakes) {
  fall_asleep();
  world.core(1).unreachable(9);  // of another group
  world.core(2).unreachable(3);  // a follower's fellow
  EXPECT_EQ(said_in(50), 0);
}

TEST_F(RaftQuiet, AFollowerRestarts_FindsItsLeaderAndUnseatsNobody) {
  fall_asleep();
  const Term term = world.core(1).term();
  world.crash(2);
  world.restart(2);
  ASSERT_TRUE(world.run(60));
  EXPECT_EQ(world.leader(), 1u);
  EXPECT_EQ(world.core(1).term(), term);
  EXPECT_EQ(world.core(2).leader(), 1u);
}

TEST_F(RaftQuiet, TheLastWordsAreLost_AFollowerWakesTheLeader) {
  // 2 never hears that all is quiet; its timer ends, it asks, and the leader speaks up.
  const Term term = world.core(1).term();
  ASSERT_TRUE(world.run(5));
  world.cut(1, 2);
  ASSERT_TRUE(world.run(8));
  world.heal();
  ASSERT_TRUE(world.run(40));
  EXPECT_EQ(world.leader(), 1u);
  EXPECT_EQ(world.core(1).term(), term);
}

TEST_F(RaftQuiet, AMemberLacksSomething_NobodySleeps) {
  world.isolate(3);
  (void)world.propose(1, "x");
  ASSERT_TRUE(world.run(30));
  EXPECT_FALSE(world.core(1).quiet());
  world.heal();
  fall_asleep();
}

TEST_F(RaftQuiet, AChangeOfMembership_Wakes) {
  fall_asleep();
  ASSERT_EQ(world.change(1, {{1, 2}, {}, {3, 4}}).outcome, ChangeOutcome::kAccepted);
  ASSERT_TRUE(world.run(3));
  EXPECT_EQ(world.core(1).config(), (Configuration{{1, 2}, {}, {3, 4}}));
  fall_asleep();
}

TEST_F(RaftQuiet, SkippedTicks_KeepHeartbeatsInStep) {
  CoreOptions options;
  options.id = 1;
  options.heartbeat_ticks = 4;
  options.election_ticks_min = 16;
  options.election_ticks_max = 32;
  Restored restored;
  restored.config.voters = {1, 2};
  restored.hard_state.term = 1;
  for (std::uint64_t skipped : {0u, 1u, 2u, 3u}) {
    Core core(options, restored);
    core.campaign();
    (void)core.take_ready();
    core.step(Message{2, 1, 2, VoteReply{true, true}});
    Ready ready = core.take_ready();
    core.persisted(ready.persist->token);
    core.step(Message{2, 1, 2, VoteReply{false, true}});
    ASSERT_EQ(core.role(), Role::kLeader);
    (void)core.take_ready();
    core.tick(skipped);
    std::uint64_t passed = skipped + 1;
    while (!core.has_ready()) {
      core.tick();
      ++passed;
    }
    EXPECT_EQ(passed, 4u) << "the fourth tick beats, whoever was awake";
  }
}

TEST(RaftQuiet_Host, AThousandGroups_StartWithoutAStormAndFallSilent) {
  CoreOptions options = quiet_options();
  options.heartbeat_ticks = 10;
  options.election_ticks_min = 100;
  options.election_ticks_max = 200;
  constexpr int kGroups = 1000;
  std::vector<std::unique_ptr<Cluster>> groups;
  std::size_t sent = 0;
  for (int i = 0; i < kGroups; ++i) {
    groups.push_back(std::make_unique<Cluster>(3, 0, options));
    groups.back()->seed = static_cast<std::uint64_t>(i) + 1;
    for (NodeId id : {1u, 2u, 3u}) groups.back()->restart(id);  // with the seed of its own
    groups.back()->on_send = [&](const Packet&) { ++sent; };
  }
  std::size_t peak = 0;
  std::size_t total = 0;
  int led_at = 0;
  int ticks = 0;
  for (; ticks < 1000; ++ticks) {
    sent = 0;
    int led = 0;
    int quiet = 0;
    for (auto& group : groups) {
      group->tick_all();
      ASSERT_TRUE(group->settle());
      led += group->leader() != kNobody;
      quiet += group->core(1).quiet() && group->core(2).quiet() && group->core(3).quiet();
    }
    peak = std::max(peak, sent);
    total += sent;
    if (led == kGroups && led_at == 0) led_at = ticks;
    if (quiet == kGroups) break;
  }
  EXPECT_GT(led_at, 100);
  EXPECT_LE(led_at, 250);                     // the longest timeout, and a little
  EXPECT_LE(ticks, led_at + 200);             // all silent two election timeouts later
  EXPECT_LE(peak, std::size_t{kGroups} * 5);  // four messages are a heartbeat of all groups
  EXPECT_LE(total, std::size_t{kGroups} * 150);
  sent = 0;
  for (int i = 0; i < 300; ++i) {
    for (auto& group : groups) group->tick_all();
  }
  EXPECT_EQ(sent, 0u);
}

}  // namespace
}  // namespace cairn::raft::test
