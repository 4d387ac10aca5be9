// The build that has the planted bugs, for whoever asks this one for them.
#pragma once

namespace cairn::sim_tool {

/// Becomes that program, with these arguments, if it is where tests/sim/plant.py puts it: in
/// build/mutants/bin, beside this build. Returns an exit status if it is not.
int run_build_with_bugs(const char* const* argv);

}  // namespace cairn::sim_tool
