// kvbench: puts a store under load and says what it saw. The program's manners are here; a run is
// tools/bench/session, a comparison of two tools/bench/compare.
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <thread>

#include "tools/bench/compare.h"
#include "tools/bench/completion.h"
#include "tools/bench/help.h"
#include "tools/bench/options.h"
#include "tools/bench/session.h"

namespace cairn::tools::bench {
namespace {

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

/// Ends the nodes and their directory before the process when it is told to stop. Made before all
/// other threads.
class Interrupts {
 public:
  Interrupts() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }
  ~Interrupts() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
  }
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  void watch(Cluster* cluster) {
    thread_ = std::thread([this, cluster] {
      const timespec look{0, 100'000'000};
      while (!over_) {
        const int signal = ::sigtimedwait(&signals_, nullptr, &look);
        if (signal <= 0) continue;
        if (cluster != nullptr) cluster->abandon();
        ::_exit(128 + signal);
      }
    });
  }

 private:
  sigset_t signals_;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

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

int run_session(const Options& options) {
  Interrupts interrupts;
  Session session(options);
  interrupts.watch(session.cluster());
  for (const auto step : {&Session::open, &Session::load, &Session::measure, &Session::judge}) {
    if (const auto trouble = (session.*step)()) return fail(trouble->status, trouble->text);
  }
  print_report(options, session.report());
  if (!options.report.empty()) {
    std::ofstream page(options.report);
    page << report_html(session.report());
    if (!page.flush()) return fail(kFailed, options.report + ": cannot be written");
  }
  if (const auto complaint = session.complaint()) return fail(kFailed, *complaint);
  return kDone;
}

int kvbench_main(const std::vector<std::string>& arguments) {
  if (!arguments.empty() && arguments[0] == "compare") {
    return compare_main({arguments.begin() + 1, arguments.end()});
  }
  if (!arguments.empty() && arguments[0] == "completion") {
    const std::string text = completion(arguments.size() == 2 ? arguments[1] : "");
    if (text.empty()) return fail(kUsage, "completion is for bash or zsh: kvbench completion bash");
    std::fputs(text.c_str(), stdout);
    return kDone;
  }
  Settings settings(bench_settings());
  if (auto error = settings.load(arguments, Settings::process_environment())) {
    return fail(kUsage, *error);
  }
  if (settings.on("help")) {
    std::fputs(help_text(settings).c_str(), stdout);
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
  return run_session(options);
}

}  // namespace
}  // namespace cairn::tools::bench

int main(int argc, char** argv) {
  return cairn::tools::bench::kvbench_main(std::vector<std::string>(argv + 1, argv + argc));
}
