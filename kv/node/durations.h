// A histogram of durations with fixed bounds, as a metrics page wants it.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace cairn::kv {

class Durations {
 public:
  static constexpr std::array<std::int64_t, 12> kBoundsMicros{
      100, 250, 500, 1'000, 2'500, 5'000, 10'000, 25'000, 50'000, 100'000, 500'000, 2'500'000};

  void add(std::chrono::microseconds took) {
    std::size_t i = 0;
    while (i < kBoundsMicros.size() && took.count() > kBoundsMicros[i]) ++i;
    ++counts_[i];
    sum_micros_ += static_cast<std::uint64_t>(took.count());
  }
  /// Of bucket i alone; the last one has no upper bound.
  [[nodiscard]] std::uint64_t count(std::size_t i) const { return counts_[i]; }
  [[nodiscard]] double sum_seconds() const { return static_cast<double>(sum_micros_) / 1e6; }

 private:
  std::array<std::uint64_t, kBoundsMicros.size() + 1> counts_{};
  std::uint64_t sum_micros_ = 0;
};

}  // namespace cairn::kv
