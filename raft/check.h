// Checks of the core's own invariants. They stay on in release builds and throw; the host catches
// at its executor's edge and fails the group (never used on what peers or the disk say).
#pragma once

#include <stdexcept>

namespace cairn::raft {

/// An invariant of the core, or of its contract with the host, is broken: do not resume this core.
class InvariantBroken : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

inline void require(bool holds, const char* what) {
  if (!holds) [[unlikely]] {
    throw InvariantBroken(what);
  }
}

}  // namespace cairn::raft
