// Chance in the simulator: one named stream for each purpose, so that one more draw of the network
// does not shift what the disks do.
#pragma once

#include <cstdint>
#include <string_view>

#include "raft/random.h"

namespace cairn::kv::sim {

/// The stream `name` of a world's seed; `which` numbers its twins (a node, a life).
[[nodiscard]] inline raft::Random stream(std::uint64_t seed, std::string_view name,
                                         std::uint64_t which = 0) {
  std::uint64_t h = 0xcbf29ce484222325ull;  // FNV-1a over the name
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  raft::Random mixed(h);
  raft::Random numbered(mixed.next() ^ (which * 0x9e3779b97f4a7c15ull));
  return raft::Random(numbered.next() ^ (seed * 0xd6e8feb86659fd93ull));
}

/// True `per_mille` times in a thousand.
[[nodiscard]] inline bool chance(raft::Random& random, std::uint64_t per_mille) {
  return random.next() % 1000 < per_mille;
}

}  // namespace cairn::kv::sim
