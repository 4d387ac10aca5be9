// --check linearizable: is the history of every key that of one register?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/bench/audit.h"

namespace cairn::tools::bench {

struct CheckResult {
  bool linearizable = false;
  std::uint64_t events = 0;  // looked at
  std::uint64_t keys = 0;
  std::uint64_t one_in = 1;  // only one key in so many was watched
  std::string why;           // unless it is: the operations of the first key that contradict
};

/// Exact, in n log n: every write has a value of its own, so Gibbons and Korach ("Testing Shared
/// Memories", 1997) decide it by zones. A value's zone reaches from the first end of an operation
/// with it (the put, its gets) to the last begin of one. If the end comes first, the key must hold
/// the value from one to the other: two such zones must not overlap. If not, the value may have
/// been there for a moment between them: that must not lie wholly inside such a zone.
///
/// A put of unknown outcome counts if its value was read, and then ends never; else it may as well
/// not have happened. A value that nobody here put was there before: there can be but one, held
/// from the beginning of time. Tests compare this with the simulator's search (kv/sim/history).
[[nodiscard]] CheckResult check_linearizable(std::vector<Event> events, std::uint64_t one_in);

}  // namespace cairn::tools::bench
