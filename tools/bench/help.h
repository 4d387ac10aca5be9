// kvbench's words about itself.
#pragma once

#include <string>

#include "tools/lib/settings.h"

namespace cairn::tools::bench {

[[nodiscard]] std::string help_text(const Settings& settings);

}  // namespace cairn::tools::bench
