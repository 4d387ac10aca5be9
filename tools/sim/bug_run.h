// One seed for a planted bug, in this process or in that of a test program.
#pragma once

#include <string_view>

#include "tools/sim/mutants.h"

namespace cairn::sim_tool {

/// `run` is a request line of kvsim, or "cores": a random world of Raft cores alone, with changes
/// of membership, as tests/raft has it (the program raft_random_test beside this one).
[[nodiscard]] SeedOutcome run_for_bug(std::string_view bug, std::string_view run,
                                      std::uint64_t seed);

}  // namespace cairn::sim_tool
