// A node is a machine with a directory; a member is what counts in Raft: a node and a generation of
// it. A node whose directory was lost comes back as another member, so that nothing in Raft ever
// counts on promises that are forgotten (hazard M5). Founders have generation 0.
#pragma once

#include <cstdint>

#include "raft/types.h"

namespace cairn::kv {

using NodeNumber = std::uint64_t;  // 1 .. 2^32 - 1
inline constexpr NodeNumber kNodeNumberMax = 0xffff'ffff;

[[nodiscard]] constexpr raft::NodeId member_id(NodeNumber node, std::uint32_t generation) {
  return node | static_cast<std::uint64_t>(generation) << 32;
}
[[nodiscard]] constexpr NodeNumber node_of(raft::NodeId member) {
  return member & kNodeNumberMax;
}
[[nodiscard]] constexpr std::uint32_t generation_of(raft::NodeId member) {
  return static_cast<std::uint32_t>(member >> 32);
}

}  // namespace cairn::kv
