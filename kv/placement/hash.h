// The hash circle: which partition a key belongs to. Clients and later splits depend on it, so it
// never changes under one hash id.
#pragma once

#include <cstdint>
#include <string_view>

namespace cairn::kv {

inline constexpr std::uint32_t kHashXxh3 = 1;
inline constexpr std::uint32_t kPartitionsMax = 4096;

/// Fixed when a cluster is founded.
struct HashParams {
  std::uint32_t id = kHashXxh3;  // the only one known
  std::uint64_t seed = 0;
  friend bool operator==(const HashParams&, const HashParams&) = default;
};

/// xxh3, 64 bits, with the seed. Another hash id is a broken invariant: ids are checked where
/// records are decoded.
[[nodiscard]] std::uint64_t hash_bytes(std::string_view bytes, const HashParams& params);

/// What of the key is hashed: the bytes between the first '{' and the first '}' after it, if there
/// is at least one; otherwise the whole key. "{user1}.name" and "x{user1}y{z}" go together; "a{}b",
/// "a{b" and "}a{" are taken whole.
[[nodiscard]] std::string_view hashed_part(std::string_view key);

/// The high 64 bits of (hash × partitions): partition p is the interval of the circle from
/// partition_start(p) up to the next one's start. `partitions` is at least 1.
[[nodiscard]] std::uint32_t partition_of(std::string_view key, std::uint32_t partitions,
                                         const HashParams& params);
[[nodiscard]] std::uint32_t partition_at(std::uint64_t position, std::uint32_t partitions);
[[nodiscard]] std::uint64_t partition_start(std::uint32_t partition, std::uint32_t partitions);

}  // namespace cairn::kv
