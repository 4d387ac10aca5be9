// Building and reading the engine's byte forms: little-endian values, big-endian where the order
// of keys must be the order of numbers. The reader trusts nothing and never throws.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "kv/command/little_endian.h"

namespace cairn::kv {

template <std::unsigned_integral T>
inline void append_le(std::string& out, T value) {
  char bytes[sizeof(T)];
  store_le(value, bytes);
  out.append(bytes, sizeof(T));
}

template <std::unsigned_integral T>
inline void append_be(std::string& out, T value) {
  char bytes[sizeof(T)];
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    bytes[i] = static_cast<char>(static_cast<unsigned char>(value >> (8 * (sizeof(T) - 1 - i))));
  }
  out.append(bytes, sizeof(T));
}

/// Length (32 bit) and bytes.
inline void append_sized(std::string& out, std::string_view bytes) {
  append_le(out, static_cast<std::uint32_t>(bytes.size()));
  out.append(bytes);
}

/// Reads a byte form from front to back. After a read past the end `ok()` is false, and everything
/// read from then on is zero or empty.
class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : bytes_(bytes) {}

  template <std::unsigned_integral T>
  T le() {
    const std::string_view raw = take(sizeof(T));
    return raw.empty() ? T{0} : load_le<T>(raw.data());
  }

  template <std::unsigned_integral T>
  T be() {
    T value = 0;
    for (const char c : take(sizeof(T))) value = static_cast<T>((value << 8) | byte(c));
    return value;
  }

  std::string_view sized() { return take(le<std::uint32_t>()); }

  std::string_view take(std::size_t size) {
    if (size > bytes_.size()) {
      ok_ = false;
      bytes_ = {};
      return {};
    }
    const std::string_view out = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return out;
  }

  std::string_view rest() const { return bytes_; }
  bool ok() const { return ok_; }
  /// Everything was there and nothing is left over.
  bool done() const { return ok_ && bytes_.empty(); }

 private:
  static std::uint8_t byte(char c) { return static_cast<unsigned char>(c); }

  std::string_view bytes_;
  bool ok_ = true;
};

}  // namespace cairn::kv
