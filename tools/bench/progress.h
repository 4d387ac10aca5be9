// What people see on stderr while a run goes on.
#pragma once

#include <string>

#include "tools/bench/driver.h"

namespace cairn::tools::bench {

void note(const std::string& line);
/// A line about every second: "run 3 s: 61234 ops, 20411 a second, 0 errors".
[[nodiscard]] Progress progress_of(const std::string& label);

}  // namespace cairn::tools::bench
