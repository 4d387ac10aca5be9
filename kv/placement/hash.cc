#include "kv/placement/hash.h"

#include <stdexcept>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace cairn::kv {
namespace {

__extension__ using Wide = unsigned __int128;

}  // namespace

std::uint64_t hash_bytes(std::string_view bytes, const HashParams& params) {
  if (params.id != kHashXxh3) throw std::logic_error("hash_bytes: unknown hash id");
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), params.seed);
}

std::string_view hashed_part(std::string_view key) {
  const std::size_t open = key.find('{');
  if (open == std::string_view::npos) return key;
  const std::size_t close = key.find('}', open + 1);
  if (close == std::string_view::npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

std::uint32_t partition_at(std::uint64_t position, std::uint32_t partitions) {
  return static_cast<std::uint32_t>((Wide{position} * partitions) >> 64);
}

std::uint32_t partition_of(std::string_view key, std::uint32_t partitions,
                           const HashParams& params) {
  return partition_at(hash_bytes(hashed_part(key), params), partitions);
}

std::uint64_t partition_start(std::uint32_t partition, std::uint32_t partitions) {
  // The least h with h × partitions >= partition × 2^64.
  return static_cast<std::uint64_t>(((Wide{partition} << 64) + partitions - 1) / partitions);
}

}  // namespace cairn::kv
