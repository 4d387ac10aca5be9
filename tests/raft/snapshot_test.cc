// Snapshots and entries read back: the leader's choice, the follower's consent (R12, R15, W10).
#include <gtest/gtest.h>

#include "raft/check.h"
#include "tests/raft/cluster.h"

namespace cairn::raft::test {
namespace {

class RaftSnapshot : public ::testing::Test {
 protected:
  // 1 leads, 3 was away while entries 2..6 were committed and cut away.
  void leave_three_behind() {
    ASSERT_EQ(world.elect(1), 1u);
    world.crash(3);
    for (const char* text : {"a", "b", "c", "d", "e"}) {
      (void)world.propose(1, text);
      world.settle();
    }
    world.compact(1, 6);
  }
  void run(int ticks) {
    for (int i = 0; i < ticks; ++i) {
      world.tick_all();
      world.settle();
    }
  }
  Cluster world{3};
};

TEST_F(RaftSnapshot, FollowerBehindTheLog_GetsOneAndThenEntries) {
  leave_three_behind();
  int asked = 0;
  world.on_ready = [&](Member&, const Ready& ready) {
    asked += static_cast<int>(ready.snapshots.size());
  };
  world.restart(3);
  run(20);
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(world.applied(3).size(), 5u);
  (void)world.propose(1, "f");
  run(2);
  EXPECT_EQ(world.applied(3).size(), 6u);
}

TEST_F(RaftSnapshot, Nobody_IsOfferedOneWhileAway) {
  ASSERT_EQ(world.elect(1), 1u);
  world.crash(3);
  run(14);
  (void)world.propose(1, "a");
  world.settle();
  world.compact(1, 2);
  int asked = 0;
  world.on_ready = [&](Member&, const Ready& ready) {
    asked += static_cast<int>(ready.snapshots.size());
  };
  run(40);
  EXPECT_EQ(asked, 0);
}

TEST_F(RaftSnapshot, HostForgetsTheEnd_TimerOpensTheState) {
  leave_three_behind();
  world.restart(3);
  for (int i = 0; i < 700 && world.applied(3).empty(); ++i) {
    world.tick_all();
    while (!world.network.empty()) {
      Packet packet = world.network.front();
      world.network.pop_front();
      const bool first_stream = packet.kind == Packet::Kind::kSnapshot && i < 100;
      if (!first_stream) world.deliver(packet);
    }
  }
  EXPECT_EQ(world.applied(3).size(), 5u);
}

TEST_F(RaftSnapshot, CompactedAtAnEntryOfUnknownTerm_FollowersThatHoldItGetEntries) {
  // After a restart with nothing in memory the leader does not know the term of the entry that its
  // log now begins after; the host does.
  world.given(1, {1, 1, 1, 1}, 1, 4);
  world.given(2, {1, 1}, 1, 2);
  world.given(3, {1, 1}, 1, 2);
  world.slow_apply = true;
  world.crash(1);
  world.restart(1, 0, 4);
  world.slow_apply = false;
  world.compact(1, 2);
  world.on_send = [](const Packet& packet) {
    EXPECT_NE(packet.kind, Packet::Kind::kSnapshot) << describe(packet);
  };
  ASSERT_EQ(world.elect(1), 1u);
  run(5);
  EXPECT_EQ(world.applied(3).size(), 4u);
}

TEST_F(RaftSnapshot, Consent_OnlyWhatMovesForward) {
  ASSERT_EQ(world.elect(1), 1u);
  (void)world.propose(1, "a");
  run(2);
  Core& core = world.core(2);
  const Configuration config = core.status().config;
  EXPECT_FALSE(core.wants_snapshot(1, 1, SnapshotMeta{1, 1, config}));  // older
  EXPECT_FALSE(core.wants_snapshot(1, 1, SnapshotMeta{2, 1, config}));  // has it
  EXPECT_FALSE(core.wants_snapshot(9, 1, SnapshotMeta{9, 1, config}));  // a stranger's
  EXPECT_FALSE(core.wants_snapshot(1, 0, SnapshotMeta{9, 1, config}));  // newer than its leader
  EXPECT_FALSE(core.wants_snapshot(3, 1, SnapshotMeta{9, 1, config}));  // not our leader's
  EXPECT_TRUE(core.wants_snapshot(1, 1, SnapshotMeta{9, 1, config}));
}

TEST_F(RaftSnapshot, LogHoldsItsLastEntry_CommitsInsteadOfInstalling) {
  world.given(2, {1, 1, 1}, 1);
  EXPECT_FALSE(world.core(2).wants_snapshot(1, 1, SnapshotMeta{2, 1, {{1, 2, 3}, {}, {}}}));
  EXPECT_EQ(world.core(2).commit(), 2u);
}

TEST_F(RaftSnapshot, AppendAfterConsent_InstallThrows) {
  world.given(2, {1}, 1);
  const SnapshotMeta meta{5, 1, {{1, 2, 3}, {}, {}}};
  ASSERT_TRUE(world.core(2).wants_snapshot(1, 1, meta));
  Packet append;
  append.message =
      Message{1, 2, 1, AppendRequest{1, 1, 0, {Entry{2, 1, EntryKind::kNoop, nullptr}}}};
  world.deliver(append);
  EXPECT_THROW(world.core(2).snapshot_installed(1, meta), InvariantBroken);
}

TEST_F(RaftSnapshot, Install_ReplacesLogAndConfiguration) {
  world.given(2, {1}, 1);
  const SnapshotMeta meta{5, 1, {{1, 2, 3}, {}, {4}}};
  ASSERT_TRUE(world.core(2).wants_snapshot(1, 1, meta));
  world.core(2).snapshot_installed(1, meta);
  const Status status = world.core(2).status();
  EXPECT_EQ(status.start, 5u);
  EXPECT_EQ(status.last, 5u);
  EXPECT_EQ(status.applied, 5u);
  EXPECT_EQ(status.config, meta.config);
  Ready ready = world.core(2).take_ready();
  ASSERT_EQ(ready.messages.size(), 1u);
  EXPECT_EQ(std::get<AppendReply>(ready.messages[0].body).index, 5u);
}

TEST_F(RaftSnapshot, NewMemberWithoutConfiguration_LearnsFromTheFirstSnapshot) {
  CoreOptions options;
  options.id = 9;
  Core core(options, Restored{});
  for (int i = 0; i < 100; ++i) core.tick();
  EXPECT_EQ(core.role(), Role::kLearner);
  EXPECT_EQ(core.term(), 0u);
  const SnapshotMeta meta{5, 2, {{1, 2, 3}, {}, {9}}};
  ASSERT_TRUE(core.wants_snapshot(1, 3, meta));
  core.snapshot_installed(1, meta);
  EXPECT_EQ(core.status().config, meta.config);
  core.step(Message{7, 9, 3, Heartbeat{}});
  EXPECT_EQ(core.leader(), 1u);
}

// The host answers with what has been overwritten since it was asked: not sent, not believed.
TEST(RaftLogRead, StaleAnswer_Ignored) {
  CoreOptions options;
  options.id = 1;
  Restored restored;
  restored.config.voters = {1, 2, 3};
  restored.hard_state.term = 3;
  restored.last_index = 3;
  restored.last_term = 3;
  Core core(options, restored);
  Ready ready = core.take_ready();
  ASSERT_EQ(ready.log_reads.size(), 1u);  // terms of 1 and 2 are unknown
  auto entry = [](Index index, Term term) { return Entry{index, term, EntryKind::kNoop, nullptr}; };
  core.log_read(ready.log_reads[0], {entry(1, 1), entry(2, 4)});  // of a term that is yet to come
  EXPECT_FALSE(core.term_at(1));
  core.log_read(ready.log_reads[0], {entry(1, 1), entry(2, 2), entry(3, 2)});  // 3 is of term 3
  EXPECT_FALSE(core.term_at(1));
  core.log_read(ready.log_reads[0], {entry(1, 1), entry(2, 2), entry(3, 3)});
  EXPECT_EQ(core.term_at(1), 1u);
  EXPECT_EQ(core.term_at(2), 2u);
}

// Conflicts are judged only where terms are known: until then the leader is left to ask again.
TEST(RaftLogRead, UnknownTerms_NothingTruncatedNothingAcknowledged) {
  CoreOptions options;
  options.id = 1;
  Restored restored;
  restored.config.voters = {1, 2, 3};
  restored.hard_state.term = 1;
  restored.last_index = 5;
  restored.last_term = 1;
  Core core(options, restored);
  Ready asked = core.take_ready();
  auto entry = [](Index index, Term term) { return Entry{index, term, EntryKind::kNoop, nullptr}; };
  const Message append{2, 1, 1, AppendRequest{0, 0, 0, {entry(1, 1), entry(2, 1)}}};
  core.step(append);
  EXPECT_EQ(core.last_index(), 5u);
  EXPECT_TRUE(core.take_ready().messages.empty());
  core.log_read(asked.log_reads.at(0),
                {entry(1, 1), entry(2, 1), entry(3, 1), entry(4, 1), entry(5, 1)});
  core.step(append);
  EXPECT_EQ(core.last_index(), 5u);
  Ready ready = core.take_ready();
  ASSERT_EQ(ready.messages.size(), 1u);
  EXPECT_EQ(std::get<AppendReply>(ready.messages[0].body).index, 2u);
}

// An answer that the host lost is asked for again.
TEST(RaftLogRead, HostForgets_AskedAgain) {
  CoreOptions options;
  options.id = 1;
  Restored restored;
  restored.config.voters = {1, 2, 3};
  restored.hard_state = HardState{1, kNobody, 3};
  restored.last_index = 3;
  restored.last_term = 1;
  Core core(options, restored);
  ASSERT_EQ(core.take_ready().log_reads.size(), 1u);
  std::size_t asked = 0;
  for (int i = 0; i < 20; ++i) {
    core.tick();
    if (core.has_ready()) asked += core.take_ready().log_reads.size();
  }
  EXPECT_EQ(asked, 1u);
}

}  // namespace
}  // namespace cairn::raft::test
