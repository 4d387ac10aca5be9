// Matching partitions to nodes under a load bound. Private to kv/placement.
//
// All partitions walk the circle at once: pairs (partition, node) are taken in the order of their
// distance while both sides have room. That is the stable matching in which both sides prefer the
// nearer: whom a node takes depends on distances alone, so that when a node comes or goes only
// pairs whose own place is gained or lost move, and not, as in a walk partition by partition,
// everybody behind the first one who met a full node.
#pragma once

#include <cstdint>
#include <vector>

namespace cairn::kv {

struct Pair {
  std::uint32_t partition = 0;
  std::uint32_t node = 0;
  std::uint64_t distance = 0;
};

/// Who holds what, under a bound for each node.
class Assignment {
 public:
  Assignment(std::size_t partitions, std::size_t nodes, std::uint32_t bound)
      : held_(partitions), load_(nodes, 0), bound_(bound), nodes_(nodes) {}

  [[nodiscard]] const std::vector<std::uint32_t>& of(std::uint32_t partition) const {
    return held_[partition];
  }
  [[nodiscard]] bool holds(std::uint32_t partition, std::uint32_t node) const;
  [[nodiscard]] bool has_room(std::uint32_t node) const { return load_[node] < bound_; }
  void add(std::uint32_t partition, std::uint32_t node);
  /// Gives `partition` one more node, moving others' where all that are left are full: the shortest
  /// such chain. `allowed` says which nodes each partition may have. False if there is none.
  [[nodiscard]] bool augment(std::uint32_t partition,
                             const std::vector<std::vector<std::uint32_t>>& allowed);

 private:
  void remove(std::uint32_t partition, std::uint32_t node);

  std::vector<std::vector<std::uint32_t>> held_;  // by partition, in the order taken
  std::vector<std::uint32_t> load_;
  std::uint32_t bound_;
  std::size_t nodes_;
};

}  // namespace cairn::kv
