// kvsim: whole clusters in virtual time, broken and judged.
#include <malloc.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <string>

#include "kv/sim/fault_kinds.h"
#include "kv/sim/report.h"
#include "kv/sim/run.h"
#include "kv/sim/text_trace.h"
#include "tools/sim/bug_run.h"
#include "tools/sim/campaign.h"
#include "tools/sim/elsewhere.h"
#include "tools/sim/options.h"
#include "tools/sim/planted.h"
#include "tools/sim/shrink.h"

namespace cairn::sim_tool {

namespace {

/// False: it could not be written.
bool write_report(const SimOptions& options, const kv::sim::ReportRecorder& report,
                  const kv::sim::RunResult& result) {
  const std::string line = result.last_line(options.request.seed);
  kv::sim::ReportTitle title;
  title.seed = options.request.seed;
  title.profile = options.request.profile;
  title.hash = line.substr(line.find("trace-hash=") + 11, 16);
  title.verdict = line.substr(line.find(title.hash) + title.hash.size() + 1);
  if (!options.bug.empty()) title.profile += ", with the planted bug " + options.bug;
  title.nodes = kv::sim::draw_plan(options.request)->nodes;
  std::ofstream file(options.report);
  file << report.html(title, result.virtual_time);
  if (file.flush()) return true;
  std::fprintf(stderr, "kvsim: %s cannot be written\n", options.report.c_str());
  return false;
}

/// In this process: so that a debugger and a trace see it.
int run_one(const SimOptions& options) {
  std::vector<kv::sim::Observer*> watchers;
  std::ofstream file;
  kv::sim::TextTrace trace([&file](const std::string& line) { file << line << '\n'; });
  if (!options.trace.empty()) {
    file.open(options.trace);
    watchers.push_back(&trace);
  }
  kv::sim::ReportRecorder report;
  if (!options.report.empty()) watchers.push_back(&report);
  const kv::sim::RunResult result = kv::sim::run(options.request, watchers);
  if (!options.report.empty() && !write_report(options, report, result)) return 2;
  if (!options.trace.empty() && !file.flush()) {
    std::fprintf(stderr, "kvsim: %s cannot be written\n", options.trace.c_str());
    return 2;
  }
  std::printf("%s\n", result.plan.c_str());
  if (!result.failure.empty()) {
    std::printf("%s", result.log.c_str());
    for (const std::string& failure : result.failures) std::printf("%s\n", failure.c_str());
  }
  std::printf("%llu of %llu calls succeeded, %llu events in %.1f virtual seconds\n",
              static_cast<unsigned long long>(result.succeeded),
              static_cast<unsigned long long>(result.calls),
              static_cast<unsigned long long>(result.events),
              static_cast<double>(result.virtual_time.count()) / 1e6);
  if (options.shrink && !result.failure.empty()) {
    const Outcome small = shrink(run_apart(options.request), [](const std::string& line) {
      std::fprintf(stderr, "  %s\n", line.c_str());
    });
    std::printf("shrunk: %s  # %s\n", line_of(small.request).c_str(),
                small.failure.substr(0, small.failure.find('\n')).c_str());
  }
  std::printf("%s\n", result.last_line(options.request.seed).c_str());
  return result.failure.empty() ? 0 : 1;
}

int list_faults() {
  for (const kv::sim::FaultInfo& info : kv::sim::fault_infos()) {
    std::printf("%s\n", std::string(info.name).c_str());
  }
  return 0;
}

int list_profiles() {
  for (const kv::sim::ProfileInfo& info : kv::sim::profiles()) {
    std::printf("%-24s %s\n", std::string(info.name).c_str(), std::string(info.what).c_str());
  }
  return 0;
}

int main_of(int argc, const char* const* argv) {
  SimOptions options;
  if (const std::string wrong = parse_options(argc, argv, &options); !wrong.empty()) {
    std::fprintf(stderr, "kvsim: %s; see kvsim --help\n", wrong.c_str());
    return 2;
  }
  if (wants_bugs(options)) {
    if (planted_bugs().empty()) return run_build_with_bugs(argv);
    if (!options.bug.empty() && !is_planted(options.bug)) {
      std::fprintf(stderr, "kvsim: no bug is called %s; --list-bugs\n", options.bug.c_str());
      return 2;
    }
  }
  using What = SimOptions::What;
  if (options.what != What::kMutants) plant(options.bug);
  switch (options.what) {
    case What::kRun:
      return run_one(options);
    case What::kSeeds:
      return run_seeds(options);
    case What::kReplay:
      return replay_file(options);
    case What::kListFaults:
      return list_faults();
    case What::kListProfiles:
      return list_profiles();
    case What::kMutants:
      return run_mutants({options.bug, options.jobs, options.stretch}, run_for_bug);
    case What::kListBugs:
      list_bugs();
      return 0;
    case What::kHelp:
      break;
  }
  std::fputs(kSimHelp, stdout);
  return 0;
}

}  // namespace

}  // namespace cairn::sim_tool

int main(int argc, char** argv) {
  // Disks in memory are copied all the time: without this the heap is given back to the system, and
  // faulted in again page by page, after every copy. A third of all processor time.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // more is refused
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 16 << 20);
  return cairn::sim_tool::main_of(argc, argv);
}
