// One stream of operations: what to do next and when, and how long it took. A lane is used by one
// thread at a time; a run has a lane for each loop that works.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "tools/bench/audit.h"
#include "tools/bench/keys.h"
#include "tools/bench/tally.h"
#include "tools/bench/work.h"

namespace cairn::tools::bench {

class Lane {
 public:
  /// The `index`-th of `count` lanes: each has its share of the phase. `audit` may be null.
  Lane(const Work& work, const Phase& phase, std::uint64_t index, std::uint64_t count,
       Clock::time_point start, Audit* audit);

  /// The next operation, if it may begin by now.
  std::optional<Operation> take(Clock::time_point now);
  /// No operation will be given any more.
  [[nodiscard]] bool spent(Clock::time_point now) const;
  /// Open loop: when the next operation is due.
  [[nodiscard]] Clock::time_point next_due() const { return next_due_; }
  [[nodiscard]] bool open_loop() const { return interval_ != Clock::duration::zero(); }

  /// The answer to an operation. A read-modify-write goes on with the operation returned here, at
  /// once and in the place of the first.
  std::optional<Operation> ended(const Operation& operation, const Outcome& outcome,
                                 Clock::time_point now);

  [[nodiscard]] const Tally& tally() const { return tally_; }
  /// For progress, from any thread.
  [[nodiscard]] std::uint64_t done() const { return done_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t failures() const { return failures_.load(std::memory_order_relaxed); }

 private:
  Kind choose_kind();
  void choose(Operation& operation);
  void succeeded(const Operation& operation, Clock::time_point now);
  void failed(const Operation& operation, const std::string& code, Clock::time_point now);
  void count(Clock::time_point now);
  void verified(const Operation& operation, const Outcome& outcome, Clock::time_point now);

  const Work& work_;
  const Phase phase_;
  std::uint64_t left_;
  std::uint64_t next_in_order_;  // of a load: the key; of a verification: its place in the list
  const std::uint64_t step_;
  const Clock::time_point start_;
  Clock::time_point stop_;
  Clock::duration interval_;
  Clock::time_point next_due_;
  Random random_;
  KeyChooser chooser_;
  Audit* const audit_;
  Witness* const witness_;
  Tally tally_;
  std::atomic<std::uint64_t> done_{0};
  std::atomic<std::uint64_t> failures_{0};
};

}  // namespace cairn::tools::bench
