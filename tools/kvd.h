// kvd in pieces that tests can call: its settings, and how they become the store's options.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cairn/http/server.h"
#include "cairn/kv/options.h"
#include "tools/lib/settings.h"

namespace cairn::tools {

struct KvdOptions {
  kv::Options store;
  http::ServerOptions http;
};

[[nodiscard]] std::vector<Setting> kvd_settings();
/// What the settings ask for, or an error naming where the bad value came from.
[[nodiscard]] std::optional<std::string> read_kvd_options(const Settings& settings,
                                                          KvdOptions& options);
/// A quarter of the memory this process may use.
[[nodiscard]] std::uint64_t default_memory();

}  // namespace cairn::tools
