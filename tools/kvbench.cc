// kvbench: loads the keys, warms up, measures, and reports. What is put under load is in
// tools/bench/*_driver, the arithmetic in lane and histogram.
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "tools/bench/call_driver.h"
#include "tools/bench/http_driver.h"
#include "tools/bench/options.h"
#include "tools/bench/report.h"
#include "tools/bench/store_target.h"

namespace cairn::tools::bench {
namespace {

enum Exit { kDone = 0, kOperationFailed = 1, kUsage = 2, kUnreachable = 3 };

constexpr const char* kUsageText =
    "usage: kvbench [flags]\n\n"
    "Puts a Cairn cluster, a store in this process, or etcd's JSON gateway under load. Closed\n"
    "loop by default: each client begins its next operation when one has ended.\n\n"
    "  kvbench --endpoints http://127.0.0.1:8001,http://127.0.0.1:8002 --workload mixed\n"
    "  kvbench --cluster 3 --clients 16 --ops 100000 --output json\n"
    "  kvbench --endpoints embedded:bench-data --workload get --rate 20000\n\n";

constexpr const char* kExitText =
    "\nProgress is on stderr; JSON is one object alone on stdout. Exit status: 0 done, 1 an\n"
    "operation failed, 2 usage, 3 cannot reach.\n";

int fail(Exit status, const std::string& text) {
  std::fprintf(stderr, "error: %s\n", text.c_str());
  return status;
}

void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

Progress progress_of(const std::string& label) {
  return [label, before = std::uint64_t{0}, then = Clock::time_point{}](
             Clock::time_point start, std::uint64_t ended, std::uint64_t failures) mutable {
    const auto now = Clock::now();
    if (then == Clock::time_point{}) then = start;
    const double span = std::chrono::duration<double>(now - then).count();
    const double rate = span > 0 ? static_cast<double>(ended - before) / span : 0;
    std::fprintf(stderr, "%s %.0f s: %llu ops, %.0f a second, %llu errors\n", label.c_str(),
                 std::chrono::duration<double>(now - start).count(),
                 static_cast<unsigned long long>(ended), rate,
                 static_cast<unsigned long long>(failures));
    before = ended;
    then = now;
  };
}

std::unique_ptr<Driver> make_driver(const Options& options) {
  if (options.endpoints.empty()) {
    return std::make_unique<CallDriver>(
        options.work, std::make_unique<StoreTarget>(options.work, options.embedded),
        options.concurrency, nullptr);
  }
  auto protocol =
      options.etcd ? etcd_protocol(options.work, false) : cairn_protocol(options.work, false);
  return std::make_unique<HttpDriver>(options.work, std::move(protocol), options.endpoints,
                                      options.concurrency, options.timeout, nullptr);
}

// One phase; its errors that do not count as a measurement are told at once.
int prepare(Driver& driver, const Phase& phase, const std::string& label) {
  const RunResult result = driver.run(phase, progress_of(label));
  if (!result.lost.empty()) return fail(kUnreachable, result.lost);
  if (result.tally.errors == 0 || phase.what != Phase::What::kLoad) return kDone;
  std::string text = "loading failed:";
  for (const auto& [code, count] : result.tally.errors_by_code) {
    text += " " + std::to_string(count) + " " + code;
  }
  return fail(kOperationFailed, text);
}

void print_report(const Options& options, const Report& report) {
  std::string text;
  switch (options.output) {
    case Output::kTable:
      text = report_table(report);
      break;
    case Output::kJson:
      text = report_json(report);
      break;
    case Output::kCsv:
      text = csv_header() + report_csv(report);
      break;
  }
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

int measure(Driver& driver, const Options& options) {
  std::vector<Report> reports;
  std::uint64_t errors = 0;
  for (std::uint64_t run = 1; run <= options.runs; ++run) {
    Phase phase = options.phase;
    phase.round = run;
    const std::string label = options.runs == 1 ? "run" : "run " + std::to_string(run);
    RunResult result = driver.run(phase, progress_of(label));
    if (!result.lost.empty()) return fail(kUnreachable, result.lost);
    errors += result.tally.errors;
    reports.push_back({std::string(options.work.mix->name), options.concurrency.clients,
                       phase.rate > 0, std::move(result.tally)});
    if (options.runs > 1) {
      std::fprintf(stderr, "%s: %.0f ops a second\n", label.c_str(),
                   reports.back().operations_per_second());
    }
  }
  std::sort(reports.begin(), reports.end(), [](const Report& a, const Report& b) {
    return a.operations_per_second() < b.operations_per_second();
  });
  const Report& median = reports[(reports.size() - 1) / 2];
  if (median.tally.absent > 0 && !options.work.absent_is_error) {
    std::fprintf(stderr, "%llu gets found no value (--no-load)\n",
                 static_cast<unsigned long long>(median.tally.absent));
  }
  print_report(options, median);
  if (median.tally.operations == 0) return fail(kOperationFailed, "no operation ended");
  if (errors == 0) return kDone;
  return fail(kOperationFailed, std::to_string(errors) + " operations failed");
}

int kvbench_main(const std::vector<std::string>& arguments) {
  Settings settings(bench_settings());
  if (auto error = settings.load(arguments, Settings::process_environment())) {
    return fail(kUsage, *error);
  }
  if (settings.on("help")) {
    std::printf("%s%s%s", kUsageText, settings.help().c_str(), kExitText);
    return kDone;
  }
  if (!settings.positional().empty()) {
    return fail(kUsage,
                "unexpected argument \"" + settings.positional().front() + "\"; see --help");
  }
  Options options;
  if (auto error = read_bench_options(settings, options)) return fail(kUsage, *error);
  std::signal(SIGPIPE, SIG_IGN);
  raise_file_limit();

  auto driver = make_driver(options);
  if (auto error = driver->open(); !error.empty()) return fail(kUnreachable, error);
  if (options.load) {
    Phase load;
    load.what = Phase::What::kLoad;
    if (int status = prepare(*driver, load, "load")) return status;
  }
  if (options.warmup.count() > 0) {
    Phase warmup = options.phase;
    warmup.operations = UINT64_MAX;
    warmup.duration = options.warmup;
    if (int status = prepare(*driver, warmup, "warmup")) return status;
  }
  return measure(*driver, options);
}

}  // namespace
}  // namespace cairn::tools::bench

int main(int argc, char** argv) {
  return cairn::tools::bench::kvbench_main(std::vector<std::string>(argv + 1, argv + argc));
}
