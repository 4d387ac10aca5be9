#include "tools/bench/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace cairn::tools::bench {
namespace {

constexpr std::size_t kExactPairs = 400;

struct Ranked {
  double u = 0;     // of the first sample
  double ties = 0;  // the sum of t^3 - t over groups of t equal values
};

Ranked rank(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<std::pair<double, bool>> all;  // a value, and whether it is of `a`
  for (const double x : a) all.emplace_back(x, true);
  for (const double x : b) all.emplace_back(x, false);
  std::sort(all.begin(), all.end());
  Ranked ranked;
  double sum = 0;  // of a's ranks
  for (std::size_t i = 0; i < all.size();) {
    std::size_t end = i;
    while (end < all.size() && all[end].first == all[i].first) ++end;
    const auto count = static_cast<double>(end - i);
    // Ranks from 1; equal values share their mean.
    const double mean = static_cast<double>(i + 1 + end) / 2;
    for (; i < end; ++i) sum += all[i].second ? mean : 0;
    ranked.ties += count * count * count - count;
  }
  const auto n = static_cast<double>(a.size());
  ranked.u = sum - n * (n + 1) / 2;
  return ranked;
}

// How many of the orders of n and m values have each U: the coefficients of the Gaussian binomial,
// by adding one value of the first sample after another.
std::vector<double> orders(std::size_t n, std::size_t m) {
  // counts[j][u] for the values so far and j of the second sample.
  std::vector<std::vector<double>> counts(m + 1, std::vector<double>(n * m + 1, 0));
  for (auto& row : counts) row[0] = 1;
  for (std::size_t i = 1; i <= n; ++i) {
    for (std::size_t j = 1; j <= m; ++j) {
      // Either the largest value is of the second sample, or of the first, above j others.
      std::vector<double> next(n * m + 1, 0);
      for (std::size_t u = 0; u <= i * j; ++u) {
        next[u] = counts[j - 1][u] + (u >= j ? counts[j][u - j] : 0);
      }
      counts[j] = std::move(next);
    }
  }
  return counts[m];
}

double exact(double u, std::size_t n, std::size_t m) {
  const std::vector<double> counts = orders(n, m);
  const auto pairs = static_cast<double>(n * m);
  const double far = std::min(u, pairs - u);
  double all = 0;
  double tail = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    all += counts[i];
    if (static_cast<double>(i) <= far) tail += counts[i];
  }
  return std::min(1.0, 2 * tail / all);
}

}  // namespace

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double mann_whitney(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.empty() || b.empty()) return 1;
  const Ranked ranked = rank(a, b);
  if (ranked.ties == 0 && a.size() * b.size() <= kExactPairs) {
    return exact(ranked.u, a.size(), b.size());
  }
  const auto n = static_cast<double>(a.size());
  const auto m = static_cast<double>(b.size());
  const double all = n + m;
  const double variance = n * m / 12 * (all + 1 - ranked.ties / (all * (all - 1)));
  if (variance <= 0) return 1;
  const double z = std::max(0.0, std::abs(ranked.u - n * m / 2) - 0.5) / std::sqrt(variance);
  return std::erfc(z / std::sqrt(2.0));
}

}  // namespace cairn::tools::bench
