// The ring: for each partition the nodes in the order in which a clockwise walk meets them.
// Private to kv/placement.
#pragma once

#include <cstdint>
#include <vector>

#include "kv/placement/ring.h"

namespace cairn::kv {

/// One step of a partition's walk: the first point of that node.
struct Met {
  std::uint32_t node = 0;  // index into the nodes
  std::uint64_t distance = 0;
};

/// One walk a partition, every node once, nearest first. `nodes` is sorted by id.
[[nodiscard]] std::vector<std::vector<Met>> walk_all(const std::vector<PlacementNode>& nodes,
                                                     std::uint32_t partitions,
                                                     const RingParams& params);

}  // namespace cairn::kv
