#include "tools/bench/environment.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>

#include "tools/bench/slo.h"
#include "tools/lib/text_table.h"

namespace cairn::tools::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int kSyncs = 200;
constexpr std::chrono::milliseconds kSyncTime{1000};
// Of a disk that may not be the servers': it is told, and need not be known that well.
constexpr std::chrono::milliseconds kOtherSyncTime{100};
constexpr std::size_t kBlock = 4096;

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != line.npos) return line.substr(colon + 2);
  }
  return "unknown CPU";
}

std::string file_system_name(const std::string& directory) {
  struct statfs about {};
  if (::statfs(directory.c_str(), &about) != 0) return "unknown";
  switch (static_cast<unsigned long>(about.f_type)) {
    case 0xef53:
      return "ext4";
    case 0x58465342:
      return "xfs";
    case 0x9123683e:
      return "btrfs";
    case 0x2fc12fc1:
      return "zfs";
    case 0x794c7630:
      return "overlayfs";
    case 0x01021994:
      return "tmpfs (memory: nothing is durable)";
    case 0x6969:
      return "nfs";
    default:
      break;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "file system 0x%lx",
                static_cast<unsigned long>(about.f_type));
  return text.data();
}

std::string build_name() {
  std::string name = CAIRN_BUILD_TYPE;
#if defined(__SANITIZE_ADDRESS__)
  name += ", AddressSanitizer";
#endif
#if defined(__SANITIZE_THREAD__)
  name += ", ThreadSanitizer";
#endif
  return name;
}

// A file that is written once before, so that only its data is synced.
void time_syncs(const std::string& directory, std::chrono::milliseconds time, Histogram& syncs) {
  std::string name = directory + "/kvbench-sync-XXXXXX";
  const int file = ::mkostemp(name.data(), O_CLOEXEC);
  if (file < 0) return;
  ::unlink(name.c_str());
  const std::array<char, kBlock> block{};
  for (int i = 0; i < kSyncs; ++i) {
    if (::pwrite(file, block.data(), kBlock, i * static_cast<off_t>(kBlock)) < 0) break;
  }
  ::fsync(file);
  const auto until = SteadyClock::now() + time;
  for (int i = 0; i < kSyncs && SteadyClock::now() < until; ++i) {
    const auto begin = SteadyClock::now();
    if (::pwrite(file, block.data(), kBlock, i * static_cast<off_t>(kBlock)) < 0 ||
        ::fdatasync(file) != 0) {
      break;
    }
    const auto took = SteadyClock::now() - begin;
    syncs.record(static_cast<std::uint64_t>(std::chrono::nanoseconds(took).count()));
  }
  ::close(file);
}

}  // namespace

Environment look_around(const std::string& directory) {
  Environment here;
  here.cpu = cpu_name();
  here.cores = static_cast<unsigned>(::sysconf(_SC_NPROCESSORS_ONLN));
  utsname system{};
  ::uname(&system);
  here.kernel = std::string(system.sysname) + " " + system.release;
#if defined(__clang__)
  here.compiler = std::string("clang ") + __clang_version__;
#else
  here.compiler = std::string("gcc ") + __VERSION__;
#endif
  here.build = build_name();
  here.version = CAIRN_VERSION;
  const std::string timed = directory.empty() ? "." : directory;
  here.filesystem = file_system_name(timed);
  here.disk_of = directory.empty() ? "the working directory" : "the data directory";
  time_syncs(timed, directory.empty() ? kOtherSyncTime : kSyncTime, here.sync);
  return here;
}

std::string environment_line(const Environment& e) {
  std::string line = e.cpu + ", " + std::to_string(e.cores) + (e.cores == 1 ? " core" : " cores") +
                     ", " + e.kernel + "; kvbench " + e.version + ", " + e.build + ", " +
                     e.compiler + "; " + e.filesystem;
  if (e.sync.count() > 0) {
    line += ", fdatasync in " + e.disk_of + " p50 " +
            format_latency(static_cast<double>(e.sync.quantile(0.5))) + ", p99 " +
            format_latency(static_cast<double>(e.sync.quantile(0.99)));
  }
  return printable(line);
}

double own_cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace cairn::tools::bench
