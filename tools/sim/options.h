// The command line of kvsim.
#pragma once

#include <cstdint>
#include <string>

#include "kv/sim/plan.h"

namespace cairn::sim_tool {

struct SimOptions {
  enum class What { kRun, kSeeds, kReplay, kListFaults, kListProfiles, kMutants, kListBugs, kHelp };
  What what = What::kHelp;
  kv::sim::RunRequest request;
  std::uint64_t first = 1, last = 1;  // --seeds
  unsigned jobs = 1;
  bool shrink = false;
  std::string trace;       // file, empty: none
  std::string report;      // file, empty: none
  std::string replay;      // file of request lines
  std::string bug;         // a planted one, empty: none
  unsigned stretch = 100;  // per cent of a bug's stated number of seeds
};

/// "" or what is wrong with the arguments.
[[nodiscard]] std::string parse_options(int argc, const char* const* argv, SimOptions* options);

/// Does it ask for planted bugs? Only a build of its own has them.
[[nodiscard]] bool wants_bugs(const SimOptions& options);

extern const char* const kSimHelp;

}  // namespace cairn::sim_tool
