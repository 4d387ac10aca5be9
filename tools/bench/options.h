// kvbench's settings, and what they ask for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/bench/chaos_plan.h"
#include "tools/bench/driver.h"
#include "tools/bench/slo.h"
#include "tools/bench/work.h"
#include "tools/lib/http_message.h"
#include "tools/lib/settings.h"

namespace cairn::tools::bench {

enum class Output { kTable, kJson, kCsv };

struct Options {
  std::vector<Endpoint> endpoints;  // over HTTP
  std::vector<std::string> native;  // or native doors, "host:port"
  bool sessions = false;            // there: writes that may be sent again
  std::vector<Endpoint> watch;      // looked at by HTTP; empty: `endpoints`
  std::string embedded;             // or a store in this directory
  std::size_t nodes = 0;            // or processes of kvd, started here
  std::vector<std::string> node_flags;
  bool etcd = false;
  Work work;
  Concurrency concurrency;
  Phase phase;
  std::optional<Ramp> ramp;
  std::chrono::milliseconds warmup{0};
  std::chrono::milliseconds timeout{0};
  std::uint64_t runs = 1;
  bool load = true;
  bool check = false;
  bool verify = false;
  std::vector<ChaosStep> chaos;
  std::vector<Clause> slo;
  std::string data_dir;  // whose disk is timed; empty: not known
  std::string report;    // a file of HTML; empty: none
  Output output = Output::kTable;

  [[nodiscard]] const std::vector<Endpoint>& watched() const {
    return watch.empty() ? endpoints : watch;
  }
  [[nodiscard]] bool stamps() const { return check || verify; }
};

/// The table of flags.
[[nodiscard]] std::vector<Setting> bench_settings();
/// An error says what is wrong and where it came from.
[[nodiscard]] std::optional<std::string> read_bench_options(const Settings& settings,
                                                            Options& options);

}  // namespace cairn::tools::bench
