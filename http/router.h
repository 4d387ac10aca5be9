// The fixed table of routes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/request.h"

namespace cairn::http {

enum class Endpoint : std::uint8_t {
  kItem,     // /v1/kv/{key}
  kRange,    // /v1/kv
  kCluster,  // /v1/cluster
  kNodes,    // /v1/cluster/nodes
  kPromote,  // /v1/cluster/nodes/{id}/promote
  kLeader,   // /v1/cluster/partitions/{p}/leader
  kDiff,     // /v1/cluster/partitions/{p}/diff
  kHeal,     // /v1/cluster/partitions/{p}/heal
  kRing,     // /v1/ring/{key}
  kBackup,   // /v1/backup
  kHealth,   // /health
  kLive,     // /livez
  kReady,    // /readyz
  kMetrics,  // /metrics
  kNone,     // no such route
};
inline constexpr std::size_t kEndpoints = static_cast<std::size_t>(Endpoint::kNone) + 1;

struct Route {
  Endpoint endpoint = Endpoint::kNone;
  std::string_view
      key;  // still percent-encoded; of kItem and kRing; what stands in the path of others
};

/// `path` is raw: an escaped slash is part of a key, never of a route.
[[nodiscard]] Route route(std::string_view path) noexcept;
/// The value of Allow.
[[nodiscard]] const char* allowed_methods(Endpoint endpoint) noexcept;
[[nodiscard]] bool allows(Endpoint endpoint, Method method) noexcept;
/// For metrics: a fixed text, never a key.
[[nodiscard]] const char* label(Endpoint endpoint) noexcept;
[[nodiscard]] const char* label(Method method) noexcept;

}  // namespace cairn::http
