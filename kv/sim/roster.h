// Who the members are: what the newest cluster record says that any running node knows.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "kv/sim/world.h"

namespace cairn::kv::sim {

struct Roster {
  std::uint64_t epoch = 0;  // 0: nobody runs that knows of a cluster
  bool settled = false;     // nobody joins or leaves
  std::set<NodeId> nodes;
  std::set<NodeId> voters;    // active, with votes
  std::set<NodeId> learners;  // until they are promoted
  std::set<NodeId> joining, leaving;
  std::vector<std::set<NodeId>> wanted;  // by partition

  [[nodiscard]] std::string describe() const;
};

[[nodiscard]] Roster newest_roster(World& world);

}  // namespace cairn::kv::sim
