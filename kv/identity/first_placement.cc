#include "kv/identity/first_placement.h"

#include <utility>
#include <vector>

#include "kv/placement/ring.h"

namespace cairn::kv {

Placement first_placement(const net::FoundingRecord& record) {
  std::vector<PlacementNode> nodes;
  for (const net::Founder& f : record.founders) nodes.push_back({f.node, {}, {}});
  Placement placement;
  placement.epoch = 1;
  placement.hash = {record.hash_id, record.hash_seed};
  RingParams params;
  params.hash = placement.hash;
  placement.replicas = place(std::move(nodes), record.partitions, record.replicas, params);
  return placement;
}

}  // namespace cairn::kv
