// What a node's log would be if the power went now and nothing that waits to be written survived.
#pragma once

#include <map>
#include <string>

#include "kv/sim/world.h"
#include "wal/wal.h"

namespace cairn::kv::sim {

struct DurableLog {
  std::string error;  // it could not be read
  std::map<raft::GroupId, wal::RecoveredGroup> groups;
};

/// The node runs and is founded; its disk is only looked at.
[[nodiscard]] DurableLog read_durable_log(World& world, NodeId node);

}  // namespace cairn::kv::sim
