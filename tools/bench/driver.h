// Something that can be put under load.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tools/bench/lane.h"

namespace cairn::tools::bench {

struct RunResult {
  Tally tally;
  std::string lost;  // why the phase could not go on to its end; empty: it did
};

/// Called about every second while a phase runs.
using Progress =
    std::function<void(Clock::time_point start, std::uint64_t ended, std::uint64_t failures)>;

class Driver {
 public:
  virtual ~Driver() = default;
  /// Why no operation could even be tried; empty: ready for run().
  [[nodiscard]] virtual std::string open() = 0;
  [[nodiscard]] virtual RunResult run(const Phase& phase, const Progress& progress) = 0;
};

/// How many operations are under way at once: each client has up to `pipeline`.
struct Concurrency {
  std::size_t clients = 64;
  std::size_t pipeline = 1;
  std::size_t threads = 1;  // of the load generator, over HTTP
};

/// The number of operations ended, and failed, in all lanes.
void report_progress(const std::vector<std::unique_ptr<Lane>>& lanes, Clock::time_point start,
                     const Progress& progress);

}  // namespace cairn::tools::bench
