// Makes a failing run smaller while it fails by the same oracle: shorter, with fewer kinds of
// faults, fewer nodes and clients.
#pragma once

#include <functional>
#include <string>

#include "kv/sim/plan.h"
#include "tools/sim/process.h"

namespace cairn::sim_tool {

/// "ORACLE" of "ORACLE: what it saw".
[[nodiscard]] std::string oracle_of(const std::string& failure);

using RunOne = std::function<Outcome(const kv::sim::RunRequest&)>;

/// `told` hears of each step forward.
[[nodiscard]] Outcome shrink(const Outcome& failing,
                             const std::function<void(const std::string&)>& told,
                             const RunOne& run = run_apart);

}  // namespace cairn::sim_tool
