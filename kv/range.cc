#include "kv/range.h"

#include <algorithm>

namespace cairn::kv {

std::string prefix_end(std::string_view prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.remove_suffix(1);
  std::string end(prefix);
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

std::string key_after(std::string_view key) {
  std::string after(key);
  after.push_back('\0');
  return after;
}

KeyRange range_of_prefix(std::string_view prefix) {
  return {.start = std::string(prefix), .end = prefix_end(prefix)};
}

KeyRange range_of_key(std::string_view key) {
  return {.start = std::string(key), .end = key_after(key)};
}

KeyRange intersection(const KeyRange& a, const KeyRange& b) {
  KeyRange both{.start = std::max(a.start, b.start), .end = a.end};
  if (a.end.empty() || (!b.end.empty() && b.end < a.end)) both.end = b.end;
  return both;
}

}  // namespace cairn::kv
