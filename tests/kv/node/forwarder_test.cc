// Writes for partitions led elsewhere: numbered once, sent as often as needed, ended with a truth.
#include "kv/node/forwarder.h"

#include <gtest/gtest.h>

namespace cairn::kv {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr raft::GroupId kGroup = 4;

struct Sent {
  raft::NodeId to = 0;
  Command command;
  std::function<void(Result<Answer>, raft::NodeId)> done;
};

class ForwarderTest : public ::testing::Test, protected ForwarderHost {
 protected:
  // What becomes of one write.
  struct Outcome {
    std::optional<Result<Answer>> result;
    int answers = 0;
    bool ended() const { return answers > 0; }
    bool yes() const { return ended() && result->has_value() && !(*result)->error; }
    Committed committed() const { return result->error().committed; }
    Errc code() const { return result->error().code; }
  };
  using Write = std::shared_ptr<Outcome>;

  Write write(const std::string& key, Micros timeout = seconds(5),
              std::function<void()> then = {}) {
    Command command;
    command.operations.push_back({Operation::Kind::kPut, key, "v"});
    auto outcome = std::make_shared<Outcome>();
    forwarder_.submit(kGroup, std::move(command), now_ + timeout,
                      [outcome, then = std::move(then)](Result<Answer> r) {
                        outcome->result = std::move(r);
                        ++outcome->answers;
                        if (then) then();
                      });
    return outcome;
  }
  /// The oldest message not answered yet.
  Sent take() {
    EXPECT_FALSE(sent_.empty());
    if (sent_.empty()) return {};
    Sent s = std::move(sent_.front());
    sent_.erase(sent_.begin());
    return s;
  }
  static void answer(const Sent& s, Answer a = {}) { s.done(std::move(a), s.to); }
  static void refuse(const Sent& s, Errc code, Committed committed = Committed::kNo) {
    s.done(Error(code, {}, committed), s.to);
  }
  void open_session() {
    (void)write("first");
    answer(take());
    answer(take());
  }
  void pass(Micros time) {
    for (const Micros end = now_ + time; now_ < end;) {
      now_ += milliseconds(20);
      forwarder_.tick();
    }
  }

  Micros now() const override { return now_; }
  std::uint64_t random() override { return ++random_; }
  raft::NodeId leader_of(raft::GroupId) const override { return leader_; }
  raft::NodeId any_member(raft::GroupId, unsigned attempt) const override {
    return members_.empty() ? raft::kNobody : members_[attempt % members_.size()];
  }
  void redirected(raft::GroupId, raft::NodeId node, raft::NodeId leader) override {
    if (leader_ == node) leader_ = leader;
  }
  bool send_write(raft::NodeId to, raft::GroupId group, const std::string& command, Micros,
                  std::function<void(Result<Answer>, raft::NodeId)> done) override {
    EXPECT_EQ(group, kGroup);
    if (!reachable_) return false;
    if (inline_refusal_) {
      ++inline_refusals_;
      done(*inline_refusal_, to);
      return true;
    }
    sent_.push_back({to, *decode_command(command), std::move(done)});
    return true;
  }

  Micros now_ = seconds(100);
  std::uint64_t random_ = 70;
  raft::NodeId leader_ = 2;
  std::vector<raft::NodeId> members_{2, 3};
  bool reachable_ = true;
  std::optional<Error> inline_refusal_;
  int inline_refusals_ = 0;
  std::vector<Sent> sent_;
  Forwarder forwarder_{*this};
};

TEST_F(ForwarderTest, First_OpensASession_ThenNumbersFromOne) {
  const Write a = write("a"), b = write("b");
  const Sent opening = take();
  EXPECT_EQ(opening.command.kind, CommandKind::kOpenSession);
  EXPECT_TRUE(sent_.empty()) << "nothing goes before the session is open";
  answer(opening);
  const Sent first = take(), second = take();
  EXPECT_EQ(first.command.session.client, opening.command.session.client);
  EXPECT_EQ(first.command.session.sequence, 1u);
  EXPECT_EQ(first.command.session.acknowledged, 0u);
  EXPECT_EQ(second.command.session.sequence, 2u);
  Answer yes;
  yes.revision = 9;
  answer(second, yes);
  EXPECT_FALSE(a->ended());
  ASSERT_TRUE(b->yes());
  EXPECT_EQ((*b->result)->revision, 9u);
  answer(first);
  EXPECT_TRUE(a->yes());
  EXPECT_EQ(forwarder_.waiting(), 0u);
  (void)write("c");
  EXPECT_EQ(take().command.session.acknowledged, 2u);
}

TEST_F(ForwarderTest, Opening_ReplyLost_IsTriedAgainUnderTheSameId) {
  const Write a = write("a");
  const Sent lost = take();
  pass(milliseconds(1100));
  const Sent again = take();
  EXPECT_EQ(again.command.session.client, lost.command.session.client);
  answer(again);
  answer(lost);  // late, and nobody asks for it any more
  answer(take());
  EXPECT_TRUE(a->yes());
  EXPECT_TRUE(sent_.empty());
}

TEST_F(ForwarderTest, Opening_FailsInsideTheCall_IsTriedAgainSoon) {
  inline_refusal_ = Error(Errc::kNoLeader);
  const Write a = write("a");
  inline_refusal_.reset();
  leader_ = 3;
  pass(milliseconds(60));
  EXPECT_EQ(take().to, 3u);
}

TEST_F(ForwarderTest, SessionTableFull_IsOverloaded_AndNotAskedAgainAtOnce) {
  const Write a = write("a"), b = write("b");
  Answer full;
  full.error = Errc::kOverloaded;
  answer(take(), full);
  ASSERT_TRUE(a->ended());
  EXPECT_EQ(a->code(), Errc::kOverloaded);
  EXPECT_EQ(b->code(), Errc::kOverloaded);
  pass(milliseconds(60));
  const Write c = write("c");
  ASSERT_TRUE(c->ended());
  EXPECT_EQ(c->code(), Errc::kOverloaded);
  EXPECT_TRUE(sent_.empty()) << "each try is an entry in a log that has enough to do";
  pass(milliseconds(200));
  const Write d = write("d");
  answer(take());
  answer(take());
  EXPECT_TRUE(d->yes());
}

TEST_F(ForwarderTest, Redirect_IsFollowedAtOnce) {
  open_session();
  const Write a = write("a");
  const Sent wrong = take();
  leader_ = 3;  // the reply named it
  refuse(wrong, Errc::kNoLeader);
  const Sent right = take();
  EXPECT_EQ(right.to, 3u);
  EXPECT_EQ(right.command.session.sequence, wrong.command.session.sequence);
  answer(right);
  EXPECT_TRUE(a->yes());
}

TEST_F(ForwarderTest, Redirects_InACircle_EndAfterThree_UntilTheClockMoves) {
  open_session();
  const Write a = write("a");
  int followed = 0;
  for (; !sent_.empty() && followed < 50; ++followed) {
    const Sent s = take();
    leader_ = s.to == 2 ? 3 : 2;
    refuse(s, Errc::kNoLeader);
  }
  EXPECT_EQ(followed, 4);
  EXPECT_FALSE(a->ended());
  pass(milliseconds(40));
  EXPECT_EQ(sent_.size(), 1u);
}

TEST_F(ForwarderTest, ReplyLost_IsSentAgainUnderTheSameNumber) {
  open_session();
  const Write a = write("a");
  const Sent lost = take();
  pass(milliseconds(1020));
  const Sent again = take();
  EXPECT_EQ(again.command.session.client, lost.command.session.client);
  EXPECT_EQ(again.command.session.sequence, lost.command.session.sequence);
  answer(again);
  EXPECT_TRUE(a->yes());
}

TEST_F(ForwarderTest, ConnectionLost_IsSentAgain_AndUnknownAtTheDeadline) {
  open_session();
  const Write a = write("a", seconds(1));
  refuse(take(), Errc::kOutcomeUnknown, Committed::kUnknown);
  pass(milliseconds(40));
  refuse(take(), Errc::kNoLeader);  // this one was not proposed; the first may have been
  pass(seconds(2));
  ASSERT_TRUE(a->ended());
  EXPECT_EQ(a->code(), Errc::kOutcomeUnknown);
  EXPECT_EQ(a->committed(), Committed::kUnknown);
}

TEST_F(ForwarderTest, SlowLeader_AnswersAnEarlierAttempt_ThatIsTheAnswer) {
  open_session();
  const Write a = write("a");
  const Sent first = take();
  pass(milliseconds(1100));
  ASSERT_EQ(sent_.size(), 1u);
  answer(first);
  EXPECT_TRUE(a->yes());
  answer(take());
  EXPECT_EQ(a->answers, 1);
}

TEST_F(ForwarderTest, EarlierAttempt_Refused_SaysNothingOfTheNewest) {
  open_session();
  const Write a = write("a", seconds(3));
  const Sent first = take();
  pass(milliseconds(1100));
  refuse(first, Errc::kOverloaded);
  EXPECT_FALSE(a->ended());
  answer(take());
  EXPECT_TRUE(a->yes());
}

TEST_F(ForwarderTest, NeverSent_DeadlinePasses_IsNo) {
  reachable_ = false;
  leader_ = raft::kNobody;
  const Write unopened = write("a", seconds(1));
  pass(milliseconds(1100));
  ASSERT_TRUE(unopened->ended());
  EXPECT_EQ(unopened->code(), Errc::kNoLeader);
  EXPECT_EQ(unopened->committed(), Committed::kNo);
}

TEST_F(ForwarderTest, OnlyRefusals_DeadlinePasses_IsNo) {
  open_session();
  const Write a = write("a", milliseconds(500));
  for (int i = 0; i < 30; ++i) {
    while (!sent_.empty()) refuse(take(), Errc::kNoLeader);
    pass(milliseconds(20));
  }
  ASSERT_TRUE(a->ended());
  EXPECT_EQ(a->committed(), Committed::kNo);
}

TEST_F(ForwarderTest, UnderWay_DeadlinePasses_IsUnknown) {
  open_session();
  const Write a = write("a", milliseconds(500));
  const Sent s = take();
  pass(milliseconds(600));
  ASSERT_TRUE(a->ended());
  EXPECT_EQ(a->committed(), Committed::kUnknown);
  answer(s);
  EXPECT_EQ(a->answers, 1);
}

TEST_F(ForwarderTest, RefusalThatNoNodeWouldLift_IsTheAnswer) {
  open_session();
  const Write a = write("a");
  refuse(take(), Errc::kDiskFull);
  ASSERT_TRUE(a->ended());
  EXPECT_EQ(a->code(), Errc::kDiskFull);
}

TEST_F(ForwarderTest, RefusalThatTheSessionForgets_AfterALostReply_IsNoAnswer) {
  open_session();
  const Write a = write("a", seconds(3));
  const Sent lost = take();
  pass(milliseconds(1100));
  Answer full;
  full.error = Errc::kOverloaded;
  answer(take(), full);
  EXPECT_FALSE(a->ended()) << "the lost one may arrive after it, and be done";
  answer(lost);
  EXPECT_TRUE(a->yes());
}

TEST_F(ForwarderTest, RefusalThatTheSessionForgets_OfTheOnlyAttempt_IsTheAnswer) {
  open_session();
  const Write a = write("a");
  Answer full;
  full.error = Errc::kOverloaded;
  answer(take(), full);
  ASSERT_TRUE(a->ended());
  EXPECT_EQ((*a->result)->error, Errc::kOverloaded);
}

TEST_F(ForwarderTest, SessionUnknown_NotDoneBefore_IsNumberedAnewInANewSession) {
  open_session();
  const Write a = write("a");
  const Sent old = take();
  Answer expired;
  expired.error = Errc::kBadRequest;
  expired.session_unknown = true;
  answer(old, expired);
  EXPECT_FALSE(a->ended());
  const Sent opening = take();
  EXPECT_EQ(opening.command.kind, CommandKind::kOpenSession);
  EXPECT_NE(opening.command.session.client, old.command.session.client);
  answer(opening);
  const Sent anew = take();
  EXPECT_EQ(anew.command.session.client, opening.command.session.client);
  EXPECT_EQ(anew.command.session.sequence, 1u);
  answer(anew);
  EXPECT_TRUE(a->yes());
}

TEST_F(ForwarderTest, SessionUnknown_MaybeDoneBefore_IsUnknown_AndNeverSentAnew) {
  open_session();
  const Write a = write("a");
  (void)take();
  pass(milliseconds(1100));
  Answer expired;
  expired.error = Errc::kBadRequest;
  expired.session_unknown = true;
  answer(take(), expired);
  ASSERT_TRUE(a->ended());
  EXPECT_EQ(a->committed(), Committed::kUnknown);
  EXPECT_TRUE(sent_.empty());
}

TEST_F(ForwarderTest, LeaderKnown_WhatWaitsGoesOn) {
  open_session();
  leader_ = raft::kNobody;
  members_.clear();
  const Write a = write("a");
  EXPECT_TRUE(sent_.empty());
  leader_ = 3;
  forwarder_.leader_known(kGroup);
  EXPECT_EQ(take().to, 3u);
}

TEST_F(ForwarderTest, OldestIsSlow_NumbersStayWithinTheEnginesWindow) {
  open_session();
  const Write slow = write("slow");
  const Sent stuck = take();
  for (int i = 0; i < 2000; ++i) (void)write("w");
  std::uint64_t highest = 0;
  while (!sent_.empty()) {
    const Sent s = take();
    highest = std::max(highest, s.command.session.sequence);
    answer(s);
  }
  EXPECT_LT(highest - (stuck.command.session.sequence - 1),
            std::uint64_t{EngineOptions().session_answers_max});
  answer(stuck);
  int more = 0;
  for (; !sent_.empty(); ++more) answer(take());
  EXPECT_GT(more, 1000);
  EXPECT_EQ(forwarder_.waiting(), 0u);
}

TEST_F(ForwarderTest, ManyRefusedInsideTheCall_NoDeepRecursion_EachEndsOnce) {
  leader_ = raft::kNobody;
  members_.clear();
  std::vector<Write> writes;
  for (int i = 0; i < 16'000; ++i) writes.push_back(write("w"));
  leader_ = 2;
  forwarder_.leader_known(kGroup);
  const Sent opening = take();
  inline_refusal_ = Error(Errc::kOverloaded);
  answer(opening);
  for (const Write& w : writes) ASSERT_EQ(w->answers, 1);
  EXPECT_EQ(inline_refusals_, 16'000);
}

TEST_F(ForwarderTest, CallbackSubmitsAgainAtOnce_TheTurnEnds) {
  open_session();
  leader_ = raft::kNobody;
  members_.clear();
  int again = 0;
  std::function<void()> retry = [&] {
    if (++again < 5000) (void)write("r", seconds(5), retry);
  };
  inline_refusal_ = Error(Errc::kOverloaded);
  leader_ = 2;
  (void)write("r", seconds(5), retry);
  EXPECT_LT(again, 5000);
}

TEST_F(ForwarderTest, TooManyWait_IsOverloaded) {
  leader_ = raft::kNobody;
  members_.clear();
  Write last;
  for (int i = 0; i < 20'000 && !(last && last->ended()); ++i) last = write("w");
  ASSERT_TRUE(last->ended());
  EXPECT_EQ(last->code(), Errc::kOverloaded);
  EXPECT_GT((*last->result).error().retry_after_ms, 0u);
}

TEST_F(ForwarderTest, EndAll_UnderWayIsUnknown_UnsentIsTheError) {
  open_session();
  const Write sent = write("a");
  leader_ = raft::kNobody;
  members_.clear();
  const Write unsent = write("b");
  forwarder_.end_all(Error(Errc::kShuttingDown));
  ASSERT_TRUE(sent->ended() && unsent->ended());
  EXPECT_EQ(sent->committed(), Committed::kUnknown);
  EXPECT_EQ(unsent->code(), Errc::kShuttingDown);
  EXPECT_EQ(unsent->committed(), Committed::kNo);
  EXPECT_EQ(forwarder_.waiting(), 0u);
}

TEST_F(ForwarderTest, EndAll_InsideACallback_EachEndsOnce) {
  open_session();
  std::vector<Write> writes;
  writes.push_back(
      write("a", milliseconds(100), [&] { forwarder_.end_all(Error(Errc::kShuttingDown)); }));
  for (int i = 0; i < 5; ++i) writes.push_back(write("b", milliseconds(100)));
  pass(milliseconds(200));
  for (const Write& w : writes) EXPECT_EQ(w->answers, 1);
  EXPECT_EQ(forwarder_.waiting(), 0u);
}

}  // namespace
}  // namespace cairn::kv
