// Runs every planted bug until a seed catches it, and the same seeds with no bug on.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace cairn::sim_tool {

struct SeedOutcome {
  bool ok = false;
  std::string oracle;  // that saw it, when not ok
};

/// Runs one seed in this process, with that bug; "": without any.
using RunSeed =
    std::function<SeedOutcome(std::string_view bug, std::string_view run, std::uint64_t seed)>;

struct MutantsOptions {
  std::string only;        // one bug's name; "" = all
  unsigned jobs = 1;       // processes at a time; every seed has its own
  unsigned stretch = 100;  // per cent of each bug's stated number of seeds
};

/// Prints the table; 0 if all were caught within their number and no seed is red without a bug,
/// 1 if not, 2 if there is nothing to run. A seed that does not end counts as caught, and as red.
int run_mutants(const MutantsOptions& options, const RunSeed& run_seed);

/// The list of bugs, for people.
void list_bugs();
/// Is there a bug of this name here?
[[nodiscard]] bool is_planted(std::string_view name);

}  // namespace cairn::sim_tool
