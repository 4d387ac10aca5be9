#include "tools/bench/series.h"

#include <algorithm>
#include <bit>

namespace cairn::tools::bench {
namespace {

// A day; later writes are not told apart.
constexpr std::uint64_t kMillisecondsMax = 86'400'000;

void add(Series::Slot& to, const Series::Slot& from) {
  to.operations += from.operations;
  to.errors += from.errors;
  to.writes += from.writes;
  to.latency.merge(from.latency);
}

std::uint64_t not_negative(std::int64_t n) {
  return n < 0 ? 0 : static_cast<std::uint64_t>(n);
}

}  // namespace

Series::Slot& Series::slot_of(std::chrono::nanoseconds since_start) {
  const std::uint64_t at = not_negative(since_start.count());
  const auto index = [&] { return at / not_negative(std::chrono::nanoseconds(width_).count()); };
  while (index() >= kSlotsMax) widen();
  if (index() >= slots_.size()) slots_.resize(index() + 1);
  return slots_[index()];
}

void Series::widen() {
  width_ *= 2;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (i % 2 == 0) {
      if (i != 0) slots_[i / 2] = std::move(slots_[i]);
    } else {
      add(slots_[i / 2], slots_[i]);
    }
  }
  slots_.resize((slots_.size() + 1) / 2);
}

void Series::succeeded(std::chrono::nanoseconds since_start, std::uint64_t latency, bool write) {
  Slot& slot = slot_of(since_start);
  ++slot.operations;
  if (write) ++slot.writes;
  slot.latency.record(latency);
}

void Series::failed(std::chrono::nanoseconds since_start) {
  Slot& slot = slot_of(since_start);
  ++slot.operations;
  ++slot.errors;
}

void Series::merge(const Series& other) {
  Series theirs = other;
  while (width_ < theirs.width_) widen();
  while (theirs.width_ < width_) theirs.widen();
  if (slots_.size() < theirs.slots_.size()) slots_.resize(theirs.slots_.size());
  for (std::size_t i = 0; i < theirs.slots_.size(); ++i) add(slots_[i], theirs.slots_[i]);
}

void WriteTimes::acknowledged(std::chrono::nanoseconds since_start) {
  const std::uint64_t ms =
      std::min(not_negative(since_start.count()) / 1'000'000, kMillisecondsMax);
  if (ms / 64 >= words_.size()) words_.resize(ms / 64 + 1);
  words_[ms / 64] |= 1ull << (ms % 64);
}

void WriteTimes::merge(const WriteTimes& other) {
  if (words_.size() < other.words_.size()) words_.resize(other.words_.size());
  for (std::size_t i = 0; i < other.words_.size(); ++i) words_[i] |= other.words_[i];
}

WriteTimes::Gap WriteTimes::longest_gap(std::chrono::milliseconds end) const {
  Gap longest;
  std::int64_t before = 0;  // the last write, or the begin
  const auto reach = [&](std::int64_t ms) {
    if (ms - before > longest.length.count()) {
      longest = {std::chrono::milliseconds(before), std::chrono::milliseconds(ms - before)};
    }
    before = std::max(before, ms);
  };
  for (std::size_t i = 0; i < words_.size(); ++i) {
    for (std::uint64_t word = words_[i]; word != 0; word &= word - 1) {
      reach(static_cast<std::int64_t>(i) * 64 + std::countr_zero(word));
    }
  }
  reach(end.count());
  return longest;
}

}  // namespace cairn::tools::bench
