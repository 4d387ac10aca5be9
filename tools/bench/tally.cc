#include "tools/bench/tally.h"

#include <algorithm>

namespace cairn::tools::bench {

void Tally::merge(const Tally& other) {
  operations += other.operations;
  errors += other.errors;
  absent += other.absent;
  items += other.items;
  for (const auto& [code, count] : other.errors_by_code) errors_by_code[code] += count;
  latency.merge(other.latency);
  service.merge(other.service);
  for (std::size_t i = 0; i < kKinds; ++i) by_kind[i].merge(other.by_kind[i]);
  failing.merge(other.failing);
  series.merge(other.series);
  writes.merge(other.writes);
  for (const std::uint64_t key : other.lost) {
    if (lost.size() < kLostMax) lost.push_back(key);
  }
  next_insert = std::max(next_insert, other.next_insert);
  first = std::min(first, other.first);
  last = std::max(last, other.last);
}

double Tally::seconds() const {
  return last <= first ? 0 : std::chrono::duration<double>(last - first).count();
}

double Tally::per_second() const {
  const double span = seconds();
  return span > 0 ? static_cast<double>(operations - errors) / span : 0;
}

WriteTimes::Gap Tally::longest_write_gap() const {
  if (last <= first) return {};
  return writes.longest_gap(std::chrono::duration_cast<std::chrono::milliseconds>(last - first));
}

}  // namespace cairn::tools::bench
