// "host:port" in the forms a configuration may hold: "10.0.0.1:4000", "[::1]:4000", "db1:4000".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cairn::net {

struct HostPort {
  std::string host;  // without brackets; empty for ":4000"
  std::uint16_t port = 0;
};

/// Digits only, at most 65535; an IPv6 literal needs its brackets.
[[nodiscard]] std::optional<HostPort> parse_host_port(std::string_view text);

}  // namespace cairn::net
