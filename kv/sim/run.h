// One run: a world drawn from a seed, clients and faults for a while, then the liveness phase, then
// the judgements. The same request gives the same run, to the last byte.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "kv/sim/plan.h"

namespace cairn::kv::sim {

struct RunResult {
  std::string failure;  // "" or "ORACLE: what it saw"; the first one
  std::vector<std::string> failures;
  std::uint64_t trace_hash = 0;
  std::uint64_t events = 0;
  Time virtual_time{0};
  std::uint64_t calls = 0, succeeded = 0;
  std::map<std::string, std::uint64_t> faults;  // kind -> how often it struck
  std::map<std::string, std::uint64_t> probes;  // what was reached
  std::string plan;                             // for people
  std::string log;                              // the last lines of all nodes

  /// "seed=N trace-hash=H ok" or "seed=N trace-hash=H failed: ORACLE ..."
  [[nodiscard]] std::string last_line(std::uint64_t seed) const;
};

/// `watchers` see the whole run (a report, a trace file). The request's profile exists.
[[nodiscard]] RunResult run(const RunRequest& request, const std::vector<Observer*>& watchers = {});

}  // namespace cairn::kv::sim
