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
  std::string why;           // unless it is: the window of the first key that is not, for people
};

/// The checker is the simulator's (Wing and Gong 1993, Lowe 2017), one window of a key at a time. A
/// window ends with an operation that no other one overlaps: after it the key's value is known, and
/// the next window begins with that value. A put of unknown outcome belongs to the first window in
/// which its value was read; where it never was, it may as well not have happened. What a key held
/// before the run is whatever was read first and not written here.
[[nodiscard]] CheckResult check_linearizable(std::vector<Event> events, std::uint64_t one_in);

}  // namespace cairn::tools::bench
