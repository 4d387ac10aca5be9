// The result of a run: for people, for programs, for spreadsheets, and as a page.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/bench/bottleneck.h"
#include "tools/bench/check.h"
#include "tools/bench/environment.h"
#include "tools/bench/marks.h"
#include "tools/bench/slo.h"
#include "tools/bench/tally.h"

namespace cairn::tools::bench {

/// One measurement.
struct RunReport {
  double offered = 0;  // open loop: operations a second that were due
  Tally tally;
  std::vector<Mark> marks;
  double client_share = 0;  // of its threads' time on a processor
  Bottleneck bottleneck;
};

struct RampStep {
  RunReport run;
  std::vector<ClauseVerdict> clauses;
  bool reached = false;  // at least 95 % of the offered rate was done
  [[nodiscard]] bool met() const;
};

struct VerifyResult {
  std::uint64_t keys = 0;
  std::uint64_t lost = 0;               // hold none of their last writes
  std::uint64_t unreadable = 0;         // could not be read
  std::uint64_t one_in = 1;             // only one key in so many was watched
  std::vector<std::uint64_t> examples;  // of lost ones
  [[nodiscard]] bool good() const { return lost == 0 && unreadable == 0; }
};

struct Report {
  std::string workload;
  std::size_t clients = 0;
  bool open_loop = false;
  std::size_t pipeline = 1;
  std::size_t threads = 1;
  std::string target;  // "http", "etcd", "embedded", "cluster of 3"
  std::string consistency;
  std::string distribution;
  std::uint64_t keys = 0;
  std::size_t key_size = 0;
  std::size_t value_size = 0;
  std::uint64_t seed = 0;
  std::string chaos;
  Environment environment;

  std::vector<RunReport> runs;  // in the order of time
  std::size_t median = 0;       // the one of median throughput
  std::vector<RampStep> ramp;
  std::optional<std::size_t> knee;  // the last step of the ramp that met everything
  std::optional<CheckResult> check;
  std::optional<VerifyResult> verify;
  std::vector<ClauseVerdict> slo;

  /// What is shown: the median run, or of a ramp the knee.
  [[nodiscard]] const RunReport& shown() const;
};

[[nodiscard]] std::string report_json(const Report& report);
[[nodiscard]] std::string report_table(const Report& report);
[[nodiscard]] std::string csv_header();
[[nodiscard]] std::string report_csv(const Report& report);
[[nodiscard]] std::string report_html(const Report& report);

/// Names and shares of the quantiles that are told: p50 … p9999.
struct Quantile {
  const char* name;
  double share;
};
[[nodiscard]] const std::vector<Quantile>& told_quantiles();

}  // namespace cairn::tools::bench
