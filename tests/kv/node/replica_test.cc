// One group's member: what waits on it ends with a truth.
#include "kv/node/replica.h"

#include <gtest/gtest.h>

namespace cairn::kv {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = ProposeResult::Kind;

constexpr raft::GroupId kGroup = 2;

/// Disk, peers and engine in the hands of the test.
class ReplicaTest : public ::testing::Test, protected ReplicaHost {
 protected:
  void begin(std::vector<raft::NodeId> voters) {
    raft::CoreOptions options;
    options.id = 1;
    options.pre_vote = false;
    options.check_quorum = false;
    raft::Restored restored;
    restored.config.voters = voters;
    EngineGroup state;
    state.group = kGroup;
    state.config.voters = voters;
    ReplicaHost& host = *this;
    replica_ = std::make_unique<Replica>(host, kGroup, options, restored, state);
  }
  void pump() {
    while (dirty_) {
      dirty_ = false;
      replica_->pump(persists_);
    }
  }
  void sync() {
    pump();
    for (PersistUnderWay& p : std::exchange(persists_, {}))
      replica_->persisted(p.token, std::move(p.messages_after));
    pump();
  }
  void apply() {
    for (const raft::Entry& entry : std::exchange(committed_, {})) {
      ApplyResult result{kGroup, entry.index, entry.term, std::nullopt};
      if (entry.kind == raft::EntryKind::kCommand) {
        const auto view = split_entry(*entry.data);
        result.answer.emplace().revision = view->stamp.revision;
        stamps_.push_back(view->stamp);
      }
      replica_->was_applied(result);
    }
    replica_->batch_applied();
    pump();
  }
  void settle() {
    for (int i = 0; i < 5; ++i) {
      sync();
      apply();
    }
  }
  void lead_alone() {
    begin({1});
    replica_->campaign();
    settle();
    ASSERT_TRUE(replica_->serves());
  }
  /// Leader of three in term 1, its no-op committed.
  void lead_three() {
    begin({1, 2, 3});
    replica_->campaign();
    sync();
    hear(2, 1, raft::VoteReply{false, true});
    ASSERT_TRUE(replica_->leads());
    sync();
    hear(2, 1, raft::AppendReply{false, 1, 0, 0});
    apply();
    ASSERT_TRUE(replica_->serves());
  }
  void hear(raft::NodeId from, raft::Term term, raft::Body body) {
    replica_->step({from, 1, term, std::move(body)});
    sync();
  }

  struct Proposal {
    std::vector<ProposeResult> results;
    bool ended() const { return !results.empty(); }
    Kind kind() const { return results.at(0).kind; }
  };
  static std::string command(const std::string& key) {
    Command c;
    c.operations.push_back({Operation::Kind::kPut, key, "v"});
    return encode_command(c);
  }
  std::shared_ptr<Proposal> propose(const std::string& key, Micros timeout = seconds(5)) {
    auto p = std::make_shared<Proposal>();
    replica_->propose(command(key), now_ + timeout,
                      [p](ProposeResult r) { p->results.push_back(std::move(r)); });
    return p;
  }
  std::shared_ptr<std::vector<BarrierResult>> read(Micros timeout = seconds(5)) {
    auto results = std::make_shared<std::vector<BarrierResult>>();
    replica_->barrier(now_ + timeout, [results](BarrierResult r) { results->push_back(r); });
    return results;
  }
  void pass(Micros time) {
    now_ += time;
    replica_->expire();
  }

  void mark_dirty(Replica&) override { dirty_ = true; }
  void send_raft(raft::GroupId, raft::Message message) override { sent_.push_back(message); }
  void write_log(raft::GroupId, const raft::Persist&) override {}
  void apply(raft::GroupId, std::vector<raft::Entry> entries) override {
    committed_.insert(committed_.end(), entries.begin(), entries.end());
  }
  void read_log(Replica&, const raft::LogRead&) override {}
  void send_snapshot(raft::GroupId, raft::NodeId, raft::Term) override {}
  void on_raft_event(Replica&, const raft::Event&) override {}
  Micros now() const override { return now_; }
  void round_took(Micros) override { ++rounds_; }
  std::uint64_t bounded_wall_ms(const std::vector<raft::NodeId>&) const override { return wall_; }

  Micros now_ = seconds(50);
  std::uint64_t wall_ = kRevisionEpochMs + 77'000'000;
  bool dirty_ = false;
  std::vector<PersistUnderWay> persists_;
  std::vector<raft::Entry> committed_;
  std::vector<raft::Message> sent_;
  std::vector<Stamp> stamps_;
  int rounds_ = 0;
  std::unique_ptr<Replica> replica_;
};

TEST_F(ReplicaTest, Propose_Follower_IsRefusedAtOnce_CommandComesBack) {
  begin({1, 2, 3});
  const auto p = propose("a");
  ASSERT_TRUE(p->ended());
  EXPECT_EQ(p->kind(), Kind::kNotProposed);
  EXPECT_EQ(p->results[0].command, command("a"));
}

TEST_F(ReplicaTest, Propose_BeforeTheOwnNoopIsApplied_Waits) {
  begin({1});
  replica_->campaign();
  sync();
  ASSERT_TRUE(replica_->leads());
  const auto p = propose("a");
  pump();
  EXPECT_FALSE(replica_->serves());
  EXPECT_EQ(replica_->core().last_index(), 1u) << "only the no-op may be in the log";
  settle();
  ASSERT_TRUE(p->ended());
  EXPECT_EQ(p->kind(), Kind::kAnswer);
  EXPECT_EQ(p->results[0].answer.revision, revision_at(wall_));
}

TEST_F(ReplicaTest, Propose_ManyInOneTurn_StampsRise_AnsweredOnceEach) {
  lead_alone();
  std::vector<std::shared_ptr<Proposal>> all;
  for (int i = 0; i < 10; ++i) all.push_back(propose("k"));
  settle();
  Revision last = 0;
  for (const auto& p : all) {
    ASSERT_EQ(p->results.size(), 1u);
    EXPECT_GT(p->results[0].answer.revision, last);
    last = p->results[0].answer.revision;
  }
  EXPECT_EQ(rounds_, 10);
  EXPECT_EQ(replica_->waiting(), 0u);
}

TEST_F(ReplicaTest, Propose_MuchIsUnderWay_FewWait_AsManyGo) {
  lead_three();
  const raft::Index noop = replica_->core().last_index();
  for (int i = 0; i < 4; ++i) (void)propose("k");
  pump();
  EXPECT_EQ(replica_->core().last_index(), noop + 4) << "nothing is under way: all go at once";
  for (int i = 0; i < 3; ++i) (void)propose("k");
  pump();
  EXPECT_EQ(replica_->core().last_index(), noop + 4) << "fewer than are under way";
  (void)propose("k");
  pump();
  EXPECT_EQ(replica_->core().last_index(), noop + 8);
}

TEST_F(ReplicaTest, Propose_HeldBack_GoesWithTheNextCommit) {
  lead_three();
  const raft::Index noop = replica_->core().last_index();
  for (int i = 0; i < 2; ++i) (void)propose("k");
  sync();
  (void)propose("k");
  pump();
  ASSERT_EQ(replica_->core().last_index(), noop + 2);
  hear(2, 1, raft::AppendReply{false, noop + 2, 0, 0});
  EXPECT_EQ(replica_->core().last_index(), noop + 3);
}

TEST_F(ReplicaTest, Propose_HeldBack_NoCommitComes_GoesWithATick) {
  lead_three();
  const raft::Index noop = replica_->core().last_index();
  for (int i = 0; i < 2; ++i) (void)propose("k");
  pump();
  (void)propose("k");
  pump();
  ASSERT_EQ(replica_->core().last_index(), noop + 2);
  replica_->tick();
  pump();
  EXPECT_EQ(replica_->core().last_index(), noop + 3);
}

TEST_F(ReplicaTest, Propose_HeldBack_MuchOfIt_GoesAtOnce) {
  lead_three();
  const raft::Index noop = replica_->core().last_index();
  for (int i = 0; i < 2; ++i) (void)propose("k");
  pump();
  Command large;
  large.operations.push_back({Operation::Kind::kPut, "k", std::string(300'000, 'v')});
  replica_->propose(encode_command(large), now_ + seconds(5), [](const ProposeResult&) {});
  pump();
  EXPECT_EQ(replica_->core().last_index(), noop + 3);
}

TEST_F(ReplicaTest, Expire_NotProposedYet_IsNo_CommandComesBack) {
  begin({1});
  replica_->campaign();
  sync();
  const auto p = propose("a", milliseconds(100));
  pump();
  pass(milliseconds(200));
  ASSERT_TRUE(p->ended());
  EXPECT_EQ(p->kind(), Kind::kNotProposed);
  EXPECT_EQ(p->results[0].command, command("a"));
  settle();
  EXPECT_EQ(replica_->core().last_index(), 1u) << "and it was never proposed after";
}

TEST_F(ReplicaTest, Expire_Proposed_IsUnknown_AndNotAnsweredTwice) {
  lead_alone();
  const auto p = propose("a", milliseconds(100));
  pump();
  pass(milliseconds(200));
  ASSERT_TRUE(p->ended());
  EXPECT_EQ(p->kind(), Kind::kUnknown);
  settle();
  EXPECT_EQ(p->results.size(), 1u);
}

TEST_F(ReplicaTest, AnotherEntryInItsPlace_IsNo_CommandComesBack) {
  lead_three();
  const auto p = propose("a");
  sync();
  ASSERT_EQ(replica_->core().last_index(), 2u);
  raft::AppendRequest theirs{1, 1, 0, {{2, 2, raft::EntryKind::kNoop, nullptr}}};
  hear(2, 2, theirs);
  EXPECT_FALSE(p->ended()) << "out of this log, but another may still hold it";
  hear(2, 2, raft::Heartbeat{2, 0});
  apply();
  ASSERT_TRUE(p->ended());
  EXPECT_EQ(p->kind(), Kind::kNotProposed);
  EXPECT_EQ(p->results[0].command, command("a"));
  EXPECT_EQ(p->results[0].leader, 2u);
}

TEST_F(ReplicaTest, LeadershipLost_CommittedByTheNext_IsYes) {
  lead_three();
  const auto p = propose("a");
  sync();
  hear(2, 2, raft::AppendRequest{2, 1, 0, {{3, 2, raft::EntryKind::kNoop, nullptr}}});
  hear(2, 2, raft::Heartbeat{3, 0});
  apply();
  ASSERT_TRUE(p->ended());
  EXPECT_EQ(p->kind(), Kind::kAnswer);
}

TEST_F(ReplicaTest, LeadershipLost_BeforeTheTurn_GatheredIsNo) {
  lead_three();
  const auto p = propose("a");
  hear(2, 2, raft::Heartbeat{1, 0});
  ASSERT_TRUE(p->ended());
  EXPECT_EQ(p->kind(), Kind::kNotProposed);
  EXPECT_EQ(replica_->core().last_index(), 1u);
}

TEST_F(ReplicaTest, SnapshotCoversIt_IsUnknown) {
  lead_three();
  const auto covered = propose("a");
  sync();
  const raft::SnapshotMeta meta{10, 2, replica_->core().status().config};
  ASSERT_TRUE(replica_->wants_snapshot(2, 2, meta));
  pump();
  replica_->freeze();
  EngineGroup state;
  state.applied = 10;
  state.applied_term = 2;
  state.config = meta.config;
  state.last_revision = 1234;
  replica_->snapshot_installed(2, meta, state);
  ASSERT_TRUE(covered->ended());
  EXPECT_EQ(covered->kind(), Kind::kUnknown);
  EXPECT_EQ(replica_->applied(), 10u);
  sync();
  EXPECT_EQ(replica_->core().status().applied, 10u);
}

TEST_F(ReplicaTest, SnapshotArrivesAfterItResigned_WhatItSaysOfItselfAgrees_NothingMoreComes) {
  lead_three();
  const raft::SnapshotMeta meta{10, 2, replica_->core().status().config};
  ASSERT_TRUE(replica_->wants_snapshot(2, 2, meta));
  sync();
  replica_->freeze();
  replica_->resign();  // its node stops while the engine takes the state
  EngineGroup state;
  state.applied = 10;
  state.applied_term = 2;
  state.config = meta.config;
  sent_.clear();
  replica_->snapshot_installed(2, meta, state);
  sync();
  EXPECT_EQ(replica_->applied(), 10u);
  EXPECT_EQ(replica_->commit(), 10u);
  EXPECT_EQ(replica_->last(), 10u);
  EXPECT_TRUE(sent_.empty());
  EXPECT_TRUE(persists_.empty());
}

TEST_F(ReplicaTest, Frozen_HearsSaysAndWritesNothing) {
  lead_three();
  const raft::SnapshotMeta meta{10, 2, replica_->core().status().config};
  ASSERT_TRUE(replica_->wants_snapshot(2, 2, meta));
  sync();
  replica_->freeze();
  sent_.clear();
  const raft::Term term = replica_->core().term();
  for (int i = 0; i < 100; ++i) replica_->tick();
  replica_->campaign();
  replica_->step({2, 1, 9, raft::Heartbeat{}});
  sync();
  EXPECT_TRUE(sent_.empty());
  EXPECT_TRUE(persists_.empty());
  EXPECT_EQ(replica_->core().term(), term);
  replica_->thaw();
  hear(2, 9, raft::Heartbeat{});
  EXPECT_EQ(replica_->core().term(), 9u);
}

TEST_F(ReplicaTest, Read_Alone_WaitsForApply) {
  lead_alone();
  const auto before = read();
  settle();
  ASSERT_EQ(before->size(), 1u);
  EXPECT_EQ(before->front(), BarrierResult::kOk);
  EXPECT_TRUE(replica_->caught_up());
  (void)propose("a");
  sync();  // committed, not applied
  const auto after = read();
  pump();
  EXPECT_TRUE(after->empty());
  settle();
  EXPECT_EQ(after->size(), 1u);
}

TEST_F(ReplicaTest, Read_NoLeader_EndsByItsDeadline) {
  begin({1, 2, 3});
  const auto r = read(milliseconds(100));
  pump();
  EXPECT_TRUE(r->empty());
  pass(milliseconds(200));
  ASSERT_EQ(r->size(), 1u);
  EXPECT_EQ(r->front(), BarrierResult::kNoLeader);
}

TEST_F(ReplicaTest, Read_NoQuorumAnswers_EndsByItsDeadline_NotByALateRound) {
  lead_three();
  const auto r = read(milliseconds(100));
  pump();
  pass(milliseconds(200));
  ASSERT_EQ(r->size(), 1u);
  EXPECT_EQ(r->front(), BarrierResult::kTimeout);
  replica_->end_all(BarrierResult::kNoLeader);
  EXPECT_EQ(r->size(), 1u);
}

TEST_F(ReplicaTest, Reads_TooMany_AreRefused_AndRoomComesBack) {
  begin({1, 2, 3});
  std::size_t ended = 0;
  for (int i = 0; i < 65'536; ++i)
    replica_->barrier(now_ + seconds(1), [&](BarrierResult) { ++ended; });
  pump();
  const auto refused = read();
  ASSERT_EQ(refused->size(), 1u);
  EXPECT_EQ(refused->front(), BarrierResult::kOverloaded);
  pass(seconds(2));
  EXPECT_EQ(ended, 65'536u);
  EXPECT_TRUE(read()->empty());
}

TEST_F(ReplicaTest, EndAll_GatheredIsNo_ProposedIsUnknown_ReadsAsTold) {
  lead_three();
  const auto proposed = propose("a");
  pump();
  const auto gathered = propose("b");
  const auto r = read();
  replica_->end_all(BarrierResult::kNoLeader);
  EXPECT_EQ(proposed->kind(), Kind::kUnknown);
  EXPECT_EQ(gathered->kind(), Kind::kNotProposed);
  EXPECT_EQ(r->at(0), BarrierResult::kNoLeader);
  EXPECT_EQ(replica_->waiting(), 0u);
}

TEST_F(ReplicaTest, CallbackProposesAgain_IsTakenInALaterTurn) {
  lead_alone();
  std::shared_ptr<Proposal> second;
  replica_->propose(command("a"), now_ + seconds(1),
                    [&](const ProposeResult&) { second = propose("b"); });
  settle();
  settle();
  ASSERT_TRUE(second && second->ended());
  EXPECT_EQ(second->kind(), Kind::kAnswer);
}

TEST_F(ReplicaTest, Resigned_ProposesNothingMore) {
  lead_alone();
  replica_->resign();
  sync();
  const auto p = propose("a");
  ASSERT_TRUE(p->ended());
  EXPECT_EQ(p->kind(), Kind::kNotProposed);
}

}  // namespace
}  // namespace cairn::kv
