// The wanted placement as the metadata group keeps it: who should hold which partition, since when.
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "kv/command/command.h"
#include "kv/placement/hash.h"
#include "kv/placement/ring.h"

namespace cairn::kv {

struct Placement {
  std::uint32_t epoch = 0;  // rises with each change
  HashParams hash;
  ReplicaTable replicas;  // by partition, preferred leader first

  [[nodiscard]] std::uint32_t partitions() const {
    return static_cast<std::uint32_t>(replicas.size());
  }
  friend bool operator==(const Placement&, const Placement&) = default;
};

inline constexpr std::uint32_t kReplicasMax = 7;

/// Little-endian: u16 format version (1), u32 epoch, u32 hash id, u64 hash seed, u32 partitions,
/// and for each one u8 count and that many u64 node ids. Throws std::logic_error where decode would
/// refuse.
[[nodiscard]] std::string encode_placement(const Placement& placement);

/// Total: 1 .. kPartitionsMax partitions, each with 1 .. kReplicasMax distinct nodes, a known hash.
[[nodiscard]] boost::system::result<Placement> decode_placement(std::string_view bytes);

}  // namespace cairn::kv
