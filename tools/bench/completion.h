// Shell completion, made from the table of flags.
#pragma once

#include <string>

namespace cairn::tools::bench {

/// Of "bash" or "zsh"; empty for other shells.
[[nodiscard]] std::string completion(const std::string& shell);

}  // namespace cairn::tools::bench
