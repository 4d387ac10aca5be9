// Numbers, sizes and durations as people write them: 10000, 64MiB, 50ms.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::tools {

[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view text);
/// Bytes alone, or with B, KiB, MiB, GiB or TiB.
[[nodiscard]] std::optional<std::uint64_t> parse_bytes(std::string_view text);
/// ms, s, m or h; whole numbers, or decimals down to a millisecond.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// In the largest unit that leaves a whole number: 64MiB, 1500ms.
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);

/// The parts between commas; nothing from an empty text.
[[nodiscard]] std::vector<std::string> split_list(std::string_view text);

}  // namespace cairn::tools
