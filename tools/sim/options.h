// The command line of kvsim.
#pragma once

#include <cstdint>
#include <string>

#include "kv/sim/plan.h"

namespace cairn::sim_tool {

struct SimOptions {
  enum class What { kRun, kSeeds, kReplay, kListFaults, kListProfiles, kHelp };
  What what = What::kHelp;
  kv::sim::RunRequest request;
  std::uint64_t first = 1, last = 1;  // --seeds
  unsigned jobs = 1;
  bool shrink = false;
  std::string trace;   // file, empty: none
  std::string replay;  // file of request lines
};

/// "" or what is wrong with the arguments.
[[nodiscard]] std::string parse_options(int argc, const char* const* argv, SimOptions* options);

extern const char* const kSimHelp;

}  // namespace cairn::sim_tool
