#include "tools/bench/generators.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace cairn::tools::bench {
namespace {

constexpr double kTheta = 0.99;
constexpr std::uint64_t kYcsbItems = 10'000'000'000;
constexpr double kYcsbZeta = 26.46902820178302;

std::uint64_t split_mix(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace

Random::Random(std::uint64_t seed) {
  for (auto& word : state_) word = split_mix(seed);
}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t Random::below(std::uint64_t bound) {
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
}

double Random::fraction() {
  return static_cast<double>(next() >> 11) * 0x1.0p-53;
}

double zeta(std::uint64_t n) {
  constexpr std::uint64_t kExact = 1'000'000;
  double sum = 0;
  for (std::uint64_t i = 1; i <= std::min(n, kExact); ++i) {
    sum += std::pow(static_cast<double>(i), -kTheta);
  }
  if (n > kExact) {
    const auto from = static_cast<double>(kExact);
    const auto to = static_cast<double>(n);
    sum += (std::pow(to, 1 - kTheta) - std::pow(from, 1 - kTheta)) / (1 - kTheta) +
           (std::pow(to, -kTheta) - std::pow(from, -kTheta)) / 2;
  }
  return sum;
}

Zipf::Zipf(std::uint64_t n) : Zipf(n, zeta(n)) {}

Zipf::Zipf(std::uint64_t n, double zeta_of_n)
    : n_(static_cast<double>(n)), zeta_(zeta_of_n), alpha_(1 / (1 - kTheta)) {
  eta_ = (1 - std::pow(2 / n_, 1 - kTheta)) / (1 - zeta(2) / zeta_);
}

std::uint64_t Zipf::next(Random& random) const {
  const double u = random.fraction();
  const double scaled = u * zeta_;
  if (scaled < 1 || n_ < 2) return 0;
  if (scaled < 1 + std::pow(0.5, kTheta) || n_ < 3) return 1;
  const double rank = n_ * std::pow(eta_ * u - eta_ + 1, alpha_);
  return static_cast<std::uint64_t>(std::min(rank, n_ - 1));
}

ScrambledZipf::ScrambledZipf(std::uint64_t n) : ranks_(kYcsbItems, kYcsbZeta), n_(n) {}

std::uint64_t ScrambledZipf::next(Random& random) const {
  return fnv_hash(ranks_.next(random)) % n_;
}

std::uint64_t fnv_hash(std::uint64_t number) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (int i = 0; i < 8; ++i) {
    hash = (hash ^ (number & 0xff)) * 0x100000001b3;
    number >>= 8;
  }
  // YCSB takes the absolute value of a signed number.
  return hash >> 63 != 0 ? ~hash + 1 : hash;
}

}  // namespace cairn::tools::bench
