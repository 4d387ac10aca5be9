// What a client needs in order to find its way: the partitions, who leads each, and where the
// nodes' native doors are. As far as the node that tells it knows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kv/placement/hash.h"
#include "kv/placement/member.h"

namespace cairn::kv {

struct ClusterMap {
  struct Door {
    NodeNumber node = 0;
    std::string address;  // "host:port"
    friend bool operator==(const Door&, const Door&) = default;
  };
  struct Partition {
    NodeNumber leader = 0;   // 0: unknown
    std::uint64_t term = 0;  // in which it leads; the newest is right
    std::vector<NodeNumber> replicas;
    friend bool operator==(const Partition&, const Partition&) = default;
  };
  std::uint64_t cluster_id = 0;  // 0: the node belongs to none yet
  std::uint64_t epoch = 0;       // of the cluster record
  HashParams hash;
  std::vector<Door> doors;  // of the nodes that have one, rising by node
  std::vector<Partition> partitions;
  friend bool operator==(const ClusterMap&, const ClusterMap&) = default;
};

}  // namespace cairn::kv
