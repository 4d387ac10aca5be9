#include "tools/bench/values.h"

#include <charconv>

#include "tools/bench/generators.h"

namespace cairn::tools::bench {

ValuePool::ValuePool(std::size_t size, std::uint64_t seed) {
  Random random(seed);
  for (std::size_t i = 0; i < kValues; ++i) {
    std::string value(size, ' ');
    for (char& c : value) {
      // Characters that JSON carries as they are.
      do c = static_cast<char>('!' + random.below(94));
      while (c == '"' || c == '\\');
    }
    values_.push_back(std::move(value));
  }
}

void ValuePool::append(std::string& out, const Operation& operation) const {
  const std::size_t at = out.size();
  out += values_[operation.value % kValues];
  if (operation.stamp != 0 && out.size() - at >= kStampSize) {
    write_stamp(out.data() + at, operation.stamp);
  }
}

void write_stamp(char* to, std::uint64_t stamp) {
  for (int shift = 60; shift >= 0; shift -= 4) *to++ = "0123456789abcdef"[(stamp >> shift) & 15];
}

std::uint64_t read_stamp(std::string_view value) {
  if (value.size() < kStampSize) return 0;
  std::uint64_t stamp = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + kStampSize, stamp, 16);
  return error == std::errc() && end == value.data() + kStampSize ? stamp : 0;
}

std::string_view find_value(std::string_view json) {
  constexpr std::string_view kName = "\"value\":";
  auto at = json.find(kName);
  if (at == json.npos) return {};
  at = json.find('"', at + kName.size());
  return at == json.npos ? std::string_view() : json.substr(at + 1);
}

}  // namespace cairn::tools::bench
