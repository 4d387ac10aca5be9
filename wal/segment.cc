#include "wal/segment.h"

namespace cairn::wal {
namespace {

constexpr std::string_view kPrefix = "wal-";
constexpr std::size_t kDigits = 16;
constexpr std::string_view kHex = "0123456789abcdef";

}  // namespace

std::string segment_name(std::uint64_t sequence) {
  std::string name(kPrefix);
  for (std::size_t i = 0; i < kDigits; ++i) {
    name += kHex[(sequence >> (4 * (kDigits - 1 - i))) & 0xf];
  }
  return name;
}

std::optional<std::uint64_t> parse_segment_name(std::string_view name) {
  if (name.size() != kPrefix.size() + kDigits || !name.starts_with(kPrefix)) return std::nullopt;
  std::uint64_t sequence = 0;
  for (const char c : name.substr(kPrefix.size())) {
    const std::size_t digit = kHex.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    sequence = sequence << 4 | digit;
  }
  return sequence;
}

}  // namespace cairn::wal
