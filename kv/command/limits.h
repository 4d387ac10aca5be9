// What a command may carry at most, whatever a node's options say: options only narrow these, so
// that nodes with different options agree on what a log entry may be.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cairn::kv {

inline constexpr std::size_t kCommandBytesMax = 16u
                                                << 20;  // below net's frame and the WAL's record
inline constexpr std::size_t kCommandKeyBytesMax = 4096;
inline constexpr std::size_t kCommandValueBytesMax = 8u << 20;
inline constexpr std::size_t kCommandOperationsMax = 65'536;
inline constexpr std::size_t kCommandIdempotencyKeyBytesMax = 256;
inline constexpr std::uint32_t kCommandRemoveLimitMax = 10'000;

}  // namespace cairn::kv
