// Something that can be put under load, in two forms: a Driver runs a phase by itself; a CallTarget
// takes one operation after another and answers by callback, and a CallDriver makes a Driver of it.
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

/// A library that is called: a store in this process, or a client of the native door.
class CallTarget {
 public:
  virtual ~CallTarget() = default;
  /// Why nothing can be called; empty: ready.
  [[nodiscard]] virtual std::string open() = 0;
  /// Parts that are called independently (stores, connections), each with its share of the clients
  /// and a lane of its own. At least 1; asked after open().
  [[nodiscard]] virtual std::size_t doors() const = 0;

  using Done = std::function<void(Outcome)>;
  /// Any thread; several calls at once, clients x pipeline over all doors at most. `done` is called
  /// exactly once, on any thread, or inside the call. Values come from ValuePool (values.h); with
  /// operation.stamp the value begins with it, and a get should tell the stamp that it read.
  virtual void call(std::size_t door, const Operation& operation, Done done) = 0;
};

}  // namespace cairn::tools::bench
