// Exactly once: what a client with a session may rely on.
#include "tests/kv/engine/fixture.h"

namespace cairn::kv::test {
namespace {

using SessionTest = EngineTest;

TEST_F(SessionTest, Repeat_OfAnExecutedCommand_GivesTheFirstAnswerAndDoesNothing) {
  run(open_session(7));
  const Answer first = run(with_session(put("k", "1"), 7, 1));
  run(put("k", "2"));
  const Answer again = run(with_session(put("k", "1"), 7, 1));
  EXPECT_EQ(again.revision, first.revision);
  EXPECT_TRUE(again.created);
  EXPECT_FALSE(again.replayed);  // that word is kept for idempotency keys
  EXPECT_EQ(value("k"), "2");
  EXPECT_EQ(get("k")->version, 2u);
}

TEST_F(SessionTest, Repeat_WithinTheSameBatch_IsFoundBeforeItIsWritten) {
  const std::vector<Answer> answers = run_batch(
      {open_session(7), with_session(put("k", "1"), 7, 1), with_session(put("k", "1"), 7, 1)});
  EXPECT_EQ(answers[2].revision, answers[1].revision);
  EXPECT_EQ(get("k")->version, 1u);
}

TEST_F(SessionTest, Repeat_OfAFailedCondition_FailsTheSameWay) {
  run(open_session(7));
  Command create = put("k", "1");
  create.condition.if_absent = true;
  const Revision there = run(put("k", "0")).revision;
  const Answer first = run(with_session(create, 7, 1));
  run(remove("k"));  // now it would succeed
  const Answer again = run(with_session(create, 7, 1));
  EXPECT_EQ(first.error, Errc::kRevisionMismatch);
  EXPECT_EQ(again.error, Errc::kRevisionMismatch);
  EXPECT_EQ(again.revision, there);
  EXPECT_EQ(value("k"), "<none>");
}

TEST_F(SessionTest, Repeat_AfterRestart_IsStillKnown) {
  run(open_session(7));
  Command command = put("k", "1");
  command.return_previous = true;
  run(put("k", "0"));
  run(with_session(command, 7, 1));
  ASSERT_TRUE(flush());
  reopen();
  const Answer again = run(with_session(command, 7, 1));
  EXPECT_EQ(again.previous->value, "0");
  EXPECT_EQ(get("k")->version, 2u);
}

TEST_F(SessionTest, UnknownSession_IsNeverExecuted) {
  const Answer answer = run(with_session(put("k", "1"), 7, 1));
  EXPECT_EQ(answer.error, Errc::kBadRequest);
  EXPECT_TRUE(answer.session_unknown);
  EXPECT_EQ(value("k"), "<none>");
}

TEST_F(SessionTest, Sequences_OutOfOrder_AreEachDoneOnce) {
  run(open_session(7));
  EXPECT_FALSE(run(with_session(put("b", "2"), 7, 2)).error);
  EXPECT_FALSE(run(with_session(put("a", "1"), 7, 1)).error);
  EXPECT_FALSE(run(with_session(put("a", "1"), 7, 1)).error);
  EXPECT_EQ(get("a")->version, 1u);
}

TEST_F(SessionTest, Acknowledged_AnswersGo_AndTheirCommandsAreNeverDoneAgain) {
  run(open_session(7));
  run(with_session(put("k", "1"), 7, 1));
  run(with_session(put("k", "2"), 7, 2, 1));
  const Answer late = run(with_session(put("k", "1"), 7, 1));
  EXPECT_EQ(late.error, Errc::kBadRequest);
  EXPECT_FALSE(late.session_unknown);
  EXPECT_EQ(value("k"), "2");
}

TEST_F(SessionTest, Window_Full_IsOverloadedUntilTheClientAcknowledges) {
  run(open_session(7));
  for (std::uint64_t n = 1; n <= 8; ++n) run(with_session(put("k", std::to_string(n)), 7, n));
  EXPECT_EQ(run(with_session(put("k", "9"), 7, 9)).error, Errc::kOverloaded);
  EXPECT_EQ(value("k"), "8");
  EXPECT_FALSE(run(with_session(put("k", "9"), 7, 9, 1)).error);
  EXPECT_EQ(value("k"), "9");
}

TEST_F(SessionTest, Numbers_ThatContradict_AreRefused) {
  run(open_session(7));
  EXPECT_EQ(run(with_session(put("k", "1"), 7, 0)).error, Errc::kBadRequest);
  EXPECT_EQ(run(with_session(put("k", "1"), 7, 3, 3)).error, Errc::kBadRequest);
  EXPECT_EQ(value("k"), "<none>");
}

TEST_F(SessionTest, WrongEpoch_IsNotRecorded_SoTheCommandCanComeAgain) {
  run(open_session(7));
  Command command = with_session(put("k", "1"), 7, 1);
  command.epoch = kEpoch + 1;
  EXPECT_TRUE(run(command).wrong_epoch);
  command.epoch = kEpoch;
  EXPECT_FALSE(run(command).error);
  command.epoch = kEpoch + 1;
  EXPECT_FALSE(run(command).error) << "executed: the answer stands whatever the epoch is now";
  EXPECT_EQ(get("k")->version, 1u);
}

TEST_F(SessionTest, AnotherPrincipal_IsToldNothing) {
  Command open = open_session(7);
  open.principal = 1;
  run(open);
  Command mine = with_session(put("k", "1"), 7, 1);
  mine.principal = 1;
  run(mine);
  Command theirs = mine;
  theirs.principal = 2;
  EXPECT_TRUE(run(theirs).session_unknown);
  open.principal = 2;
  EXPECT_EQ(run(open).error, Errc::kBadRequest);
}

TEST_F(SessionTest, Idle_ByLogTime_ExpiresAndIsUnknown) {
  run(open_session(7));
  run(with_session(put("k", "1"), 7, 1), 1000);
  EXPECT_EQ(engine_->metrics().sessions, 1u);
  const Answer late = run(with_session(put("k", "1"), 7, 1), 1001);
  EXPECT_TRUE(late.session_unknown);
  EXPECT_EQ(engine_->metrics().sessions, 0u);
  EXPECT_EQ(get("k")->version, 1u);
}

TEST_F(SessionTest, Idle_ManyAtOnce_ExpireAFewPerEntry) {
  for (std::uint64_t client = 1; client <= 4; ++client) run(open_session(client));
  run(put("k", "1"), 1001);
  EXPECT_EQ(engine_->metrics().sessions, 2u);
  run(put("k", "2"));
  EXPECT_EQ(engine_->metrics().sessions, 0u);
}

TEST_F(SessionTest, Full_OfLiveSessions_RefusesNewOnesAndKeepsTheOld) {
  for (std::uint64_t client = 1; client <= 4; ++client) run(open_session(client));
  EXPECT_EQ(run(open_session(5), 900).error, Errc::kOverloaded);
  EXPECT_FALSE(run(open_session(1)).error);  // already open: it stays so
  EXPECT_FALSE(run(with_session(put("k", "1"), 4, 1)).error);
  EXPECT_FALSE(run(open_session(5), 900).error) << "2 and 3 were idle too long by now";
}

TEST_F(SessionTest, Reopened_AfterExpiry_KnowsNothingOfTheOld) {
  run(open_session(7));
  run(with_session(put("k", "1"), 7, 1));
  run(open_session(7), 1001);
  EXPECT_FALSE(run(with_session(put("k", "2"), 7, 1)).error);
  EXPECT_EQ(value("k"), "2");
}

TEST_F(SessionTest, RemovePrefix_Repeated_GivesTheSameCursor) {
  run(open_session(7));
  for (int i = 0; i < 5; ++i) run(put("p/" + std::to_string(i), "v"));
  const Answer first = run(with_session(remove_prefix("p/", 2), 7, 1));
  const Answer again = run(with_session(remove_prefix("p/", 2), 7, 1));
  EXPECT_EQ(again.deleted, 2u);
  EXPECT_TRUE(again.more);
  EXPECT_EQ(again.last_key, first.last_key);
  EXPECT_EQ(keys("p/").size(), 3u);
}

}  // namespace
}  // namespace cairn::kv::test
