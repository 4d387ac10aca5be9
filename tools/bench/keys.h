// Which key comes next: the same seed gives the same keys.
#pragma once

#include <cstdint>
#include <string>

namespace cairn::tools::bench {

/// xoshiro256**; small, fast, and the same everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed);
  std::uint64_t next();
  /// 0 .. bound - 1.
  std::uint64_t below(std::uint64_t bound);
  /// 0 <= x < 1.
  double fraction();

 private:
  std::uint64_t state_[4];
};

enum class Distribution {
  kUniform,
  kZipfian,  // a few keys are hot (exponent 0.99), spread over the key space
  kLatest,   // keys put lately are hot
};

/// Ranks 0 .. n - 1, rank r with a probability of about 1 / (r + 1)^0.99.
class Zipf {
 public:
  explicit Zipf(std::uint64_t n);
  std::uint64_t next(Random& random) const;

 private:
  double n_, zeta_, alpha_, eta_;
};

class KeyChooser {
 public:
  KeyChooser(Distribution distribution, std::uint64_t keys);
  /// The key to put, and the key to get.
  std::uint64_t put(Random& random);
  std::uint64_t get(Random& random);

 private:
  Distribution distribution_;
  std::uint64_t keys_;
  Zipf zipf_;
  std::uint64_t newest_ = 0;  // kLatest: puts go round the key space
};

/// "k000000000000042": `size` characters.
void append_key(std::string& out, std::uint64_t key, std::size_t size);
/// Digits that the last key needs, with its letter.
[[nodiscard]] std::size_t key_size_min(std::uint64_t keys);

}  // namespace cairn::tools::bench
