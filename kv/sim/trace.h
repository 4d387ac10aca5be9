// A world's fingerprint: a rolling hash over everything that happened. Two runs of one seed must
// end with the same one.
#pragma once

#include <cstdint>
#include <string_view>

namespace cairn::kv::sim {

class Trace {
 public:
  void add(std::uint64_t value);
  void add(std::string_view bytes);
  [[nodiscard]] std::uint64_t hash() const { return hash_; }

 private:
  std::uint64_t hash_ = 0x9ae16a3b2f90404full;
};

}  // namespace cairn::kv::sim
