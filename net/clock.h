// The clock seam: real in kvd, virtual in the simulator. Nothing below the host reads another.
#pragma once

#include <chrono>
#include <cstdint>

#include "wal/executor.h"

namespace cairn::net {

class Clock {
 public:
  virtual ~Clock() = default;
  /// Never goes back; runs on while the machine sleeps (CLOCK_BOOTTIME), so that timeouts and
  /// leases see suspended time. Any thread.
  [[nodiscard]] virtual std::chrono::microseconds monotonic() const = 0;
  /// Milliseconds since 1970 UTC; may jump. Only revisions use it; safety never rests on it. Any
  /// thread.
  [[nodiscard]] virtual std::uint64_t wall_ms() const = 0;
  /// Runs `task` once on the home executor after `delay`. Can't be cancelled: the task holds its
  /// owner weakly. Home executor only.
  virtual void call_after(std::chrono::microseconds delay, wal::Task task) = 0;
};

}  // namespace cairn::net
