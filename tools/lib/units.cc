#include "tools/lib/units.h"

#include <array>
#include <charconv>
#include <limits>

namespace cairn::tools {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<Unit, 5> kBytes{
    {{"TiB", 1ull << 40}, {"GiB", 1ull << 30}, {"MiB", 1ull << 20}, {"KiB", 1ull << 10}, {"B", 1}}};
constexpr std::array<Unit, 4> kDurations{{{"h", 3'600'000}, {"ms", 1}, {"m", 60'000}, {"s", 1000}}};

template <std::size_t N>
std::string format(std::uint64_t value, const std::array<Unit, N>& units) {
  const Unit* best = nullptr;
  for (const Unit& unit : units) {
    if (value % unit.factor == 0 && value != 0 && (!best || unit.factor > best->factor)) {
      best = &unit;
    }
  }
  return best ? std::to_string(value / best->factor) + std::string(best->name) : "0";
}

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  std::uint64_t factor = 1;
  for (const Unit& unit : kBytes) {
    if (text.ends_with(unit.name)) {
      factor = unit.factor;
      text.remove_suffix(unit.name.size());
      break;
    }
  }
  auto value = parse_number(text);
  if (!value || *value > std::numeric_limits<std::uint64_t>::max() / factor) return std::nullopt;
  return *value * factor;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  for (const Unit& unit : kDurations) {
    if (!text.ends_with(unit.name)) continue;
    text.remove_suffix(unit.name.size());
    const auto point = text.find('.');
    auto whole = parse_number(text.substr(0, point));
    constexpr std::uint64_t kMax = 1'000'000'000'000;  // some thirty years
    if (!whole || *whole > kMax / unit.factor) return std::nullopt;
    std::uint64_t value = *whole * unit.factor;
    if (point != std::string_view::npos) {
      std::string_view digits = text.substr(point + 1);
      auto fraction = parse_number(digits);
      if (!fraction || digits.size() > 6) return std::nullopt;
      std::uint64_t scale = 1;
      for (std::size_t i = 0; i < digits.size(); ++i) scale *= 10;
      if (*fraction * unit.factor % scale != 0) return std::nullopt;  // below a millisecond
      value += *fraction * unit.factor / scale;
    }
    return std::chrono::milliseconds(value);
  }
  if (text == "0") return std::chrono::milliseconds(0);
  return std::nullopt;
}

std::string format_bytes(std::uint64_t bytes) {
  return format(bytes, kBytes);
}

std::string format_duration(std::chrono::milliseconds duration) {
  return format(static_cast<std::uint64_t>(duration.count()), kDurations);
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto comma = text.find(',');
    parts.emplace_back(text.substr(0, comma));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return parts;
}

}  // namespace cairn::tools
