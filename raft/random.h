// The core's only source of chance: splitmix64 (public domain, Steele/Lea/Flood 2014). Fixed, so
// that one seed gives one run on every compiler.
#pragma once

#include <cstdint>

namespace cairn::raft {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }

  /// In [low, high]. The bias of the modulus is below 2^-50 for the small ranges used here.
  std::uint64_t between(std::uint64_t low, std::uint64_t high) {
    return low + next() % (high - low + 1);
  }

 private:
  std::uint64_t state_;
};

}  // namespace cairn::raft
