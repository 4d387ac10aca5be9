// What a run will be: drawn from its seed and profile before it begins. Swarm testing: each seed
// leaves most kinds of faults out, so that the others go deep; sizes, rates and limits are drawn
// log-uniformly. Everything comes from a stream of its own: what is overridden shifts nothing else.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kv/sim/fault_kinds.h"
#include "kv/sim/world.h"

namespace cairn::kv::sim {

/// What is asked for. Beyond seed and profile all is for shrinking and for the curious.
struct RunRequest {
  std::uint64_t seed = 1;
  std::string profile = "swarm";
  std::optional<std::size_t> nodes{};
  std::optional<Time> length{};             // of the phase with faults
  std::optional<std::set<Fault>> faults{};  // at most these
  std::optional<std::size_t> clients{};
};

/// One line from which the same run is drawn again: "seed=7 profile=small faults=net-loss,...".
[[nodiscard]] std::string line_of(const RunRequest& request);
/// "" or what is wrong with the line.
[[nodiscard]] std::string parse_line(std::string_view line, RunRequest* request);

struct Plan {
  RunRequest request;
  std::size_t nodes = 3;
  std::uint32_t partitions = 1;
  std::uint32_t replicas = 3;
  Time length{0};
  bool calm = false;
  /// At the end only a fully connected majority is healed, and the rest stays broken for good.
  bool heal_core_only = false;
  std::map<Fault, Time> faults;  // -> mean time between two
  /// Nodes that may be damaged: so few that every group keeps a majority of sound replicas.
  std::set<NodeId> may_be_damaged;

  NetworkLaw network;
  Cost log, apply;
  Options options;  // limits and timeouts; the rest is the world's
  /// Of these nodes the logs are never cut: they can give by entries what others give by snapshots.
  std::set<NodeId> ample_logs;

  // Clients.
  std::size_t clients = 4;
  int keys = 3;
  Time think{0};  // between an answer and the next call, at most
  std::chrono::milliseconds timeout{1'500};
  std::size_t value_bytes = 16;

  [[nodiscard]] std::string describe() const;
};

struct ProfileInfo {
  std::string_view name;
  std::string_view what;
};
[[nodiscard]] std::span<const ProfileInfo> profiles();

/// nullopt: there is no such profile.
[[nodiscard]] std::optional<Plan> draw_plan(const RunRequest& request);

}  // namespace cairn::kv::sim
