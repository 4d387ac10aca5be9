// kvbench's settings, and what they ask for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/bench/driver.h"
#include "tools/bench/lane.h"
#include "tools/lib/http_message.h"
#include "tools/lib/settings.h"

namespace cairn::tools::bench {

enum class Output { kTable, kJson, kCsv };

struct Options {
  std::vector<Endpoint> endpoints;  // over HTTP
  std::string embedded;             // or a store in this directory
  std::size_t members = 0;          // or a cluster in this process
  bool etcd = false;
  Work work;
  Concurrency concurrency;
  Phase phase;
  std::chrono::milliseconds warmup{0};
  std::chrono::milliseconds timeout{0};
  std::uint64_t runs = 1;
  bool load = true;
  Output output = Output::kTable;
};

[[nodiscard]] std::vector<Setting> bench_settings();
/// An error says what is wrong and where it came from.
[[nodiscard]] std::optional<std::string> read_bench_options(const Settings& settings,
                                                            Options& options);

}  // namespace cairn::tools::bench
