// Many seeds: a process each, progress on stderr, a table of what struck and what was reached.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tools/sim/options.h"
#include "tools/sim/process.h"

namespace cairn::sim_tool {

/// Prints the failures, the table and, last, "N seeds, F failed, R seeds/s". The exit status.
int run_seeds(const SimOptions& options);

/// The requests of the file, each run once; likewise.
int replay_file(const SimOptions& options);

}  // namespace cairn::sim_tool
