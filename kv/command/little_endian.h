// Fixed-width little-endian numbers in unaligned bytes.
#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>

namespace cairn::kv {

template <std::unsigned_integral T>
[[nodiscard]] inline T load_le(const char* from) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(
        value | static_cast<T>(static_cast<T>(static_cast<unsigned char>(from[i])) << (8 * i)));
  }
  return value;
}

template <std::unsigned_integral T>
inline void store_le(T value, char* to) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    to[i] = static_cast<char>(static_cast<unsigned char>(value >> (8 * i)));
  }
}

}  // namespace cairn::kv
