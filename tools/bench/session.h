// A run of kvbench from its options to its report: start nodes, load, warm up, measure, look,
// judge.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "tools/bench/audit.h"
#include "tools/bench/chaos.h"
#include "tools/bench/cluster.h"
#include "tools/bench/driver.h"
#include "tools/bench/marks.h"
#include "tools/bench/options.h"
#include "tools/bench/report.h"
#include "tools/bench/watcher.h"

namespace cairn::tools::bench {

enum Exit { kDone = 0, kFailed = 1, kUsage = 2, kUnreachable = 3 };

/// Why a run has no report.
struct Trouble {
  Exit status = kUnreachable;
  std::string text;
};

class Session {
 public:
  explicit Session(Options options);
  ~Session();

  /// The nodes that this run started; null: none.
  [[nodiscard]] Cluster* cluster() { return cluster_.get(); }

  /// Each step only after the one before it.
  [[nodiscard]] std::optional<Trouble> open();
  [[nodiscard]] std::optional<Trouble> load();
  [[nodiscard]] std::optional<Trouble> measure();
  /// --verify, --check and --slo.
  [[nodiscard]] std::optional<Trouble> judge();

  [[nodiscard]] const Report& report() const { return report_; }
  /// What the exit status says, and why; none: all is well.
  [[nodiscard]] std::optional<std::string> complaint() const;

 private:
  [[nodiscard]] std::optional<Trouble> run_once(const Phase& phase, const std::string& label,
                                                bool chaos, RunReport& run);
  [[nodiscard]] std::optional<Trouble> warm_up();
  [[nodiscard]] std::optional<Trouble> measure_runs();
  [[nodiscard]] std::optional<Trouble> climb();
  [[nodiscard]] std::optional<Trouble> verify();
  void describe();
  void mark_stalls(RunReport& run) const;
  [[nodiscard]] std::unique_ptr<Driver> make_driver();
  [[nodiscard]] bool over_http() const { return !options_.endpoints.empty(); }

  Options options_;
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<Audit> audit_;
  std::unique_ptr<Driver> driver_;
  Marks marks_;
  std::unique_ptr<Watcher> watcher_;
  std::uint64_t next_insert_ = 0;
  Report report_;
};

}  // namespace cairn::tools::bench
