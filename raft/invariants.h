// Checks of a core's whole state, and of the change since the last look. Linear in the state: for
// tests and the simulator, after each step. They throw InvariantBroken.
#pragma once

#include "raft/core.h"

namespace cairn::raft {

void check_invariants(const Core& core);

/// Remembers one core's last state; observe() checks the new one alone and against the old one.
/// One watch a boot: what is volatile may fall at a restart.
class InvariantWatch {
 public:
  void observe(const Core& core);

 private:
  bool seen_ = false;
  Status last_;
};

}  // namespace cairn::raft
