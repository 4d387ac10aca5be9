// The hashes of the engine's formats: XXH3, 64 and 128 bit. They find damage and differences; they
// do not withstand somebody who forges.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace cairn::kv {

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
};

[[nodiscard]] std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0) noexcept;
[[nodiscard]] Hash128 hash128(std::string_view bytes) noexcept;
/// 32 hex digits, high half first.
[[nodiscard]] std::string to_hex(const Hash128& hash);

/// hash128 of everything added, in parts of any size.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  void add(std::string_view bytes) noexcept;
  [[nodiscard]] Hash128 value() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn::kv
