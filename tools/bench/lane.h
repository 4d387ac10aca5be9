// One stream of operations: what to do next and when, and how long it took. A lane is used by one
// thread at a time; a run has a lane for each loop that works.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/bench/keys.h"
#include "tools/lib/histogram.h"

namespace cairn::tools::bench {

using Clock = std::chrono::steady_clock;

enum class Consistency { kLinearizable, kLease, kEventual };
enum class Workload { kPut, kGet, kMixed };

/// What all phases of a run share.
struct Work {
  Workload workload = Workload::kPut;
  Distribution distribution = Distribution::kUniform;
  std::uint64_t keys = 100'000;
  std::size_t key_size = 16;
  std::size_t value_size = 256;
  Consistency consistency = Consistency::kLinearizable;  // of reads
  bool absent_is_error = true;                           // a get of a key that was loaded
  std::uint64_t seed = 1;
};

/// A phase ends after so many operations or so much time, whichever is given.
struct Phase {
  bool load = false;  // put each key once, in order
  std::uint64_t operations = UINT64_MAX;
  Clock::duration duration = Clock::duration::max();
  double rate =
      0;  // operations a second in all, begun on time whatever became of others; 0: closed
  std::uint64_t round = 0;  // makes the key choice of repeated phases differ
};

struct Operation {
  bool put = false;
  std::uint64_t key = 0;
  std::uint64_t value = 0;  // which of the values made ahead
  Clock::time_point due;    // when it should have begun
  Clock::time_point began;
};

/// What was counted.
struct Tally {
  std::uint64_t operations = 0;  // ended, well or ill
  std::uint64_t errors = 0;
  std::uint64_t absent = 0;  // gets of keys that are not there
  std::map<std::string, std::uint64_t> errors_by_code;
  Histogram latency;  // from due to end, in nanoseconds; of those that ended well
  Histogram service;  // from begin to end
  Clock::time_point first = Clock::time_point::max();  // begin of the phase
  Clock::time_point last = Clock::time_point::min();   // end of its last operation

  void merge(const Tally& other);
  [[nodiscard]] double seconds() const;
};

class Lane {
 public:
  /// The `index`-th of `count` lanes: each has its share of the phase.
  Lane(const Work& work, const Phase& phase, std::uint64_t index, std::uint64_t count,
       Clock::time_point start);

  /// The next operation, if it may begin by now.
  std::optional<Operation> take(Clock::time_point now);
  /// No operation will be given any more.
  [[nodiscard]] bool spent(Clock::time_point now) const;
  /// Open loop: when the next operation is due.
  [[nodiscard]] Clock::time_point next_due() const { return next_due_; }
  [[nodiscard]] bool open_loop() const { return interval_ != Clock::duration::zero(); }

  void succeeded(const Operation& operation, Clock::time_point now);
  /// A get that found nothing; an error if all keys were loaded.
  void absent(const Operation& operation, Clock::time_point now);
  void failed(const std::string& code, Clock::time_point now);

  [[nodiscard]] const Tally& tally() const { return tally_; }
  /// For progress, from any thread.
  [[nodiscard]] std::uint64_t ended() const { return ended_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t failures() const { return failures_.load(std::memory_order_relaxed); }

 private:
  void end(Clock::time_point now);

  const Work& work_;
  const bool load_;
  std::uint64_t left_;
  std::uint64_t next_load_key_;
  const std::uint64_t load_step_;
  Clock::time_point stop_;
  Clock::duration interval_;
  Clock::time_point next_due_;
  Random random_;
  KeyChooser chooser_;
  Tally tally_;
  std::atomic<std::uint64_t> ended_{0};
  std::atomic<std::uint64_t> failures_{0};
};

/// Values made ahead, so that the load generator spends no time on them.
class ValuePool {
 public:
  ValuePool(std::size_t size, std::uint64_t seed);
  [[nodiscard]] const std::string& at(std::uint64_t i) const { return values_[i % kValues]; }
  static constexpr std::size_t kValues = 64;

 private:
  std::vector<std::string> values_;
};

}  // namespace cairn::tools::bench
