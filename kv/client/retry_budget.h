// Attempts after failures must not outlive their cause: they are paid for by answers, and a little
// by time (hazard O1). The pauses between them grow and are never alike.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace cairn::kv::client {

class RetryBudget {
 public:
  using Micros = std::chrono::microseconds;

  explicit RetryBudget(std::uint64_t seed) : state_(seed | 1) {}

  void answered() { tokens_ = std::min(kMost, tokens_ + kPerAnswer); }
  void passed(Micros time) {
    tokens_ = std::min(kMost, tokens_ + kPerSecond * static_cast<double>(time.count()) / 1e6);
  }
  /// False: not now.
  [[nodiscard]] bool take() {
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }
  /// Before attempt n + 1: half to all of 8 ms, doubled with each, 500 ms at most.
  [[nodiscard]] Micros pause(unsigned attempts) {
    const std::int64_t whole = std::min<std::int64_t>(500'000, 8'000ll << std::min(attempts, 10u));
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return Micros{whole / 2 + static_cast<std::int64_t>(state_ % (whole / 2))};
  }

 private:
  // A change of leaders meets everything that is under way at once: that much is allowed.
  static constexpr double kMost = 8192;
  static constexpr double kPerAnswer = 0.1;
  static constexpr double kPerSecond = 50;

  double tokens_ = kMost;
  std::uint64_t state_;
};

}  // namespace cairn::kv::client
