// Runs seeds in processes of their own, so that none can hurt another or the one that counts them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "kv/sim/run.h"

namespace cairn::sim_tool {

/// What a process says of its run.
struct Outcome {
  kv::sim::RunRequest request;
  std::string failure;  // "" or "ORACLE: ..."; also of a process that died or hung
  std::uint64_t trace_hash = 0;
  std::uint64_t events = 0;
  double virtual_seconds = 0;
  std::map<std::string, std::uint64_t> faults, probes;

  [[nodiscard]] bool ok() const { return failure.empty(); }
  [[nodiscard]] std::string last_line() const;
};

class Processes {
 public:
  /// Each may use so much processor time; more is a failure.
  explicit Processes(unsigned jobs, unsigned seconds_each = 120)
      : jobs_(jobs), seconds_(seconds_each) {}

  [[nodiscard]] bool full() const { return children_.size() >= jobs_; }
  [[nodiscard]] bool idle() const { return children_.empty(); }
  /// False: there is no process to be had.
  bool start(const kv::sim::RunRequest& request);
  /// Waits until one has ended.
  [[nodiscard]] Outcome wait();

 private:
  struct Child {
    int pipe = -1;
    kv::sim::RunRequest request;
    std::string said;
  };
  [[nodiscard]] bool read_some();

  unsigned jobs_;
  unsigned seconds_;
  std::map<pid_t, Child> children_;
};

/// One run in a process of its own.
[[nodiscard]] Outcome run_apart(const kv::sim::RunRequest& request);

}  // namespace cairn::sim_tool
