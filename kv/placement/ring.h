// Consistent hashing with bounded loads: which nodes hold the replicas of each partition. Pure: the
// same set of nodes gives the same table everywhere, in whatever order they are listed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kv/placement/hash.h"
#include "raft/types.h"

namespace cairn::kv {

struct PlacementNode {
  raft::NodeId id = raft::kNobody;  // distinct, not 0
  std::string zone;                 // empty: a zone of its own
  std::string name;                 // its identity on the ring; empty: the id's digits
};

struct RingParams {
  HashParams hash;
  /// Points of each node on the circle.
  std::uint32_t virtual_nodes = 1024;
  /// No node holds more than ceil(load_percent / 100 × its fair share) of the replicas, or is the
  /// preferred leader of more than ceil(leader_percent / 100 × ...) of the partitions.
  std::uint32_t load_percent = 110;
  std::uint32_t leader_percent = 125;
};

/// Nodes of each partition, the preferred leader first.
using ReplicaTable = std::vector<std::vector<raft::NodeId>>;

/// min(replicas, nodes) distinct nodes for each partition; distinct zones too as far as there are
/// enough and the load bound, which always holds, allows. Without nodes all lists are empty.
[[nodiscard]] ReplicaTable place(std::vector<PlacementNode> nodes, std::uint32_t partitions,
                                 std::uint32_t replicas, const RingParams& params = {});

/// The bounds that place() keeps.
[[nodiscard]] std::uint32_t load_bound(std::size_t nodes, std::uint32_t partitions,
                                       std::uint32_t replicas, const RingParams& params = {});
[[nodiscard]] std::uint32_t leader_bound(std::size_t nodes, std::uint32_t partitions,
                                         const RingParams& params = {});

}  // namespace cairn::kv
