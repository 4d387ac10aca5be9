// The checker itself: what it must accept, and what it must not.
#include "kv/sim/history.h"

#include <gtest/gtest.h>

namespace cairn::kv::sim {
namespace {

using Kind = Operation::Kind;

Operation op(Kind kind, std::uint64_t value, int from, int to, bool unknown = false) {
  return {kind, value, Time(from), Time(to), unknown, ""};
}

TEST(History, Sequential_PutGetRemove_IsLinearizable) {
  EXPECT_EQ(
      check_register({op(Kind::kGet, 0, 0, 1), op(Kind::kPut, 5, 2, 3), op(Kind::kGet, 5, 4, 5),
                      op(Kind::kRemove, 0, 6, 7), op(Kind::kGet, 0, 8, 9)}),
      Verdict::kLinearizable);
}

TEST(History, StaleRead_AfterTheWriteReturned_IsAViolation) {
  EXPECT_EQ(
      check_register({op(Kind::kPut, 1, 0, 1), op(Kind::kPut, 2, 2, 3), op(Kind::kGet, 1, 4, 5)}),
      Verdict::kViolation);
}

TEST(History, Concurrent_PutUnderWay_ReadsEitherButNotBackAgain) {
  const Operation first = op(Kind::kPut, 1, 0, 1);
  const Operation slow = op(Kind::kPut, 2, 2, 20);
  EXPECT_EQ(check_register({first, slow, op(Kind::kGet, 1, 3, 4), op(Kind::kGet, 2, 5, 6)}),
            Verdict::kLinearizable);
  EXPECT_EQ(check_register({first, slow, op(Kind::kGet, 2, 3, 4), op(Kind::kGet, 1, 5, 6)}),
            Verdict::kViolation);
}

TEST(History, UnknownWrite_LateOrNever_IsFineButNotBeforeItBegan) {
  const Operation known = op(Kind::kPut, 1, 0, 1);
  const Operation lost = op(Kind::kPut, 2, 2, 3, true);
  EXPECT_EQ(check_register({known, lost, op(Kind::kGet, 1, 10, 11)}), Verdict::kLinearizable);
  EXPECT_EQ(check_register({known, lost, op(Kind::kGet, 1, 10, 11), op(Kind::kGet, 2, 12, 13)}),
            Verdict::kLinearizable);
  EXPECT_EQ(check_register({known, op(Kind::kGet, 2, 2, 3), op(Kind::kPut, 2, 4, 5, true)}),
            Verdict::kViolation);
  EXPECT_EQ(check_register({known, lost, op(Kind::kGet, 2, 10, 11), op(Kind::kGet, 1, 12, 13)}),
            Verdict::kViolation);
}

TEST(History, LostWrite_AcknowledgedAndThenAbsent_IsAViolation) {
  EXPECT_EQ(check_register({op(Kind::kPut, 1, 0, 1), op(Kind::kGet, 0, 2, 3)}),
            Verdict::kViolation);
}

TEST(History, Create_PresentOrAbsent_FitsItsOutcome) {
  EXPECT_EQ(check_register({op(Kind::kCreate, 1, 0, 1), op(Kind::kFound, 0, 2, 3)}),
            Verdict::kLinearizable);
  EXPECT_EQ(check_register({op(Kind::kCreate, 1, 0, 1), op(Kind::kCreate, 2, 2, 3)}),
            Verdict::kViolation);
  EXPECT_EQ(check_register({op(Kind::kFound, 0, 0, 1), op(Kind::kPut, 1, 2, 3)}),
            Verdict::kViolation);
  // The unseen put is what the refusal saw.
  EXPECT_EQ(check_register({op(Kind::kPut, 1, 0, 1, true), op(Kind::kFound, 0, 2, 3)}),
            Verdict::kLinearizable);
}

TEST(History, Search_PastItsBudget_IsInconclusive) {
  std::vector<Operation> many;
  for (std::uint64_t i = 1; i <= 24; ++i) {
    many.push_back(op(Kind::kPut, i, 0, 100));
    many.push_back(op(Kind::kGet, i, 200, 300));
  }
  EXPECT_EQ(check_register(many, 1000), Verdict::kInconclusive);
}

TEST(History, Keys_OneBroken_IsNamed) {
  History history;
  history.add("good", op(Kind::kPut, 1, 0, 1));
  history.add("bad", op(Kind::kGet, 3, 0, 1));
  EXPECT_EQ(history.size(), 2u);
  EXPECT_NE(history.check().find("key bad"), std::string::npos);
}

}  // namespace
}  // namespace cairn::kv::sim
