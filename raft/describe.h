// Stable text forms, for scenario files, determinism tests and the simulator's ring of last events.
// Not for parsing.
#pragma once

#include <string>

#include "raft/core.h"

namespace cairn::raft {

std::string describe(const Entry& entry);           // 7/2 "x"
std::string describe(const Configuration& config);  // voters 1 2 3, learners 4
std::string describe(const Message& message);       // 1>2 t2 append prev 6/2 commit 5 [7/2 "x"]
std::string describe(const Event& event);
std::string describe(const Persist& persist);  // several lines
std::string describe(const Ready& ready);      // one line a fact; empty when nothing is in it
std::string describe(const Status& status);    // one line
const char* describe(Role role);
const char* describe(PeerStatus::State state);

}  // namespace cairn::raft
