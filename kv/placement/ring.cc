#include "kv/placement/ring.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <tuple>

#include "kv/placement/assign.h"
#include "kv/placement/walk.h"

namespace cairn::kv {
namespace {

std::uint32_t bound_of(std::uint64_t total, std::size_t nodes, std::uint32_t percent) {
  const std::uint64_t divisor = std::uint64_t{100} * nodes;
  return static_cast<std::uint32_t>((total * percent + divisor - 1) / divisor);
}

/// Dense zone numbers; a node without a zone is alone in its own.
std::vector<std::uint32_t> zone_numbers(const std::vector<PlacementNode>& nodes) {
  std::map<std::string, std::uint32_t> named;
  std::vector<std::uint32_t> zones;
  std::uint32_t next = 0;
  for (const PlacementNode& node : nodes) {
    if (node.zone.empty()) {
      zones.push_back(next++);
      continue;
    }
    const auto [at, fresh] = named.emplace(node.zone, next);
    if (fresh) ++next;
    zones.push_back(at->second);
  }
  return zones;
}

/// All pairs, nearest first.
std::vector<Pair> pairs_by_distance(const std::vector<std::vector<Met>>& walks) {
  std::vector<Pair> pairs;
  for (std::uint32_t p = 0; p < walks.size(); ++p) {
    for (const Met& met : walks[p]) {
      pairs.push_back({.partition = p, .node = met.node, .distance = met.distance});
    }
  }
  std::sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) {
    return std::tie(a.distance, a.partition, a.node) < std::tie(b.distance, b.partition, b.node);
  });
  return pairs;
}

std::vector<std::vector<std::uint32_t>> nodes_of(const std::vector<std::vector<Met>>& walks) {
  std::vector<std::vector<std::uint32_t>> nodes(walks.size());
  for (std::size_t p = 0; p < walks.size(); ++p) {
    for (const Met& met : walks[p]) nodes[p].push_back(met.node);
  }
  return nodes;
}

class Placer {
 public:
  Placer(const std::vector<PlacementNode>& nodes, std::uint32_t partitions, std::uint32_t replicas,
         const RingParams& params)
      : nodes_(nodes),
        partitions_(partitions),
        width_(static_cast<std::uint32_t>(std::min<std::size_t>(replicas, nodes.size()))),
        params_(params),
        zones_(zone_numbers(nodes)),
        walks_(walk_all(nodes, partitions, params)),
        pairs_(pairs_by_distance(walks_)) {}

  ReplicaTable run() {
    const Assignment sets = choose_sets();
    const Assignment leaders = choose_leaders(sets);
    ReplicaTable table(partitions_);
    for (std::uint32_t p = 0; p < partitions_; ++p) {
      const std::uint32_t first = leaders.of(p).front();
      table[p].push_back(nodes_[first].id);
      for (const Met& met : walks_[p]) {
        if (met.node != first && sets.holds(p, met.node)) table[p].push_back(nodes_[met.node].id);
      }
    }
    return table;
  }

 private:
  [[nodiscard]] bool zone_taken(const Assignment& sets, std::uint32_t p, std::uint32_t node) const {
    for (const std::uint32_t held : sets.of(p)) {
      if (zones_[held] == zones_[node]) return true;
    }
    return false;
  }

  void take_near(Assignment& sets, bool zones_apart) const {
    for (const Pair& pair : pairs_) {
      if (sets.of(pair.partition).size() == width_ || !sets.has_room(pair.node)) continue;
      if (sets.holds(pair.partition, pair.node)) continue;
      if (zones_apart && zone_taken(sets, pair.partition, pair.node)) continue;
      sets.add(pair.partition, pair.node);
    }
  }

  Assignment choose_sets() const {
    Assignment sets(partitions_, nodes_.size(),
                    load_bound(nodes_.size(), partitions_, width_, params_));
    take_near(sets, true);
    // Where zones or their room have run out. The search below would find these places as well, but
    // each at the price of a look at all partitions.
    take_near(sets, false);
    const auto anywhere = nodes_of(walks_);
    for (std::uint32_t p = 0; p < partitions_; ++p) {
      while (sets.of(p).size() < width_) {
        if (!sets.augment(p, anywhere)) throw std::logic_error("place: no room within the bound");
      }
    }
    return sets;
  }

  Assignment choose_leaders(const Assignment& sets) const {
    Assignment leaders(partitions_, nodes_.size(),
                       leader_bound(nodes_.size(), partitions_, params_));
    for (const Pair& pair : pairs_) {
      if (!leaders.of(pair.partition).empty() || !leaders.has_room(pair.node)) continue;
      if (sets.holds(pair.partition, pair.node)) leaders.add(pair.partition, pair.node);
    }
    std::vector<std::vector<std::uint32_t>> replicas(partitions_);
    for (std::uint32_t p = 0; p < partitions_; ++p) replicas[p] = sets.of(p);
    for (std::uint32_t p = 0; p < partitions_; ++p) {
      if (leaders.of(p).empty() && !leaders.augment(p, replicas)) {
        throw std::logic_error("place: no leader within the bound");
      }
    }
    return leaders;
  }

  const std::vector<PlacementNode>& nodes_;
  std::uint32_t partitions_;
  std::uint32_t width_;
  const RingParams& params_;
  std::vector<std::uint32_t> zones_;
  std::vector<std::vector<Met>> walks_;
  std::vector<Pair> pairs_;
};

}  // namespace

std::uint32_t load_bound(std::size_t nodes, std::uint32_t partitions, std::uint32_t replicas,
                         const RingParams& params) {
  const std::uint64_t each = std::min<std::uint64_t>(replicas, nodes);
  return bound_of(partitions * each, nodes, params.load_percent);
}

std::uint32_t leader_bound(std::size_t nodes, std::uint32_t partitions, const RingParams& params) {
  return bound_of(partitions, nodes, params.leader_percent);
}

ReplicaTable place(std::vector<PlacementNode> nodes, std::uint32_t partitions,
                   std::uint32_t replicas, const RingParams& params) {
  if (nodes.empty() || replicas == 0) return ReplicaTable(partitions);
  std::sort(nodes.begin(), nodes.end(),
            [](const PlacementNode& a, const PlacementNode& b) { return a.id < b.id; });
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    if (nodes[i - 1].id == nodes[i].id) throw std::logic_error("place: a node is listed twice");
  }
  return Placer(nodes, partitions, replicas, params).run();
}

}  // namespace cairn::kv
