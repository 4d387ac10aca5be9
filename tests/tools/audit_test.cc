// --check and --verify: what the lanes saw, and the verdict on it.
#include "tools/bench/audit.h"

#include <gtest/gtest.h>

#include <tuple>

#include "kv/sim/history.h"
#include "tools/bench/check.h"
#include "tools/bench/lane.h"
#include "tools/bench/values.h"

namespace cairn::tools::bench {
namespace {

using std::chrono::milliseconds;
const Clock::time_point kStart{std::chrono::seconds(1)};

Event put(std::uint64_t key, std::uint64_t stamp, std::int64_t asked, std::int64_t answered) {
  return {key, stamp, asked, answered, true, false};
}
Event unknown_put(std::uint64_t key, std::uint64_t stamp, std::int64_t asked) {
  return {key, stamp, asked, asked + 1, true, true};
}
Event get(std::uint64_t key, std::uint64_t stamp, std::int64_t asked, std::int64_t answered) {
  return {key, stamp, asked, answered, false, false};
}

bool linearizable(std::vector<Event> events) {
  return check_linearizable(std::move(events), 1).linearizable;
}

TEST(Check, OneAfterAnother_ReadsSeeTheLastWrite) {
  EXPECT_TRUE(linearizable(
      {put(1, 10, 0, 1), get(1, 10, 2, 3), put(1, 11, 4, 5), get(1, 11, 6, 7), get(1, 11, 8, 9)}));
}

TEST(Check, StaleRead_Found) {
  const auto result = check_linearizable(
      {put(1, 10, 0, 1), put(1, 11, 2, 3), get(1, 10, 4, 5), put(2, 12, 0, 1)}, 1);
  EXPECT_FALSE(result.linearizable);
  EXPECT_NE(result.why.find("key number 1"), std::string::npos) << result.why;
  EXPECT_NE(result.why.find("get saw 10"), std::string::npos) << result.why;
}

TEST(Check, Overlapping_EitherOrderIsFine_ButNotBoth) {
  const Event a = put(1, 10, 0, 100);
  const Event b = put(1, 11, 0, 100);
  EXPECT_TRUE(linearizable({a, b, get(1, 10, 101, 102)}));
  EXPECT_TRUE(linearizable({a, b, get(1, 11, 101, 102)}));
  EXPECT_FALSE(linearizable({a, b, get(1, 10, 101, 102), get(1, 11, 103, 104)}));
  EXPECT_TRUE(linearizable({a, b, get(1, 10, 50, 60), get(1, 11, 70, 80)}));
}

TEST(Check, ValueFromBeforeTheRun_IsTheFirst) {
  EXPECT_TRUE(linearizable({get(1, 99, 0, 1), put(1, 10, 2, 3), get(1, 10, 4, 5)}));
  EXPECT_FALSE(linearizable({get(1, 99, 0, 1), put(1, 10, 2, 3), get(1, 99, 4, 5)}));
  EXPECT_FALSE(linearizable({get(1, 99, 0, 1), get(1, 98, 2, 3)}));
}

TEST(Check, UnknownPut_MayShowLater_ButOnlyOnce) {
  // Asked at 0, seen only after other writes: it took effect between them.
  EXPECT_TRUE(linearizable({unknown_put(1, 10, 0), put(1, 11, 5, 6), get(1, 11, 7, 8),
                            get(1, 10, 9, 10), get(1, 10, 11, 12)}));
  // Never seen: it may never have happened.
  EXPECT_TRUE(linearizable({unknown_put(1, 10, 0), put(1, 11, 5, 6), get(1, 11, 7, 8)}));
  // Seen, overwritten, and seen again.
  EXPECT_FALSE(
      linearizable({unknown_put(1, 10, 0), get(1, 10, 2, 3), put(1, 11, 5, 6), get(1, 10, 7, 8)}));
  // Seen before it was asked for.
  EXPECT_FALSE(
      linearizable({put(1, 9, 0, 1), get(1, 10, 2, 3), get(1, 9, 4, 5), unknown_put(1, 10, 20)}));
}

/// A register and clients that overlap, by a seed; some puts of unknown outcome, and if `wrong` a
/// get that saw some other value.
std::vector<Event> history_of(std::uint64_t seed, std::uint64_t operations, bool wrong) {
  constexpr std::int64_t kLong = 40;
  Random random(seed);
  std::vector<Event> history;
  std::vector<std::uint64_t> states{0};
  std::int64_t now = 0;
  for (std::uint64_t i = 1; i <= operations; ++i) {
    now += 2 * static_cast<std::int64_t>(random.below(12));  // the moment of its effect
    const std::int64_t asked = now - 2 * static_cast<std::int64_t>(random.below(kLong)) - 1;
    const std::int64_t answered = now + 2 * static_cast<std::int64_t>(random.below(kLong));
    if (random.below(2) == 0) {
      const bool unknown = random.below(8) == 0;
      if (!unknown || random.below(2) == 0) states.push_back(i);
      history.push_back({1, i, asked, answered, true, unknown});
    } else {
      history.push_back(get(1, states.back(), asked, answered));
    }
  }
  if (!wrong) return history;
  for (Event& event : history) {
    if (event.put || random.below(3) != 0) continue;
    event.stamp = states[random.below(states.size())];
    break;
  }
  return history;
}

bool search_finds_an_order(const std::vector<Event>& history) {
  std::vector<kv::sim::Operation> operations;
  for (const Event& event : history) {
    kv::sim::Operation operation;
    operation.kind = event.put ? kv::sim::Operation::Kind::kPut : kv::sim::Operation::Kind::kGet;
    operation.value = event.stamp;
    operation.invoked = kv::sim::Time(event.asked);
    operation.returned = kv::sim::Time(event.answered);
    operation.unknown = event.unknown;
    operations.push_back(operation);
  }
  const auto verdict = kv::sim::check_register(operations);
  EXPECT_NE(verdict, kv::sim::Verdict::kInconclusive);
  return verdict == kv::sim::Verdict::kLinearizable;
}

TEST(Check, RandomHistories_RightOnesPass) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    ASSERT_TRUE(linearizable(history_of(seed, 300, false))) << "seed " << seed;
  }
}

// Two ways to one verdict: zones, and the simulator's search for an order.
TEST(Check, RandomHistories_AsTheSearchSays) {
  int right = 0;
  int wrong = 0;
  for (std::uint64_t seed = 1; seed <= 4000; ++seed) {
    const auto history = history_of(seed, 4 + seed % 17, true);
    const bool fine = linearizable(history);
    ASSERT_EQ(fine, search_finds_an_order(history)) << "seed " << seed;
    ++(fine ? right : wrong);
  }
  EXPECT_GT(right, 500);
  EXPECT_GT(wrong, 500);
}

// A key that is never quiet, as one under all clients of a run.
TEST(Check, ManyOverlappingOperations_InNoTime) {
  std::vector<Event> history;
  for (std::uint64_t i = 1; i <= 100'000; ++i) {
    const auto at = static_cast<std::int64_t>(20 * i);
    history.push_back(put(1, i, at - 21, at + 22));
    history.push_back(get(1, i, at + 1, at + 24));
  }
  EXPECT_TRUE(linearizable(history));
  history[150'001].stamp = 5;
  EXPECT_FALSE(linearizable(history));
}

TEST(KeySample, Halves_KeysThatStayWereThereBefore) {
  KeySample sample;
  for (int i = 0; i < 3; ++i) {
    KeySample narrower = sample;
    narrower.halve();
    int kept = 0;
    for (std::uint64_t key = 0; key < 4096; ++key) {
      EXPECT_TRUE(!narrower.has(key) || sample.has(key));
      kept += narrower.has(key) ? 1 : 0;
    }
    EXPECT_NEAR(kept, 2048 >> i, 150);
    sample = narrower;
  }
  EXPECT_EQ(sample.one_in(), 8u);
}

class AuditTest : public testing::Test {
 protected:
  Operation write(std::uint64_t key, int asked) {
    Operation operation;
    operation.action = Operation::Action::kPut;
    operation.key = key;
    operation.asked = kStart + milliseconds(asked);
    operation.stamp = audit_.witness(0).next_stamp();
    return operation;
  }
  void ended(const Operation& operation, int at, const Outcome& outcome = {},
             std::size_t lane = 0) {
    audit_.witness(lane).ended(operation, outcome, kStart + milliseconds(at));
  }
  bool holds(const Operation& write) {
    std::ignore = audit_.written_keys();
    Outcome read;
    read.stamp = write.stamp;
    return audit_.holds_last_write(write.key, read);
  }
  Audit audit_{true, true, 0xabcdef};
};

TEST_F(AuditTest, Verify_OnlyALastWriteCounts) {
  const auto first = write(1, 0);
  const auto second = write(1, 10);
  const auto beside = write(1, 12);
  ended(first, 5);
  ended(second, 20);
  ended(beside, 30, {}, 1);  // by another lane
  EXPECT_FALSE(holds(first));
  EXPECT_TRUE(holds(second));
  EXPECT_TRUE(holds(beside));
  EXPECT_EQ(audit_.written_keys(), std::vector<std::uint64_t>{1});
}

TEST_F(AuditTest, Verify_AbsentOrForeign_IsLost) {
  ended(write(1, 0), 5);
  std::ignore = audit_.written_keys();
  EXPECT_FALSE(audit_.holds_last_write(1, {Outcome::Result::kAbsent}));
  Outcome foreign;
  foreign.stamp = 12345;
  EXPECT_FALSE(audit_.holds_last_write(1, foreign));
}

TEST_F(AuditTest, Verify_UnknownWriteMayStand_RefusedOneMayNot) {
  const auto good = write(1, 0);
  const auto unknown = write(1, 10);
  const auto refused = write(1, 20);
  ended(good, 5);
  ended(unknown, 15, {Outcome::Result::kError, "outcome_unknown", false});
  ended(refused, 25, {Outcome::Result::kError, "overloaded", true});
  EXPECT_TRUE(holds(good));
  EXPECT_TRUE(holds(unknown));
  EXPECT_FALSE(holds(refused));
  std::uint64_t one_in = 0;
  EXPECT_EQ(audit_.events(&one_in).size(), 2u);
  EXPECT_EQ(one_in, 1u);
}

TEST_F(AuditTest, AnswerAndNextRequestAtOneMoment_AreInOrder) {
  const auto first = write(1, 0);
  const auto second = write(1, 5);
  ended(first, 5);
  ended(second, 9);
  EXPECT_FALSE(holds(first));
  std::uint64_t one_in = 0;
  auto events = audit_.events(&one_in);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_LT(events[0].answered, events[1].asked);
}

TEST_F(AuditTest, Stamps_OfLanesAndRunsDiffer) {
  const auto a = audit_.witness(0).next_stamp();
  const auto b = audit_.witness(1).next_stamp();
  Audit other(true, true, 0x123456);
  EXPECT_NE(a, b);
  EXPECT_NE(a, other.witness(0).next_stamp());
  EXPECT_NE(a, audit_.witness(0).next_stamp());
}

TEST(Stamps, WrittenAndReadBack) {
  const ValuePool pool(32, 1);
  Operation operation;
  operation.stamp = 0x0123456789abcdef;
  std::string value;
  pool.append(value, operation);
  EXPECT_EQ(value.size(), 32u);
  EXPECT_EQ(value.substr(0, 16), "0123456789abcdef");
  EXPECT_EQ(read_stamp(value), operation.stamp);
  EXPECT_EQ(read_stamp(pool.at(0)), 0u);
  EXPECT_EQ(read_stamp("0123"), 0u);
}

}  // namespace
}  // namespace cairn::tools::bench
