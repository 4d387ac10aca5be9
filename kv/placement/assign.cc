#include "kv/placement/assign.h"

#include <algorithm>
#include <limits>

namespace cairn::kv {
namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

}  // namespace

bool Assignment::holds(std::uint32_t partition, std::uint32_t node) const {
  const auto& held = held_[partition];
  return std::find(held.begin(), held.end(), node) != held.end();
}

void Assignment::add(std::uint32_t partition, std::uint32_t node) {
  held_[partition].push_back(node);
  ++load_[node];
}

void Assignment::remove(std::uint32_t partition, std::uint32_t node) {
  auto& held = held_[partition];
  held.erase(std::find(held.begin(), held.end(), node));
  --load_[node];
}

bool Assignment::augment(std::uint32_t partition,
                         const std::vector<std::vector<std::uint32_t>>& allowed) {
  // Breadth first over nodes; `taker[n]` is the partition that would take a place on n.
  std::vector<std::uint32_t> taker(nodes_, kNone);
  std::vector<std::uint32_t> instead_of(nodes_, kNone);  // the node that `taker[n]` gives up for n
  std::vector<std::uint32_t> queue;
  const auto reach = [&](std::uint32_t by, std::uint32_t giving_up) {
    for (const std::uint32_t node : allowed[by]) {
      if (taker[node] != kNone || holds(by, node)) continue;
      taker[node] = by;
      instead_of[node] = giving_up;
      queue.push_back(node);
    }
  };
  reach(partition, kNone);
  for (std::size_t i = 0; i < queue.size(); ++i) {
    std::uint32_t node = queue[i];
    if (has_room(node)) {
      while (node != kNone) {
        const std::uint32_t left = instead_of[node];
        if (left != kNone) remove(taker[node], left);
        add(taker[node], node);
        node = left;
      }
      return true;
    }
    for (std::uint32_t p = 0; p < held_.size(); ++p) {
      if (holds(p, node)) reach(p, node);
    }
  }
  return false;
}

}  // namespace cairn::kv
