// Latencies in buckets whose width grows with the value, in constant memory, at a few nanoseconds a
// record. With `kBits` bits of precision a value is told at most 1 / 2^kBits too high.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

namespace cairn::tools {

template <int kBits, class Count>
class BasicHistogram {
 public:
  BasicHistogram() : counts_(kBuckets) {}

  void record(std::uint64_t value) {
    ++counts_[bucket_of(value)];
    ++count_;
    sum_ += static_cast<double>(value);
    max_ = std::max(max_, value);
  }

  void merge(const BasicHistogram& other) {
    for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    sum_ += other.sum_;
    max_ = std::max(max_, other.max_);
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t max() const { return max_; }
  [[nodiscard]] double mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

  /// The smallest value that this share (0 .. 1) of the records does not exceed; never said too
  /// small, but for the bucket's width.
  [[nodiscard]] std::uint64_t quantile(double share) const {
    if (count_ == 0) return 0;
    const double exact = std::ceil(share * static_cast<double>(count_));
    const auto rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(exact), 1, count_);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      seen += counts_[i];
      if (seen >= rank) return std::min(last_of(i), max_);
    }
    return max_;
  }

  /// How many records are at most `value`, but for the width of its bucket.
  [[nodiscard]] std::uint64_t count_to(std::uint64_t value) const {
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i <= bucket_of(value); ++i) seen += counts_[i];
    return seen;
  }

 private:
  static constexpr std::uint64_t kPerPower = 1ull << kBits;  // buckets of a power of two
  static constexpr std::size_t kBuckets = (64 - kBits + 1) * kPerPower;

  static std::size_t bucket_of(std::uint64_t value) {
    if (value < kPerPower) return value;
    const int shift = std::bit_width(value) - kBits - 1;
    return (static_cast<std::size_t>(shift) + 1) * kPerPower + ((value >> shift) - kPerPower);
  }
  // The largest value of a bucket.
  static std::uint64_t last_of(std::size_t bucket) {
    if (bucket < kPerPower) return bucket;
    const auto shift = static_cast<int>(bucket / kPerPower) - 1;
    const std::uint64_t first = (kPerPower + bucket % kPerPower) << shift;
    return first + ((1ull << shift) - 1);
  }

  std::vector<Count> counts_;
  std::uint64_t count_ = 0;
  double sum_ = 0;
  std::uint64_t max_ = 0;
};

/// 0.8 %, 58 KiB.
using Histogram = BasicHistogram<7, std::uint64_t>;
/// 6 %, 4 KiB: for one of many intervals.
using CoarseHistogram = BasicHistogram<4, std::uint32_t>;

}  // namespace cairn::tools
