#include "tools/bench/lane.h"

#include <algorithm>

namespace cairn::tools::bench {
namespace {

constexpr std::uint64_t kLaneSeeds = 0x9e3779b97f4a7c15;

std::uint64_t share(std::uint64_t all, std::uint64_t index, std::uint64_t count) {
  return all == UINT64_MAX ? all : all / count + (index < all % count ? 1 : 0);
}

std::uint64_t nanoseconds(Clock::duration d) {
  const auto n = std::chrono::duration_cast<std::chrono::nanoseconds>(d).count();
  return n < 0 ? 0 : static_cast<std::uint64_t>(n);
}

}  // namespace

void Tally::merge(const Tally& other) {
  operations += other.operations;
  errors += other.errors;
  absent += other.absent;
  for (const auto& [code, count] : other.errors_by_code) errors_by_code[code] += count;
  latency.merge(other.latency);
  service.merge(other.service);
  first = std::min(first, other.first);
  last = std::max(last, other.last);
}

double Tally::seconds() const {
  return last <= first ? 0 : std::chrono::duration<double>(last - first).count();
}

Lane::Lane(const Work& work, const Phase& phase, std::uint64_t index, std::uint64_t count,
           Clock::time_point start)
    : work_(work),
      load_(phase.load),
      left_(share(phase.load ? work.keys : phase.operations, index, count)),
      next_load_key_(index),
      load_step_(count),
      stop_(phase.duration == Clock::duration::max() ? Clock::time_point::max()
                                                     : start + phase.duration),
      interval_(phase.rate > 0
                    ? std::chrono::duration_cast<Clock::duration>(
                          std::chrono::duration<double>(static_cast<double>(count) / phase.rate))
                    : Clock::duration::zero()),
      random_(work.seed + (index + 1) * kLaneSeeds + (phase.round << 32)),
      chooser_(work.distribution, work.keys) {
  // The lanes' schedules interleave, so that together they are even.
  next_due_ =
      start + interval_ * static_cast<std::int64_t>(index) / static_cast<std::int64_t>(count);
  tally_.first = start;
}

bool Lane::spent(Clock::time_point now) const {
  if (left_ == 0) return true;
  // An open loop owes what was due before the end, however late it is.
  return (open_loop() ? next_due_ : now) >= stop_;
}

std::optional<Operation> Lane::take(Clock::time_point now) {
  if (spent(now) || (open_loop() && next_due_ > now)) return std::nullopt;
  --left_;
  Operation operation;
  operation.due = open_loop() ? next_due_ : now;
  operation.began = now;
  next_due_ += interval_;
  operation.put = load_ || work_.workload == Workload::kPut ||
                  (work_.workload == Workload::kMixed && random_.next() >> 63 != 0);
  if (load_) {
    operation.key = next_load_key_;
    next_load_key_ += load_step_;
  } else {
    operation.key = operation.put ? chooser_.put(random_) : chooser_.get(random_);
  }
  if (operation.put) operation.value = random_.next();
  return operation;
}

void Lane::end(Clock::time_point now) {
  ++tally_.operations;
  tally_.last = std::max(tally_.last, now);
  ended_.store(tally_.operations, std::memory_order_relaxed);
}

void Lane::succeeded(const Operation& operation, Clock::time_point now) {
  tally_.latency.record(nanoseconds(now - operation.due));
  if (open_loop()) tally_.service.record(nanoseconds(now - operation.began));
  end(now);
}

void Lane::absent(const Operation& operation, Clock::time_point now) {
  ++tally_.absent;
  if (work_.absent_is_error) {
    failed("key_not_found", now);
  } else {
    succeeded(operation, now);
  }
}

void Lane::failed(const std::string& code, Clock::time_point now) {
  ++tally_.errors;
  ++tally_.errors_by_code[code];
  failures_.store(tally_.errors, std::memory_order_relaxed);
  end(now);
}

ValuePool::ValuePool(std::size_t size, std::uint64_t seed) {
  Random random(seed);
  for (std::size_t i = 0; i < kValues; ++i) {
    std::string value(size, ' ');
    for (char& c : value) c = static_cast<char>('!' + random.below(94));
    values_.push_back(std::move(value));
  }
}

}  // namespace cairn::tools::bench
