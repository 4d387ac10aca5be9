// Quiet groups have no heartbeats of their own: nodes tell each other instead that they are there,
// one small frame a heartbeat for all groups. Home executor only.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <vector>

namespace cairn::kv {

class Beats {
 public:
  using Micros = std::chrono::microseconds;

  void heard(std::uint64_t node, Micros now) { heard_[node] = now; }
  void lost(std::uint64_t node) { heard_.erase(node); }

  /// Who was heard once, but not for `patience`; said once, until heard again.
  [[nodiscard]] std::vector<std::uint64_t> gone_silent(Micros now, Micros patience) {
    std::vector<std::uint64_t> silent;
    std::erase_if(heard_, [&](const auto& heard) {
      if (now - heard.second <= patience) return false;
      silent.push_back(heard.first);
      return true;
    });
    return silent;
  }

 private:
  std::map<std::uint64_t, Micros> heard_;
};

}  // namespace cairn::kv
