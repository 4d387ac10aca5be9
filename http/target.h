// The request target: path, query, percent decoding. In both, "+" is a plus.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn::http {

/// Percent-decodes exactly once, to bytes. None if a "%" is not followed by two hex digits.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);

using Query = std::vector<std::pair<std::string, std::string>>;

/// "a=1&b" → {("a","1"), ("b","")}. None if an escape is broken, a name is empty or comes twice, or
/// there are more than 32 parameters.
[[nodiscard]] std::optional<Query> parse_query(std::string_view text);

struct Target {
  std::string_view path;   // raw
  std::string_view query;  // raw, without "?"
};
/// Splits at the first "?".
[[nodiscard]] Target split_target(std::string_view target) noexcept;

}  // namespace cairn::http
