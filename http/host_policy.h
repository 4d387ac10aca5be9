// Which hosts and origins a request may name: the guard against DNS rebinding and foreign pages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cairn::http {

enum class HostVerdict { kAllowed, kForeign, kMalformed };

class HostPolicy {
 public:
  HostPolicy(std::vector<std::string> hosts, std::vector<std::string> origins);

  /// `host` is the value of Host: an IP literal, "localhost" or a configured name, with or without
  /// a port.
  [[nodiscard]] HostVerdict host(std::string_view host) const;
  /// `origin` is the value of Origin. A page of this very host may; others if configured.
  [[nodiscard]] bool origin_allowed(std::string_view origin, std::string_view host) const;

 private:
  std::vector<std::string> hosts_;    // lower case
  std::vector<std::string> origins_;  // lower case
};

/// ASCII case only.
[[nodiscard]] bool equal_no_case(std::string_view a, std::string_view b) noexcept;

}  // namespace cairn::http
