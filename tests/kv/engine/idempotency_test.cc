// Idempotency keys: the HTTP face of exactly once.
#include "tests/kv/engine/fixture.h"

namespace cairn::kv::test {
namespace {

using IdempotencyTest = EngineTest;

TEST_F(IdempotencyTest, Retry_GetsTheFirstAnswer_MarkedAsReplayed) {
  const Answer first = run(with_key(put("k", "1"), "once"));
  run(put("k", "2"));
  const Answer again = run(with_key(put("k", "1"), "once"));
  EXPECT_FALSE(first.replayed);
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again.revision, first.revision);
  EXPECT_TRUE(again.created);
  EXPECT_EQ(value("k"), "2");
}

TEST_F(IdempotencyTest, Retry_WithinABatchAndAfterRestart_IsKnown) {
  const std::vector<Answer> answers =
      run_batch({with_key(put("k", "1"), "once"), with_key(put("k", "1"), "once")});
  EXPECT_TRUE(answers[1].replayed);
  ASSERT_TRUE(flush());
  reopen();
  EXPECT_TRUE(run(with_key(put("k", "1"), "once")).replayed);
  EXPECT_EQ(get("k")->version, 1u);
}

TEST_F(IdempotencyTest, Retry_OfAFailedCondition_FailsTheSameWay) {
  Command create = with_key(put("k", "1"), "once");
  create.condition.if_absent = true;
  run(put("k", "0"));
  EXPECT_EQ(run(create).error, Errc::kRevisionMismatch);
  run(remove("k"));
  const Answer again = run(create);
  EXPECT_EQ(again.error, Errc::kRevisionMismatch);
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(value("k"), "<none>");
}

TEST_F(IdempotencyTest, SameKey_AnotherRequest_IsAMismatch) {
  run(with_key(put("k", "1"), "once"));
  EXPECT_EQ(run(with_key(put("k", "2"), "once")).error, Errc::kIdempotencyMismatch);
  EXPECT_EQ(run(with_key(put("l", "1"), "once")).error, Errc::kIdempotencyMismatch);
  EXPECT_EQ(run(with_key(remove("k"), "once")).error, Errc::kIdempotencyMismatch);
  Command conditional = with_key(put("k", "1"), "once");
  conditional.condition.if_absent = true;
  EXPECT_EQ(run(conditional).error, Errc::kIdempotencyMismatch);
  EXPECT_EQ(value("k"), "1");
}

TEST_F(IdempotencyTest, SameKey_OfAnotherPrincipal_IsAnotherKey) {
  run(with_key(put("k", "1"), "once"));
  Command theirs = with_key(put("k", "2"), "once");
  theirs.principal = 8;
  EXPECT_FALSE(run(theirs).replayed);
  EXPECT_EQ(value("k"), "2");
}

TEST_F(IdempotencyTest, Window_Passed_CountsAsNew) {
  run(with_key(put("k", "1"), "once", 500));
  EXPECT_TRUE(run(with_key(put("k", "1"), "once", 500), 499).replayed);
  const Answer late = run(with_key(put("k", "1"), "once", 500), 2);
  EXPECT_FALSE(late.replayed);
  EXPECT_EQ(late.version, 2u);
  EXPECT_EQ(engine_->metrics().idempotency_records, 1u);
}

TEST_F(IdempotencyTest, Full_OfLiveRecords_RefusesAndEvictsNone) {
  for (int i = 0; i < 5; ++i) run(with_key(put("k", "v"), std::to_string(i), 1000, 5));
  const Answer refused = run(with_key(put("k", "w"), "more", 1000, 5));
  EXPECT_EQ(refused.error, Errc::kOverloaded);
  EXPECT_EQ(value("k"), "v");
  EXPECT_TRUE(run(with_key(put("k", "v"), "0", 1000, 5)).replayed);
  EXPECT_FALSE(run(with_key(put("k", "w"), "more", 1000, 5), 1000).error);
  EXPECT_EQ(value("k"), "w");
}

TEST_F(IdempotencyTest, Full_UnderASession_MayBeTriedAgainWithTheSameNumber) {
  run(open_session(7));
  run(with_key(put("a", "1"), "first", 100, 1));
  const Command second = with_session(with_key(put("b", "2"), "second", 100, 1), 7, 1);
  EXPECT_EQ(run(second).error, Errc::kOverloaded);
  EXPECT_FALSE(run(second, 100).error);
  EXPECT_EQ(value("b"), "2");
}

TEST_F(IdempotencyTest, Expired_Records_GoAFewPerEntry_WhateverTheTableHolds) {
  for (int i = 0; i < 600; ++i) {
    run(with_key(put("k", "v"), std::to_string(i), 1000 + static_cast<std::uint32_t>(i % 7), 1000));
  }
  EXPECT_EQ(engine_->metrics().idempotency_records, 600u);
  run(put("k", "w"), 2000);
  EXPECT_EQ(engine_->metrics().idempotency_records, 596u);
  ASSERT_TRUE(flush());
  reopen();  // what was in memory of the order of expiry is gone
  for (int i = 0; i < 149; ++i) run(put("k", "w"));
  EXPECT_EQ(engine_->metrics().idempotency_records, 0u);
}

TEST_F(IdempotencyTest, ShorterWindow_ExpiresBeforeWhatCameEarlier) {
  for (int i = 0; i < 300; ++i) {
    run(with_key(put("k", "v"), "long" + std::to_string(i), 5000, 1000));
  }
  run(with_key(put("k", "v"), "short", 100, 1000));
  run(put("k", "w"), 200);
  EXPECT_EQ(engine_->metrics().idempotency_records, 300u);
}

}  // namespace
}  // namespace cairn::kv::test
