// Random choices that are the same for a seed on every machine: no std::*_distribution.
#pragma once

#include <cstdint>

namespace cairn::tools::bench {

/// xoshiro256** (Blackman and Vigna); small and fast.
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

/// Ranks 0 .. n - 1, rank r with a probability of about 1 / (r + 1)^0.99: Gray et al., "Quickly
/// generating billion-record synthetic databases" (SIGMOD 1994), with the exponent of YCSB.
class Zipf {
 public:
  explicit Zipf(std::uint64_t n);
  /// Where the sum of 1 / i^0.99 over 1 .. n is known.
  Zipf(std::uint64_t n, double zeta);
  std::uint64_t next(Random& random) const;

 private:
  double n_, zeta_, alpha_, eta_;
};

/// YCSB's scrambled zipfian (Cooper et al., SoCC 2010; ScrambledZipfianGenerator): ranks of a Zipf
/// over 10^10 items, whose zeta is YCSB's constant 26.46902820178302, spread over 0 .. n - 1 by
/// FNV-1a. So the hottest key has the same share (3.8 %) whatever n is, and its neighbours are
/// cold.
class ScrambledZipf {
 public:
  explicit ScrambledZipf(std::uint64_t n);
  std::uint64_t next(Random& random) const;

 private:
  Zipf ranks_;
  std::uint64_t n_;
};

/// FNV-1a over the 8 bytes of a number, lowest first, as YCSB's Utils.fnvhash64.
[[nodiscard]] std::uint64_t fnv_hash(std::uint64_t number);

/// The sum of 1 / i^0.99 over 1 .. n; above a million by Euler and Maclaurin.
[[nodiscard]] double zeta(std::uint64_t n);

}  // namespace cairn::tools::bench
