#include "kv/placement/walk.h"

#include <algorithm>
#include <string>
#include <tuple>

#include "kv/command/little_endian.h"

namespace cairn::kv {
namespace {

struct Point {
  std::uint64_t position = 0;
  std::uint32_t node = 0;
};

/// Sorted by position; of two points at one place the smaller id's comes first.
std::vector<Point> ring_points(const std::vector<PlacementNode>& nodes, const RingParams& params) {
  std::vector<Point> points;
  points.reserve(nodes.size() * params.virtual_nodes);
  for (std::uint32_t node = 0; node < nodes.size(); ++node) {
    std::string identity = nodes[node].name;
    if (identity.empty()) identity = std::to_string(nodes[node].id);
    const std::size_t length = identity.size();
    identity.resize(length + sizeof(std::uint32_t));
    for (std::uint32_t i = 0; i < params.virtual_nodes; ++i) {
      store_le(i, identity.data() + length);
      points.push_back({.position = hash_bytes(identity, params.hash), .node = node});
    }
  }
  std::sort(points.begin(), points.end(), [](const Point& a, const Point& b) {
    return std::tie(a.position, a.node) < std::tie(b.position, b.node);
  });
  return points;
}

std::vector<Met> walk(const std::vector<Point>& points, std::size_t nodes, std::uint64_t from) {
  std::vector<Met> met;
  met.reserve(nodes);
  std::vector<bool> seen(nodes, false);
  auto at = std::lower_bound(points.begin(), points.end(), from,
                             [](const Point& p, std::uint64_t x) { return p.position < x; });
  for (std::size_t steps = 0; steps < points.size() && met.size() < nodes; ++steps, ++at) {
    if (at == points.end()) at = points.begin();
    if (seen[at->node]) continue;
    seen[at->node] = true;
    met.push_back({.node = at->node, .distance = at->position - from});  // wraps with the circle
  }
  return met;
}

/// The middle of the partition's interval.
std::uint64_t position_of(std::uint32_t partition, std::uint32_t partitions) {
  const std::uint64_t start = partition_start(partition, partitions);
  const std::uint64_t last = partition + 1 == partitions
                                 ? ~std::uint64_t{0}
                                 : partition_start(partition + 1, partitions) - 1;
  return start + (last - start) / 2;
}

}  // namespace

std::vector<std::vector<Met>> walk_all(const std::vector<PlacementNode>& nodes,
                                       std::uint32_t partitions, const RingParams& params) {
  const std::vector<Point> points = ring_points(nodes, params);
  std::vector<std::vector<Met>> walks;
  walks.reserve(partitions);
  for (std::uint32_t p = 0; p < partitions; ++p) {
    walks.push_back(walk(points, nodes.size(), position_of(p, partitions)));
  }
  return walks;
}

}  // namespace cairn::kv
