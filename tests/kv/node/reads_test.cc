// Reads here and elsewhere: a value or a typed error, once, by the deadline.
#include "kv/node/reads.h"

#include "tests/kv/node/world.h"

namespace cairn::kv {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::kGroup;

class ReadsTest : public ::testing::Test, protected ReadHost {
 protected:
  ReadsTest() { engine_.put("a", "1"), engine_.put("b", "2"), engine_.put("c", "3"); }

  void with_replica() {
    here_ = std::make_unique<test::QuietReplica>(std::vector<raft::NodeId>{1}, 1, engine_.state());
    here_->lead();
    ASSERT_TRUE(here_->replica->serves());
  }
  /// Likewise, and it holds a lease.
  void with_leases() {
    here_ = std::make_unique<test::QuietReplica>(std::vector<raft::NodeId>{1}, 1, engine_.state(),
                                                 /*leases=*/true);
    for (int i = 0; i < 20; ++i) {  // it keeps still for a while after its boot
      here_->time += milliseconds(10);
      here_->replica->tick();
      here_->settle();
    }
    ASSERT_TRUE(here_->replica->serves());
  }
  static constexpr Freshness kLease{.lease = true};
  template <class T>
  struct Outcome {
    std::optional<Result<T>> result;
    int answers = 0;
  };
  template <class T>
  Callback<T> into(Outcome<T>& outcome) {
    return [&outcome](Result<T> r) {
      outcome.result = std::move(r);
      ++outcome.answers;
    };
  }
  void get(Outcome<ReadResult>& outcome, Freshness fresh = {}, Micros timeout = seconds(5)) {
    reads_.get(kGroup, "b", fresh, now_ + timeout, into(outcome));
    if (here_) here_->settle();
  }
  void page(Outcome<PageReply>& outcome, EngineView::Range range = {},
            Micros timeout = seconds(5)) {
    reads_.page(kGroup, std::move(range), {}, now_ + timeout, into(outcome));
    if (here_) here_->settle();
  }
  void run_reads() {
    while (!errands_.empty()) {
      const test::Errand errand = std::move(errands_.front());
      errands_.pop_front();
      errand.work();
      errand.done();
    }
  }
  void pass(Micros time) {
    for (const Micros end = now_ + time; now_ < end;) {
      now_ += milliseconds(20);
      reads_.tick();
    }
  }
  struct Asked {
    raft::NodeId to;
    RequestKind kind;
    std::string body;
    std::function<void(std::optional<RpcReply>)> done;
  };
  Asked take() {
    EXPECT_FALSE(asked_.empty());
    Asked a = std::move(asked_.front());
    asked_.pop_front();
    return a;
  }

  Micros now() const override { return now_ += cost_; }
  Replica* replica(raft::GroupId) override { return here_ ? here_->replica.get() : nullptr; }
  std::shared_ptr<Engine> shared_engine() override { return engine_.engine; }
  bool fenced() const override { return fenced_; }
  raft::NodeId leader_of(raft::GroupId) const override { return leader_; }
  bool left_behind(raft::GroupId) const override { return left_behind_; }
  raft::NodeId any_member(raft::GroupId, unsigned attempt) const override {
    return members_.empty() ? raft::kNobody : members_[attempt % members_.size()];
  }
  void redirected(raft::GroupId, raft::NodeId node, raft::NodeId leader) override {
    if (leader_ == node) leader_ = leader;
  }
  void on_read(std::function<void()> work, std::function<void()> done) override {
    errands_.push_back({std::move(work), std::move(done)});
  }
  void request(raft::NodeId to, net::Channel, RequestKind kind, std::string body, Micros,
               std::function<void(std::optional<RpcReply>)> done) override {
    if (!reachable_) return done(std::nullopt);
    asked_.push_back({to, kind, std::move(body), std::move(done)});
  }

  mutable Micros now_ = seconds(9);
  Micros cost_{0};  // of looking at the clock: makes reads seem slow
  bool fenced_ = false, reachable_ = true, left_behind_ = false;
  raft::NodeId leader_ = 2;
  std::vector<raft::NodeId> members_{2, 3};
  std::deque<test::Errand> errands_;
  std::deque<Asked> asked_;
  test::SmallEngine engine_{{1}};
  std::unique_ptr<test::QuietReplica> here_;
  Reads reads_{*this};
};

TEST_F(ReadsTest, Get_Here_AfterAReadIndex) {
  with_replica();
  Outcome<ReadResult> got;
  reads_.get(kGroup, "b", {}, now_ + seconds(1), into(got));
  EXPECT_EQ(got.answers, 0) << "no quorum has spoken yet";
  here_->settle();
  ASSERT_EQ(got.answers, 1);
  EXPECT_EQ((*got.result)->item->value, "2");
  EXPECT_EQ((*got.result)->revision, 30u);
}

TEST_F(ReadsTest, Get_Lease_Held_AtOnce) {
  with_leases();
  Outcome<ReadResult> got;
  reads_.get(kGroup, "b", kLease, now_ + seconds(1), into(got));
  ASSERT_EQ(got.answers, 1);
  EXPECT_EQ((*got.result)->item->value, "2");
}

TEST_F(ReadsTest, Get_Lease_RanOutOrOff_TakesTheQuorum) {
  for (const bool leases : {true, false}) {
    leases ? with_leases() : with_replica();
    here_->time += seconds(1);  // a pause: nobody was asked meanwhile
    Outcome<ReadResult> got;
    reads_.get(kGroup, "b", kLease, now_ + seconds(1), into(got));
    EXPECT_EQ(got.answers, 0);
    here_->settle();
    ASSERT_EQ(got.answers, 1);
    EXPECT_EQ((*got.result)->item->value, "2");
  }
}

TEST_F(ReadsTest, GetAndPage_LeaseRunsOutWhileReading_AreReadAnewAfterAQuorumsWord) {
  with_leases();
  Outcome<PageReply> paged;
  reads_.page(kGroup, {}, kLease, now_ + seconds(1), into(paged));
  ASSERT_EQ(errands_.size(), 1u);
  here_->time += seconds(1);
  run_reads();
  EXPECT_EQ(paged.answers, 0) << "what was read may be old by now";
  engine_.put("b", "4");
  here_->settle();
  run_reads();
  ASSERT_EQ(paged.answers, 1);
  EXPECT_EQ((*paged.result)->page.items.at(1).value, "4");
}

TEST_F(ReadsTest, Get_LeaseAtAFollower_GoesToTheLeader) {
  here_ = std::make_unique<test::QuietReplica>(std::vector<raft::NodeId>{1, 2}, 1, engine_.state(),
                                               /*leases=*/true);
  Outcome<ReadResult> got;
  get(got, kLease);
  const Asked asked = take();
  EXPECT_EQ(asked.to, 2u);
  EXPECT_TRUE(decode_read_request(asked.body)->lease);
  asked.done(RpcReply(ReadResult{std::nullopt, 7}));
  ASSERT_EQ(got.answers, 1);
  EXPECT_EQ((*got.result)->revision, 7u);
  // With nobody known to lead, this node asks for a read index as soon as there is one.
  leader_ = raft::kNobody;
  get(got, kLease);
  EXPECT_TRUE(asked_.empty());
}

TEST_F(ReadsTest, GetAndPage_ReplicaLeftBehindByItsGroup_GoToTheLeader) {
  here_ = std::make_unique<test::QuietReplica>(std::vector<raft::NodeId>{1, 2}, 1, engine_.state());
  left_behind_ = true;
  Outcome<ReadResult> got, eventual;
  Outcome<PageReply> paged;
  get(got);
  EXPECT_EQ(take().to, 2u);
  page(paged);
  EXPECT_EQ(take().to, 2u);
  get(eventual, {.eventual = true});
  EXPECT_EQ(eventual.answers, 1);
  EXPECT_TRUE(asked_.empty());
}

TEST_F(ReadsTest, Get_HereEventual_AtOnce_EvenFenced) {
  with_replica();
  fenced_ = true;
  Outcome<ReadResult> got, strict;
  get(got, {true, 0});
  ASSERT_EQ(got.answers, 1);
  EXPECT_TRUE(got.result->has_value());
  get(strict);
  ASSERT_EQ(strict.answers, 1);
  EXPECT_EQ(strict.result->error().code, Errc::kFenced);
}

TEST_F(ReadsTest, Get_HereEventual_WishNotMet_TakesTheQuorum) {
  with_replica();
  Outcome<ReadResult> got;
  reads_.get(kGroup, "b", {true, 1'000}, now_ + seconds(1), into(got));
  EXPECT_EQ(got.answers, 0);
  here_->settle();
  EXPECT_EQ(got.answers, 1);
}

TEST_F(ReadsTest, Get_HereSlowEngine_GoesToTheReadThread) {
  with_replica();
  Outcome<ReadResult> slow, got;
  cost_ = milliseconds(50);
  get(slow);
  cost_ = Micros(0);
  get(got);
  EXPECT_EQ(got.answers, 0);
  run_reads();
  ASSERT_EQ(got.answers, 1);
  EXPECT_EQ((*got.result)->item->value, "2");
  EXPECT_EQ((*got.result)->revision, 30u);
}

TEST_F(ReadsTest, Page_Here_ReadOnTheReadThread) {
  with_replica();
  Outcome<PageReply> got;
  page(got);
  EXPECT_EQ(got.answers, 0);
  run_reads();
  ASSERT_EQ(got.answers, 1);
  EXPECT_EQ((*got.result)->page.items.size(), 3u);
  EXPECT_EQ((*got.result)->revision, 30u);
}

TEST_F(ReadsTest, Page_Here_CountsAll_WhateverTheLimit) {
  with_replica();
  Outcome<PageReply> got;
  EngineView::Range range;
  range.count_only = true;
  range.limit = 1;
  range.bytes_max = 1;
  page(got, range);
  run_reads();
  EXPECT_EQ((*got.result)->page.count, 3u);
}

TEST_F(ReadsTest, Page_ReadThreadBusy_EndsByItsDeadline_Once) {
  with_replica();
  Outcome<PageReply> got;
  page(got, {}, seconds(1));
  pass(seconds(2));
  ASSERT_EQ(got.answers, 1);
  EXPECT_EQ(got.result->error().code, Errc::kTimeout);
  run_reads();
  EXPECT_EQ(got.answers, 1);
}

TEST_F(ReadsTest, EndAll_OnTheReadThread_EndsToo_Once) {
  with_replica();
  Outcome<PageReply> got;
  page(got);
  reads_.end_all(Error(Errc::kShuttingDown));
  ASSERT_EQ(got.answers, 1);
  EXPECT_EQ(got.result->error().code, Errc::kShuttingDown);
  run_reads();
  EXPECT_EQ(got.answers, 1);
}

TEST_F(ReadsTest, GetHere_NoReplica_IsRefused) {
  Outcome<ReadResult> got;
  reads_.get_here(kGroup, "b", {}, now_ + seconds(1), into(got));
  ASSERT_EQ(got.answers, 1);
  EXPECT_EQ(got.result->error().code, Errc::kNoLeader);
}

TEST_F(ReadsTest, Remote_AsksTheLeader_FollowsItsRefusal) {
  Outcome<ReadResult> got;
  get(got);
  const Asked first = take();
  EXPECT_EQ(first.to, 2u);
  EXPECT_EQ(decode_read_request(first.body)->key, "b");
  first.done(RpcReply(Refusal{Error(Errc::kNoLeader), 3}));
  pass(milliseconds(40));
  const Asked second = take();
  EXPECT_EQ(second.to, 3u);
  second.done(RpcReply(ReadResult{std::nullopt, 44}));
  ASSERT_EQ(got.answers, 1);
  EXPECT_EQ((*got.result)->revision, 44u);
  pass(seconds(6));
  EXPECT_EQ(got.answers, 1);
}

TEST_F(ReadsTest, Remote_RefusalThatWouldOnlyRepeat_IsTheAnswer) {
  for (const Errc code : {Errc::kBadRequest, Errc::kOverloaded}) {
    Outcome<ReadResult> got;
    get(got);
    take().done(RpcReply(Refusal{Error(code), 0}));
    ASSERT_EQ(got.answers, 1);
    EXPECT_EQ(got.result->error().code, code);
    pass(milliseconds(40));
    EXPECT_TRUE(asked_.empty());
  }
}

TEST_F(ReadsTest, Remote_Eventual_AsksAnyMember) {
  members_ = {3};
  Outcome<ReadResult> got;
  get(got, {true, 0});
  const Asked asked = take();
  EXPECT_EQ(asked.to, 3u);
  EXPECT_TRUE(decode_read_request(asked.body)->eventual);
}

TEST_F(ReadsTest, Remote_NobodyAnswers_EndsByItsDeadline) {
  reachable_ = false;
  Outcome<ReadResult> got;
  get(got, {}, seconds(1));
  pass(seconds(2));
  ASSERT_EQ(got.answers, 1);
  EXPECT_EQ(got.result->error().code, Errc::kNoLeader);
}

TEST_F(ReadsTest, Remote_AnswerAfterTheDeadline_ChangesNothing) {
  Outcome<ReadResult> got;
  get(got, {}, seconds(1));
  const Asked asked = take();
  pass(seconds(2));
  ASSERT_EQ(got.answers, 1);
  EXPECT_EQ(got.result->error().code, Errc::kTimeout);
  asked.done(RpcReply(ReadResult{}));
  EXPECT_EQ(got.answers, 1);
}

TEST_F(ReadsTest, Remote_AnswerOfAnotherKind_IsAnError) {
  Outcome<ReadResult> got;
  Outcome<PageReply> scan;
  get(got);
  take().done(RpcReply(PageReply{}));
  ASSERT_EQ(got.answers, 1);
  EXPECT_FALSE(got.result->has_value());
  page(scan);
  const Asked asked = take();
  EXPECT_EQ(asked.kind, RequestKind::kScan);
  asked.done(RpcReply(ReadResult{}));
  ASSERT_EQ(scan.answers, 1);
  EXPECT_FALSE(scan.result->has_value());
}

TEST_F(ReadsTest, EndAll_Remote_EndsWithTheError) {
  Outcome<ReadResult> got;
  get(got);
  reads_.end_all(Error(Errc::kShuttingDown));
  ASSERT_EQ(got.answers, 1);
  EXPECT_EQ(got.result->error().code, Errc::kShuttingDown);
  take().done(RpcReply(ReadResult{}));
  EXPECT_EQ(got.answers, 1);
}

}  // namespace
}  // namespace cairn::kv
