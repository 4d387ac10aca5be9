#include "kv/sim/trace.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace cairn::kv::sim {

void Trace::add(std::uint64_t value) {
  hash_ = XXH3_64bits_withSeed(&value, sizeof value, hash_);
}

void Trace::add(std::string_view bytes) {
  hash_ = XXH3_64bits_withSeed(bytes.data(), bytes.size(), hash_ ^ bytes.size());
}

}  // namespace cairn::kv::sim
