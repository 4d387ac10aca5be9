// Who of the node's threads is busy: what names a bottleneck.
#include <sys/resource.h>
#include <time.h>

#include "kv/host/host.h"

namespace cairn::kv {
namespace {

using std::chrono::nanoseconds;

double seconds(nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

void add(std::vector<Sample>& out, const char* name, const char* help, const char* thread,
         nanoseconds time) {
  const std::string labels = thread == nullptr ? "" : std::string("thread=\"") + thread + '"';
  out.push_back({name, labels, seconds(time), Sample::Type::kCounter, help});
}

nanoseconds this_thread() {
  timespec cpu{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
  return std::chrono::seconds(cpu.tv_sec) + nanoseconds(cpu.tv_nsec);
}

nanoseconds whole_process() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& t) {
    return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

}  // namespace

void Host::add_thread_metrics(std::vector<Sample>& out) const {
  constexpr const char* kCpu = "cairn_thread_cpu_seconds_total";
  constexpr const char* kCpuHelp = "processor time of a thread of the node";
  constexpr const char* kBusy = "cairn_thread_busy_seconds_total";
  constexpr const char* kBusyHelp =
      "time that a thread spent in its tasks, waits for disk included";
  const std::pair<const char*, const wal::ThreadExecutor*> threads[] = {
      {"log", &log_}, {"apply", &apply_}, {"read", &read_}, {"background", &background_}};
  add(out, kCpu, kCpuHelp, "loop", this_thread());
  for (const auto& [name, executor] : threads)
    add(out, kCpu, kCpuHelp, name, executor->usage().cpu);
  for (const auto& [name, executor] : threads) {
    add(out, kBusy, kBusyHelp, name, executor->usage().busy);
  }
  add(out, "process_cpu_seconds_total", "user and system time of this process", nullptr,
      whole_process());
}

}  // namespace cairn::kv
