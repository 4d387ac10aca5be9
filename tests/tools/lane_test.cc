#include "tools/bench/lane.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "tools/bench/values.h"

namespace cairn::tools::bench {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

const Clock::time_point kStart{seconds(1000)};

Phase of_operations(std::uint64_t n) {
  Phase phase;
  phase.operations = n;
  return phase;
}

std::vector<Operation> take_all(Lane& lane, Clock::time_point now = kStart) {
  std::vector<Operation> all;
  while (auto operation = lane.take(now)) all.push_back(*operation);
  return all;
}

bool is_put(const Operation& operation) {
  return operation.action == Operation::Action::kPut;
}

Outcome no_leader() {
  return {Outcome::Result::kError, "no_leader", true};
}

TEST(Keys, Append_PaddedToSize) {
  std::string key;
  append_key(key, 42, 8);
  append_key(key, 0, 2);
  EXPECT_EQ(key, "k0000042k0");
  EXPECT_EQ(key_size_min(1), 2u);
  EXPECT_EQ(key_size_min(100'000), 6u);
  EXPECT_EQ(key_size_min(100'001), 7u);
}

TEST(Keys, Uniform_EveryKeyAboutAsOften) {
  Random random(3);
  KeyChooser chooser(Distribution::kUniform, 10, 10, 1);
  std::vector<int> seen(10);
  for (int i = 0; i < 100'000; ++i) ++seen[chooser.to_read(random)];
  for (const int n : seen) EXPECT_NEAR(n, 10'000, 500);
}

TEST(Keys, Zipf_FewKeys_InRange) {
  Random random(5);
  for (const std::uint64_t keys : {1u, 2u, 3u}) {
    KeyChooser chooser(Distribution::kZipfian, keys, keys, 1);
    for (int i = 0; i < 1000; ++i) ASSERT_LT(chooser.to_read(random), keys);
  }
}

TEST(Keys, Latest_PutsGoRound_GetsFollow) {
  Random random(5);
  KeyChooser chooser(Distribution::kLatest, 1000, 1000, 1);
  for (int i = 0; i < 500; ++i) chooser.to_put(random);
  int near = 0;
  for (int i = 0; i < 1000; ++i) near += chooser.to_read(random) + 100 > 500 ? 1 : 0;
  EXPECT_GT(near, 600);
}

TEST(Lane, SameSeed_SameOperations) {
  Work work;
  work.mix = find_mix("mixed");
  Lane a(work, of_operations(1000), 0, 2, kStart, nullptr);
  Lane b(work, of_operations(1000), 0, 2, kStart, nullptr);
  Lane other_lane(work, of_operations(1000), 1, 2, kStart, nullptr);
  work.seed = 2;
  Work other_work = work;
  Lane other_seed(other_work, of_operations(1000), 0, 2, kStart, nullptr);
  const auto of_a = take_all(a);
  const auto of_b = take_all(b);
  ASSERT_EQ(of_a.size(), 500u);
  int puts = 0;
  std::size_t same_lane = 0;
  const auto of_other = take_all(other_lane);
  for (std::size_t i = 0; i < of_a.size(); ++i) {
    EXPECT_EQ(of_a[i].key, of_b[i].key);
    EXPECT_EQ(of_a[i].action, of_b[i].action);
    EXPECT_EQ(of_a[i].value, of_b[i].value);
    puts += is_put(of_a[i]) ? 1 : 0;
    same_lane += of_a[i].key == of_other[i].key ? 1 : 0;
  }
  EXPECT_NEAR(puts, 250, 60);
  EXPECT_LT(same_lane, 5u);
}

TEST(Lane, Load_EveryKeyOnceOverAllLanes) {
  Work work;
  work.keys = 1001;
  work.mix = find_mix("get");
  Phase load;
  load.what = Phase::What::kLoad;
  std::set<std::uint64_t> keys;
  for (std::uint64_t i = 0; i < 3; ++i) {
    Lane lane(work, load, i, 3, kStart, nullptr);
    for (const Operation& operation : take_all(lane)) {
      EXPECT_TRUE(is_put(operation));
      EXPECT_TRUE(keys.insert(operation.key).second) << operation.key;
    }
  }
  EXPECT_EQ(keys.size(), 1001u);
  EXPECT_EQ(*keys.rbegin(), 1000u);
}

TEST(Lane, Load_KeyThatFails_EndsIt) {
  Work work;
  work.keys = 1000;
  Phase load;
  load.what = Phase::What::kLoad;
  Lane lane(work, load, 0, 1, kStart, nullptr);
  const auto first = lane.take(kStart);
  ASSERT_TRUE(first);
  Outcome refused;
  refused.result = Outcome::Result::kError;
  refused.code = "timeout";
  EXPECT_FALSE(lane.ended(*first, refused, kStart + seconds(10)));
  EXPECT_TRUE(lane.spent(kStart + seconds(10)));
  EXPECT_FALSE(lane.take(kStart + seconds(10)));
  EXPECT_EQ(lane.tally().errors, 1u);
}

TEST(Lane, Duration_NothingBeginsAfterItsEnd) {
  const Work work;
  Phase phase;
  phase.duration = seconds(1);
  Lane lane(work, phase, 0, 1, kStart, nullptr);
  EXPECT_TRUE(lane.take(kStart + milliseconds(999)));
  EXPECT_FALSE(lane.spent(kStart + milliseconds(999)));
  EXPECT_FALSE(lane.take(kStart + seconds(1)));
  EXPECT_TRUE(lane.spent(kStart + seconds(1)));
}

TEST(Lane, OpenLoop_LanesTogetherKeepTheRate) {
  const Work work;
  Phase phase;
  phase.rate = 1000;
  phase.duration = seconds(1);
  Lane a(work, phase, 0, 2, kStart, nullptr);
  Lane b(work, phase, 1, 2, kStart, nullptr);
  EXPECT_EQ(a.next_due(), kStart);
  EXPECT_EQ(b.next_due(), kStart + milliseconds(1));
  EXPECT_EQ(take_all(a, kStart + seconds(5)).size(), 500u);
  EXPECT_EQ(take_all(b, kStart + seconds(5)).size(), 500u);
  EXPECT_TRUE(a.spent(kStart));
}

TEST(Lane, OpenLoop_NotBeforeItIsDue) {
  const Work work;
  Phase phase;
  phase.rate = 1000;
  Lane lane(work, phase, 0, 1, kStart, nullptr);
  EXPECT_TRUE(lane.take(kStart));
  EXPECT_FALSE(lane.take(kStart + microseconds(999)));
  EXPECT_TRUE(lane.take(kStart + milliseconds(1)));
}

// A server that stands still for a second must show in every latency that was due meanwhile.
TEST(Lane, OpenLoop_LateBegin_LatencyFromDueServiceFromBegin) {
  const Work work;
  Phase phase;
  phase.rate = 100;
  phase.operations = 2;
  Lane lane(work, phase, 0, 1, kStart, nullptr);
  const auto late = kStart + seconds(1);
  for (int i = 0; i < 2; ++i) {
    auto operation = lane.take(late);
    ASSERT_TRUE(operation);
    lane.ended(*operation, {}, late + milliseconds(2));
  }
  EXPECT_EQ(lane.tally().latency.max(), 1'002'000'000u);
  EXPECT_NEAR(lane.tally().latency.mean(), 997e6, 1e3);
  EXPECT_EQ(lane.tally().service.max(), 2'000'000u);
}

TEST(Lane, Absent_ErrorOnlyWhereAllKeysWereLoaded) {
  Work work;
  work.mix = find_mix("get");
  for (const bool is_error : {true, false}) {
    work.absent_is_error = is_error;
    Lane lane(work, of_operations(1), 0, 1, kStart, nullptr);
    lane.ended(*lane.take(kStart), {Outcome::Result::kAbsent}, kStart + milliseconds(1));
    EXPECT_EQ(lane.tally().errors, is_error ? 1u : 0u);
    EXPECT_EQ(lane.tally().absent, 1u);
    EXPECT_EQ(lane.tally().operations, 1u);
  }
}

TEST(Tally, Merge_CountsAndTimes) {
  const Work work;
  Lane a(work, of_operations(4), 0, 2, kStart, nullptr);
  Lane b(work, of_operations(4), 1, 2, kStart, nullptr);
  a.ended(*a.take(kStart), {}, kStart + milliseconds(10));
  a.ended(*a.take(kStart), no_leader(), kStart + milliseconds(20));
  b.ended(*b.take(kStart), no_leader(), kStart + milliseconds(500));
  Tally all;
  all.merge(a.tally());
  all.merge(b.tally());
  EXPECT_EQ(all.operations, 3u);
  EXPECT_EQ(all.errors, 2u);
  EXPECT_EQ(all.errors_by_code.at("no_leader"), 2u);
  EXPECT_DOUBLE_EQ(all.seconds(), 0.5);
}

TEST(ValuePool, Values_RightSizeAndDifferent) {
  const ValuePool pool(100, 1);
  EXPECT_EQ(pool.at(0).size(), 100u);
  EXPECT_NE(pool.at(0), pool.at(1));
  EXPECT_EQ(pool.at(3), pool.at(3 + ValuePool::kValues));
}

}  // namespace
}  // namespace cairn::tools::bench
