#include "tools/bench/keys.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace cairn::tools::bench {
namespace {

constexpr double kTheta = 0.99;

std::uint64_t split_mix(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

double zeta(std::uint64_t n) {
  double sum = 0;
  for (std::uint64_t i = 1; i <= n; ++i) sum += 1 / std::pow(static_cast<double>(i), kTheta);
  return sum;
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

// Gray et al., "Quickly generating billion-record synthetic databases" (SIGMOD 1994).
Zipf::Zipf(std::uint64_t n) : n_(static_cast<double>(n)), zeta_(zeta(n)) {
  alpha_ = 1 / (1 - kTheta);
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

KeyChooser::KeyChooser(Distribution distribution, std::uint64_t keys)
    : distribution_(distribution),
      keys_(keys),
      zipf_(distribution == Distribution::kUniform ? 1 : keys) {}

std::uint64_t KeyChooser::put(Random& random) {
  if (distribution_ != Distribution::kLatest) return get(random);
  newest_ = (newest_ + 1) % keys_;
  return newest_;
}

std::uint64_t KeyChooser::get(Random& random) {
  switch (distribution_) {
    case Distribution::kUniform:
      return random.below(keys_);
    case Distribution::kZipfian: {
      std::uint64_t rank = zipf_.next(random);
      return split_mix(rank) % keys_;  // hot keys shall not be neighbours
    }
    case Distribution::kLatest:
      break;
  }
  return (newest_ + keys_ - zipf_.next(random)) % keys_;
}

void append_key(std::string& out, std::uint64_t key, std::size_t size) {
  out += 'k';
  out.append(size - 1, '0');
  for (std::size_t at = out.size(); key != 0; key /= 10) {
    out[--at] = static_cast<char>('0' + key % 10);
  }
}

std::size_t key_size_min(std::uint64_t keys) {
  return 1 + std::to_string(keys - 1).size();
}

}  // namespace cairn::tools::bench
