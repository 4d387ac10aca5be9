// Where a run took place: what its figures cannot be compared without.
#pragma once

#include <string>

#include "tools/lib/histogram.h"

namespace cairn::tools::bench {

struct Environment {
  std::string cpu;
  unsigned cores = 0;
  std::string kernel;
  std::string compiler;
  std::string build;  // "Release", with sanitizers named
  std::string version;
  std::string filesystem;  // of the directory that was timed
  std::string disk_of;     // which directory that was, for people
  Histogram sync;          // 4 KiB written and synced with fdatasync, in nanoseconds
};

/// Times the disk of `directory`, which may be empty: then of the working directory.
[[nodiscard]] Environment look_around(const std::string& directory);
/// One line for people.
[[nodiscard]] std::string environment_line(const Environment& environment);

/// User and system time of this process so far, in seconds.
[[nodiscard]] double own_cpu_seconds();

}  // namespace cairn::tools::bench
