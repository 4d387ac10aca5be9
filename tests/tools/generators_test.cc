#include "tools/bench/generators.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tools/bench/lane.h"

namespace cairn::tools::bench {
namespace {

/// Pearson's chi-square of what was seen against what was expected.
double chi_square(const std::vector<double>& seen, const std::vector<double>& expected) {
  double sum = 0;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    sum += (seen[i] - expected[i]) * (seen[i] - expected[i]) / expected[i];
  }
  return sum;
}

TEST(Generators, Random_KnownFirstValues) {
  // xoshiro256** seeded by splitmix64 from 0, as the authors' programs give.
  Random random(0);
  EXPECT_EQ(random.next(), 11091344671253066420u);
  EXPECT_EQ(random.next(), 13793997310169335082u);
  EXPECT_EQ(random.next(), 1900383378846508768u);
}

TEST(Generators, Below_ChiSquareOfAHundredBuckets) {
  Random random(11);
  std::vector<double> seen(100);
  for (int i = 0; i < 100'000; ++i) ++seen[random.below(100)];
  // 99 degrees of freedom: 148 is passed once in a thousand, 61 not reached as seldom.
  const double chi = chi_square(seen, std::vector<double>(100, 1000));
  EXPECT_LT(chi, 148);
  EXPECT_GT(chi, 61);
}

TEST(Generators, Zeta_LargeNumbers_AsSummedUp) {
  double sum = 0;
  for (int i = 1; i <= 1'500'000; ++i) sum += std::pow(i, -0.99);
  EXPECT_NEAR(zeta(1'500'000), sum, 1e-6);
  // YCSB's own constant, for its 10^10 items.
  EXPECT_NEAR(zeta(10'000'000'000), 26.46902820178302, 1e-3);
}

TEST(Generators, Zipf_RanksFollowTheLaw) {
  // Gray's method is exact for the first two ranks and close for the others: by groups.
  constexpr std::uint64_t kRanks = 1000;
  constexpr int kDraws = 500'000;
  const Zipf zipf(kRanks);
  Random random(3);
  const auto group = [](std::uint64_t rank) {
    return rank < 2 ? rank : rank < 10 ? 2u : rank < 100 ? 3u : 4u;
  };
  std::vector<double> seen(5);
  std::vector<double> expected(5);
  for (int i = 0; i < kDraws; ++i) ++seen[group(zipf.next(random))];
  for (std::uint64_t r = 0; r < kRanks; ++r) {
    expected[group(r)] += kDraws * std::pow(static_cast<double>(r + 1), -0.99) / zeta(kRanks);
  }
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_NEAR(seen[i] / expected[i], 1, i < 2 ? 0.02 : 0.15) << "group " << i;
  }
}

TEST(Generators, ScrambledZipf_HottestKeyHasYcsbsShare) {
  const ScrambledZipf zipf(1000);
  Random random(5);
  std::vector<int> seen(1000);
  constexpr int kDraws = 200'000;
  for (int i = 0; i < kDraws; ++i) ++seen[zipf.next(random)];
  const std::uint64_t hottest = fnv_hash(0) % 1000;
  // 1 / 26.469, and what else of 10^10 items falls on that key.
  EXPECT_NEAR(seen[hottest] / double(kDraws), 1 / 26.469 + 0.001, 0.003);
  EXPECT_EQ(std::max_element(seen.begin(), seen.end()) - seen.begin(),
            static_cast<std::ptrdiff_t>(hottest));
  // The second hottest is no neighbour of it.
  EXPECT_NE(fnv_hash(1) % 1000, hottest + 1);
}

TEST(Generators, FnvHash_AsYcsbComputesIt) {
  // FNV-1a over eight bytes, the absolute value of the result as a signed number.
  EXPECT_EQ(fnv_hash(0), 0x573807cdd7e5c63bu);
  EXPECT_EQ(fnv_hash(1), 0x7632ced6e2d5105cu);
}

TEST(Keys, Inserts_EachLaneItsOwn_ReadOnceAcknowledged) {
  // Lane 1 of 3, above 100 keys.
  KeyChooser chooser(Distribution::kLatest, 100, 101, 3);
  Random random(7);
  EXPECT_EQ(chooser.to_insert(), 101u);
  EXPECT_EQ(chooser.to_insert(), 104u);
  for (int i = 0; i < 1000; ++i) ASSERT_LT(chooser.to_read(random), 100u);
  chooser.insert_ended(104);  // 101 is still under way: neither may be read
  for (int i = 0; i < 1000; ++i) ASSERT_LT(chooser.to_read(random), 100u);
  chooser.insert_ended(101);
  int newest = 0;
  for (int i = 0; i < 1000; ++i) newest += chooser.to_read(random) == 104 ? 1 : 0;
  EXPECT_NEAR(newest, 1000 / zeta(100), 50);
  EXPECT_EQ(chooser.next_insert(), 107u);
}

TEST(Workloads, Ycsb_MixesAndDistributionsAsItsFilesHaveThem) {
  const auto mix = [](const char* name) { return *find_mix(name); };
  EXPECT_EQ(mix("ycsb-a").share(Kind::kGet), 500u);
  EXPECT_EQ(mix("ycsb-b").share(Kind::kPut), 50u);
  EXPECT_EQ(mix("ycsb-c").share(Kind::kGet), 1000u);
  EXPECT_EQ(mix("ycsb-d").share(Kind::kInsert), 50u);
  EXPECT_EQ(mix("ycsb-d").distribution, Distribution::kLatest);
  EXPECT_EQ(mix("ycsb-e").share(Kind::kScan), 950u);
  EXPECT_EQ(mix("ycsb-f").share(Kind::kModify), 500u);
  for (const Mix& each : mixes()) {
    unsigned all = 0;
    for (const unsigned share : each.per_mille) all += share;
    EXPECT_EQ(all, 1000u) << each.name;
  }
}

TEST(Workloads, Lane_KeepsTheSharesOfItsMix) {
  const Clock::time_point start{std::chrono::seconds(1)};
  Work work;
  work.mix = find_mix("ycsb-e");
  work.distribution = Distribution::kZipfian;
  work.scan_length = 10;
  Phase phase;
  phase.operations = 20'000;
  Lane lane(work, phase, 0, 1, start, nullptr);
  int inserts = 0;
  std::vector<double> lengths(11);
  while (auto operation = lane.take(start)) {
    if (operation->kind == Kind::kInsert) {
      EXPECT_EQ(operation->key, work.keys + static_cast<std::uint64_t>(inserts++));
      EXPECT_EQ(operation->action, Operation::Action::kPut);
    } else {
      ASSERT_EQ(operation->action, Operation::Action::kScan);
      ++lengths.at(operation->length);
    }
    lane.ended(*operation, {}, start);
  }
  EXPECT_NEAR(inserts, 1000, 110);
  lengths.erase(lengths.begin());
  // 9 degrees of freedom: 27.9 is passed once in a thousand.
  EXPECT_LT(chi_square(lengths, std::vector<double>(10, (20'000.0 - inserts) / 10)), 27.9);
}

TEST(Workloads, ReadModifyWrite_TwoRequestsOneOperation) {
  const Clock::time_point start{std::chrono::seconds(1)};
  Work work;
  work.mix = find_mix("ycsb-f");
  Phase phase;
  phase.operations = 100;
  Lane lane(work, phase, 0, 1, start, nullptr);
  int modified = 0;
  while (auto first = lane.take(start)) {
    const auto second = lane.ended(*first, {}, start + std::chrono::milliseconds(1));
    EXPECT_EQ(second.has_value(), first->kind == Kind::kModify);
    if (!second) continue;
    EXPECT_EQ(second->action, Operation::Action::kPut);
    EXPECT_EQ(second->key, first->key);
    EXPECT_FALSE(lane.ended(*second, {}, start + std::chrono::milliseconds(3)));
    ++modified;
  }
  const Tally& tally = lane.tally();
  EXPECT_EQ(tally.operations, 100u);
  EXPECT_EQ(tally.of(Kind::kModify).count(), static_cast<std::uint64_t>(modified));
  EXPECT_EQ(tally.of(Kind::kModify).max(), 3'000'000u);
}

}  // namespace
}  // namespace cairn::tools::bench
