// The values that are put, made ahead, so that the load generator spends no time on them; and
// stamps, which tell each write of a run from all others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/work.h"

namespace cairn::tools::bench {

class ValuePool {
 public:
  ValuePool(std::size_t size, std::uint64_t seed);
  [[nodiscard]] const std::string& at(std::uint64_t i) const { return values_[i % kValues]; }
  /// The value of a put, with its stamp.
  void append(std::string& out, const Operation& operation) const;
  static constexpr std::size_t kValues = 64;

 private:
  std::vector<std::string> values_;
};

/// A stamp is the first 16 characters of a value, in hex.
constexpr std::size_t kStampSize = 16;
void write_stamp(char* to, std::uint64_t stamp);
/// 0: the value begins otherwise.
[[nodiscard]] std::uint64_t read_stamp(std::string_view value);
/// The first string that is called "value" in a JSON text, up to the text's end; empty: none.
[[nodiscard]] std::string_view find_value(std::string_view json);

}  // namespace cairn::tools::bench
