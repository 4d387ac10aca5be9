#include "tools/lib/histogram.h"

#include <gtest/gtest.h>

#include "tools/bench/keys.h"

namespace cairn::tools {
namespace {

TEST(Histogram, Empty_Zeros) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.quantile(0.5), 0u);
  EXPECT_EQ(histogram.mean(), 0);
}

TEST(Histogram, SmallValues_Exact) {
  Histogram histogram;
  for (std::uint64_t v = 1; v <= 100; ++v) histogram.record(v);
  EXPECT_EQ(histogram.quantile(0.5), 50u);
  EXPECT_EQ(histogram.quantile(0.99), 99u);
  EXPECT_EQ(histogram.quantile(0), 1u);
  EXPECT_EQ(histogram.quantile(1), 100u);
  EXPECT_DOUBLE_EQ(histogram.mean(), 50.5);
}

TEST(Histogram, Quantiles_WithinOnePercentOfTheSortedTruth) {
  const std::uint64_t seed = 7;
  bench::Random random(seed);
  Histogram histogram;
  std::vector<std::uint64_t> all;
  for (int i = 0; i < 100'000; ++i) {
    // Spread evenly over the powers of ten from a microsecond to ten seconds, in nanoseconds.
    const double value = std::pow(10, 3 + 7 * random.fraction());
    all.push_back(static_cast<std::uint64_t>(value));
    histogram.record(all.back());
  }
  std::sort(all.begin(), all.end());
  for (const double share : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999}) {
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(all.size())));
    const auto truth = static_cast<double>(all[rank - 1]);
    const auto said = static_cast<double>(histogram.quantile(share));
    EXPECT_GE(said, truth) << share << ", seed " << seed;
    EXPECT_LE(said, truth * 1.008) << share << ", seed " << seed;
  }
  EXPECT_EQ(histogram.max(), all.back());
}

TEST(Histogram, Extremes_Counted) {
  Histogram histogram;
  histogram.record(0);
  histogram.record(UINT64_MAX);
  EXPECT_EQ(histogram.quantile(0.5), 0u);
  EXPECT_EQ(histogram.quantile(1), UINT64_MAX);
}

TEST(Histogram, Merge_SameAsRecordedTogether) {
  Histogram a, b, both;
  for (std::uint64_t v = 0; v < 5000; ++v) {
    (v % 3 == 0 ? a : b).record(v * v);
    both.record(v * v);
  }
  a.merge(b);
  EXPECT_EQ(a.count(), both.count());
  EXPECT_EQ(a.max(), both.max());
  EXPECT_DOUBLE_EQ(a.mean(), both.mean());
  for (const double share : {0.1, 0.5, 0.999}) EXPECT_EQ(a.quantile(share), both.quantile(share));
}

}  // namespace
}  // namespace cairn::tools
