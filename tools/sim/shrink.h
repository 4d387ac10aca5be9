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

/// `told` hears of each step forward.
[[nodiscard]] Outcome shrink(const Outcome& failing,
                             const std::function<void(const std::string&)>& told);

}  // namespace cairn::sim_tool
