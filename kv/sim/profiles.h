// Profiles: which part of all runs a seed is drawn from.
#pragma once

#include <string_view>
#include <vector>

#include "kv/sim/fault_kinds.h"
#include "kv/sim/plan.h"

namespace cairn::kv::sim {

struct Profile {
  ProfileInfo info;
  std::vector<Fault> faults{};  // drawn from these; empty: from all
  bool all_faults = false;      // all of them take part
  std::size_t nodes = 0;        // 0: drawn
  bool small = false;           // one partition
  bool calm = false;
  bool sometimes_calm = false;
  bool tiny_logs = false;   // snapshots all the time
  bool ample_logs = false;  // always at one node; else sometimes
  bool leases = false;      // always; else sometimes
  Time length_min{2'000'000};
  Time length_max{16'000'000};
  Time fault_every_min{150'000};
  Time fault_every_max{3'000'000};
  Time think_min{4'000};
  Time think_max{250'000};
  std::uint64_t keys_min = 1, keys_max = 48;
  std::uint64_t value_min = 16, value_max = 2'000;  // bytes
};

[[nodiscard]] const Profile* profile_named(std::string_view name);

}  // namespace cairn::kv::sim
