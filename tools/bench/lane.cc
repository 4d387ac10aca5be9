#include "tools/bench/lane.h"

#include <algorithm>

namespace cairn::tools::bench {
namespace {

using Action = Operation::Action;

constexpr std::uint64_t kLaneSeeds = 0x9e3779b97f4a7c15;

std::uint64_t share(std::uint64_t all, std::uint64_t index, std::uint64_t count) {
  return all == UINT64_MAX ? all : all / count + (index < all % count ? 1 : 0);
}

std::uint64_t all_of(const Work& work, const Phase& phase) {
  switch (phase.what) {
    case Phase::What::kLoad:
      return work.keys;
    case Phase::What::kVerify:
      return phase.keys->size();
    case Phase::What::kMeasure:
      break;
  }
  return phase.operations;
}

std::uint64_t nanoseconds(Clock::duration d) {
  const auto n = std::chrono::duration_cast<std::chrono::nanoseconds>(d).count();
  return n < 0 ? 0 : static_cast<std::uint64_t>(n);
}

}  // namespace

Lane::Lane(const Work& work, const Phase& phase, std::uint64_t index, std::uint64_t count,
           Clock::time_point start, Audit* audit)
    : work_(work),
      phase_(phase),
      left_(share(all_of(work, phase), index, count)),
      next_in_order_(index),
      step_(count),
      start_(start),
      stop_(phase.duration == Clock::duration::max() ? Clock::time_point::max()
                                                     : start + phase.duration),
      interval_(phase.rate > 0
                    ? std::chrono::duration_cast<Clock::duration>(
                          std::chrono::duration<double>(static_cast<double>(count) / phase.rate))
                    : Clock::duration::zero()),
      random_(work.seed + (index + 1) * kLaneSeeds + (phase.round << 32)),
      chooser_(work.distribution, work.keys, std::max(work.keys, phase.first_insert) + index,
               count),
      audit_(audit),
      witness_(audit == nullptr ? nullptr : &audit->witness(index)) {
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
  operation.asked = now;
  next_due_ += interval_;
  choose(operation);
  if (operation.action == Action::kPut) {
    operation.value = random_.next();
    if (witness_ != nullptr) operation.stamp = witness_->next_stamp();
  }
  return operation;
}

Kind Lane::choose_kind() {
  const Mix& mix = *work_.mix;
  for (std::size_t i = 0; i < kKinds; ++i) {
    if (mix.per_mille[i] == 1000) return static_cast<Kind>(i);
  }
  auto left = random_.below(1000);
  std::size_t kind = 0;
  while (left >= mix.per_mille[kind]) left -= mix.per_mille[kind++];
  return static_cast<Kind>(kind);
}

void Lane::choose(Operation& operation) {
  if (phase_.what != Phase::What::kMeasure) {
    const bool load = phase_.what == Phase::What::kLoad;
    operation.kind = load ? Kind::kPut : Kind::kGet;
    operation.action = load ? Action::kPut : Action::kGet;
    operation.linearizable = true;
    operation.key = load ? next_in_order_ : (*phase_.keys)[next_in_order_];
    next_in_order_ += step_;
    return;
  }
  operation.kind = choose_kind();
  switch (operation.kind) {
    case Kind::kGet:
    case Kind::kModify:
      operation.key = chooser_.to_read(random_);
      return;
    case Kind::kPut:
      operation.action = Action::kPut;
      operation.key = chooser_.to_put(random_);
      return;
    case Kind::kInsert:
      operation.action = Action::kPut;
      operation.key = chooser_.to_insert();
      tally_.next_insert = chooser_.next_insert();
      return;
    case Kind::kScan:
      operation.action = Action::kScan;
      operation.key = chooser_.to_read(random_);
      operation.length = static_cast<std::uint32_t>(1 + random_.below(work_.scan_length));
      return;
  }
}

std::optional<Operation> Lane::ended(const Operation& operation, const Outcome& outcome,
                                     Clock::time_point now) {
  if (phase_.what == Phase::What::kVerify) {
    verified(operation, outcome, now);
    return std::nullopt;
  }
  if (witness_ != nullptr) witness_->ended(operation, outcome, now);
  if (operation.kind == Kind::kInsert) chooser_.insert_ended(operation.key);
  if (outcome.result == Outcome::Result::kError) {
    failed(operation, outcome.code, now);
    return std::nullopt;
  }
  if (outcome.result == Outcome::Result::kAbsent) {
    ++tally_.absent;
    if (work_.absent_is_error) {
      failed(operation, "key_not_found", now);
      return std::nullopt;
    }
  }
  if (operation.kind == Kind::kModify && operation.action == Action::kGet) {
    Operation second = operation;
    second.action = Action::kPut;
    second.asked = now;
    second.value = random_.next();
    if (witness_ != nullptr) second.stamp = witness_->next_stamp();
    return second;
  }
  tally_.items += outcome.items;
  succeeded(operation, now);
  return std::nullopt;
}

void Lane::count(Clock::time_point now) {
  ++tally_.operations;
  tally_.last = std::max(tally_.last, now);
  done_.store(tally_.operations, std::memory_order_relaxed);
}

void Lane::succeeded(const Operation& operation, Clock::time_point now) {
  const std::uint64_t latency = nanoseconds(now - operation.due);
  const bool write = operation.action == Action::kPut;
  tally_.latency.record(latency);
  tally_.service.record(nanoseconds(now - operation.began));
  tally_.by_kind[static_cast<std::size_t>(operation.kind)].record(latency);
  tally_.series.succeeded(now - start_, latency, write);
  if (write) tally_.writes.acknowledged(now - start_);
  count(now);
}

void Lane::failed(const Operation& operation, const std::string& code, Clock::time_point now) {
  ++tally_.errors;
  ++tally_.errors_by_code[code];
  tally_.failing.record(nanoseconds(now - operation.due));
  tally_.series.failed(now - start_);
  failures_.store(tally_.errors, std::memory_order_relaxed);
  count(now);
  // A key that is missing makes the run worthless: no waiting until all the others have failed too.
  if (phase_.what == Phase::What::kLoad) left_ = 0;
}

void Lane::verified(const Operation& operation, const Outcome& outcome, Clock::time_point now) {
  if (outcome.result == Outcome::Result::kError) {
    failed(operation, outcome.code, now);
  } else if (audit_->holds_last_write(operation.key, outcome)) {
    succeeded(operation, now);
  } else {
    if (tally_.lost.size() < Tally::kLostMax) tally_.lost.push_back(operation.key);
    failed(operation, "lost", now);
  }
}

}  // namespace cairn::tools::bench
