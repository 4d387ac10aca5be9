// What the native door counts. Loop thread only.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cairn/kv/store.h"

namespace cairn::kv::door {

struct DoorMetrics {
  std::uint64_t connections_total = 0;
  std::array<std::uint64_t, 4> requests{};  // by the index of Request::body
  std::map<std::string, std::uint64_t>
      refused;  // requests and connections, by the bound that was met
  std::map<std::string, std::uint64_t> frames_rejected;  // by reason
  std::uint64_t closed_idle = 0;

  void add_to(std::vector<Sample>& samples, std::size_t connections, std::size_t in_flight,
              std::size_t bytes) const;
};

}  // namespace cairn::kv::door
