// Ranges of keys by byte order: the one place where their ends are reckoned (hazard A2).
#pragma once

#include <string>
#include <string_view>

namespace cairn::kv {

/// Half-open: start <= key < end. An empty `end` means to the last key, since no key is below the
/// empty one: a range that ends before it could only be empty.
struct KeyRange {
  std::string start;
  std::string end;

  [[nodiscard]] bool contains(std::string_view key) const {
    return key >= start && (end.empty() || key < end);
  }
  /// No key lies in it.
  [[nodiscard]] bool empty() const { return !end.empty() && start >= end; }
  friend bool operator==(const KeyRange&, const KeyRange&) = default;
};

/// The least key above all keys with this prefix; empty if there is none (the prefix is empty, or
/// all 0xFF).
[[nodiscard]] std::string prefix_end(std::string_view prefix);

/// The least key above this one.
[[nodiscard]] std::string key_after(std::string_view key);

[[nodiscard]] KeyRange range_of_prefix(std::string_view prefix);

/// This key alone.
[[nodiscard]] KeyRange range_of_key(std::string_view key);

/// Keys that lie in both; may be empty().
[[nodiscard]] KeyRange intersection(const KeyRange& a, const KeyRange& b);

}  // namespace cairn::kv
