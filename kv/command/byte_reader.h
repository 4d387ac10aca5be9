// Reading and writing small little-endian records: total on hostile bytes, one check at the end.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "kv/command/little_endian.h"

namespace cairn::kv {

/// Takes values from the front. After a read past the end everything reads as zero and ok() is
/// false: check once before the values count, and before a count sizes an allocation.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  template <std::unsigned_integral T>
  T number() {
    if (rest_.size() < sizeof(T)) return fail(), T{0};
    const T value = load_le<T>(rest_.data());
    rest_.remove_prefix(sizeof(T));
    return value;
  }
  std::string_view bytes(std::size_t count) {
    if (rest_.size() < count) return fail(), std::string_view();
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  /// A number of items of at least `item_bytes` each that can still be there.
  std::size_t count(std::size_t stated, std::size_t item_bytes) {
    if (stated > rest_.size() / item_bytes) return fail(), 0;
    return stated;
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool done() const { return ok_ && rest_.empty(); }

 private:
  void fail() {
    ok_ = false;
    rest_ = {};
  }
  std::string_view rest_;
  bool ok_ = true;
};

template <std::unsigned_integral T>
inline void append_le(T value, std::string& to) {
  char bytes[sizeof(T)];
  store_le(value, bytes);
  to.append(bytes, sizeof(T));
}

}  // namespace cairn::kv
