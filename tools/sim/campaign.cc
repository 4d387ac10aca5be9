#include "tools/sim/campaign.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>

#include "tools/sim/shrink.h"

namespace cairn::sim_tool {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

class Campaign {
 public:
  explicit Campaign(const SimOptions& options)
      : options_(options), processes_(options.jobs), begun_(Clock::now()), told_(begun_) {}

  /// `next` gives one request after another, nullopt at the end.
  int run(const std::function<std::optional<kv::sim::RunRequest>()>& next, std::uint64_t of) {
    of_ = of;
    auto request = next();
    while (request || !processes_.idle()) {
      if (request && !processes_.full()) {
        if (!processes_.start(*request)) {
          std::fprintf(stderr, "kvsim: no process is to be had\n");
          return 2;
        }
        request = next();
        continue;
      }
      ended(processes_.wait());
    }
    table();
    for (const Outcome& failing : failing_) shrunk(failing);
    std::printf("%llu seeds, %zu failed, %.1f seeds/s\n", static_cast<unsigned long long>(done_),
                failed_, static_cast<double>(done_) / std::max(1e-3, seconds()));
    if (done_ == 0) return 2;
    return failed_ == 0 ? 0 : 1;
  }

 private:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(ended_ - begun_).count();
  }

  void ended(const Outcome& outcome) {
    ++done_;
    ended_ = Clock::now();
    events_ += outcome.events;
    raft::Random mixed(outcome.request.seed ^ outcome.trace_hash);
    traces_ ^= mixed.next();
    virtual_seconds_ += outcome.virtual_seconds;
    for (const auto& [name, times] : outcome.faults) add(faults_[name], times);
    for (const auto& [name, times] : outcome.probes) {
      Reached& reached = probes_[name];
      if (times > 0) add(reached, times);
    }
    if (!outcome.ok()) {
      ++failed_;
      std::printf("%s\n    %s\n", outcome.last_line().c_str(), line_of(outcome.request).c_str());
      std::fflush(stdout);
      if (failing_.size() < 16) failing_.push_back(outcome);
    }
    if (ended_ - told_ < std::chrono::seconds{2}) return;
    told_ = ended_;
    std::fprintf(stderr, "%llu of %llu seeds, %zu failed, %.1f seeds/s\n",
                 static_cast<unsigned long long>(done_), static_cast<unsigned long long>(of_),
                 failed_, static_cast<double>(done_) / seconds());
  }

  struct Reached {
    std::uint64_t seeds = 0, times = 0;
  };
  static void add(Reached& reached, std::uint64_t times) {
    ++reached.seeds;
    reached.times += times;
  }

  void table() {
    std::printf("%-32s %8s %12s\n", "fault", "seeds", "times");
    for (const kv::sim::FaultInfo& info : kv::sim::fault_infos()) {
      const Reached& r = faults_[std::string(info.name)];
      std::printf("%-32s %8llu %12llu\n", std::string(info.name).c_str(),
                  static_cast<unsigned long long>(r.seeds),
                  static_cast<unsigned long long>(r.times));
    }
    std::printf("%-32s %8s %12s\n", "probe", "seeds", "times");
    for (const auto& [name, r] : probes_) {
      std::printf("%-32s %8llu %12llu\n", name.c_str(), static_cast<unsigned long long>(r.seeds),
                  static_cast<unsigned long long>(r.times));
    }
    for (const auto& [name, r] : probes_) {
      if (r.seeds == 0) std::printf("never reached: %s\n", name.c_str());
    }
    rusage used{};
    (void)getrusage(RUSAGE_CHILDREN, &used);
    const double cpu = std::max(1e-3, seconds_of(used.ru_utime) + seconds_of(used.ru_stime));
    std::printf("%.0f virtual seconds in %.1f: %.0f times real time\n", virtual_seconds_, seconds(),
                virtual_seconds_ / std::max(1e-3, seconds()));
    std::printf("per second of processor time: %.1f seeds, %.0f virtual seconds, %.0f events\n",
                static_cast<double>(done_) / cpu, virtual_seconds_ / cpu,
                static_cast<double>(events_) / cpu);
    std::printf("all traces together: %016llx\n", static_cast<unsigned long long>(traces_));
  }

  void shrunk(const Outcome& failing) {
    if (!options_.shrink) return;
    const Outcome small = shrink(
        failing, [](const std::string& line) { std::fprintf(stderr, "  %s\n", line.c_str()); });
    std::printf("shrunk: %s  # %s\n", line_of(small.request).c_str(),
                small.failure.substr(0, small.failure.find('\n')).c_str());
  }

  const SimOptions& options_;
  Processes processes_;
  Clock::time_point begun_, told_, ended_;
  std::uint64_t of_ = 0, done_ = 0, events_ = 0;
  std::uint64_t traces_ = 0;  // whatever the order in which they end
  std::size_t failed_ = 0;
  double virtual_seconds_ = 0;
  std::map<std::string, Reached> faults_, probes_;
  std::vector<Outcome> failing_;
};

}  // namespace

int run_seeds(const SimOptions& options) {
  std::uint64_t seed = options.first;
  bool more = true;
  return Campaign(options).run(
      [&]() -> std::optional<kv::sim::RunRequest> {
        if (!more) return std::nullopt;
        kv::sim::RunRequest request = options.request;
        request.seed = seed;
        more = seed++ < options.last;
        return request;
      },
      options.last - options.first + 1);
}

int replay_file(const SimOptions& options) {
  std::ifstream in(options.replay);
  if (!in) {
    std::fprintf(stderr, "kvsim: %s cannot be read\n", options.replay.c_str());
    return 2;
  }
  std::vector<kv::sim::RunRequest> requests;
  for (std::string line; std::getline(in, line);) {
    if (line.substr(0, line.find('#')).find_first_not_of(" \t") == std::string::npos) continue;
    kv::sim::RunRequest request;
    if (const std::string wrong = parse_line(line, &request); !wrong.empty()) {
      std::fprintf(stderr, "kvsim: %s: %s\n", options.replay.c_str(), wrong.c_str());
      return 2;
    }
    requests.push_back(std::move(request));
  }
  std::size_t at = 0;
  return Campaign(options).run(
      [&]() -> std::optional<kv::sim::RunRequest> {
        if (at == requests.size()) return std::nullopt;
        return requests[at++];
      },
      requests.size());
}

}  // namespace cairn::sim_tool
