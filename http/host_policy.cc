#include "http/host_policy.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace cairn::http {
namespace {

constexpr std::size_t kHostBytesMax = 255;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::vector<std::string> lowered(std::vector<std::string> names) {
  for (std::string& name : names) std::transform(name.begin(), name.end(), name.begin(), lower);
  return names;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_port(std::string_view port) {
  if (port.empty() || port.size() > 5 || !std::all_of(port.begin(), port.end(), is_digit)) {
    return false;
  }
  unsigned n = 0;
  for (const char c : port) n = n * 10 + static_cast<unsigned>(c - '0');
  return n <= 65535;
}

bool is_name_byte(char c) {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '-' || c == '.' || c == '_';
}

bool is_address(int family, std::string_view text) {
  char copy[64];
  if (text.empty() || text.size() >= sizeof copy) return false;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = 0;
  unsigned char address[16];
  return inet_pton(family, copy, address) == 1;
}

}  // namespace

bool equal_no_case(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

HostPolicy::HostPolicy(std::vector<std::string> hosts, std::vector<std::string> origins)
    : hosts_(lowered(std::move(hosts))), origins_(lowered(std::move(origins))) {}

HostVerdict HostPolicy::host(std::string_view host) const {
  if (host.empty() || host.size() > kHostBytesMax) return HostVerdict::kMalformed;
  if (host.front() == '[') {
    const std::size_t close = host.find(']');
    if (close == std::string_view::npos) return HostVerdict::kMalformed;
    const std::string_view rest = host.substr(close + 1);
    if (!rest.empty() && (rest.front() != ':' || !is_port(rest.substr(1)))) {
      return HostVerdict::kMalformed;
    }
    return is_address(AF_INET6, host.substr(1, close - 1)) ? HostVerdict::kAllowed
                                                           : HostVerdict::kMalformed;
  }
  const std::size_t colon = std::min(host.find(':'), host.size());
  const std::string_view name = host.substr(0, colon);
  if (colon != host.size() && !is_port(host.substr(colon + 1))) return HostVerdict::kMalformed;
  if (name.empty() || !std::all_of(name.begin(), name.end(), is_name_byte)) {
    return HostVerdict::kMalformed;
  }
  if (equal_no_case(name, "localhost")) return HostVerdict::kAllowed;
  if (is_digit(name.front()) && is_address(AF_INET, name)) return HostVerdict::kAllowed;
  for (const std::string& known : hosts_) {
    if (equal_no_case(name, known)) return HostVerdict::kAllowed;
  }
  return HostVerdict::kForeign;
}

bool HostPolicy::origin_allowed(std::string_view origin, std::string_view host) const {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (origin.size() > scheme.size() && equal_no_case(origin.substr(0, scheme.size()), scheme) &&
        equal_no_case(origin.substr(scheme.size()), host)) {
      return true;
    }
  }
  return std::any_of(origins_.begin(), origins_.end(),
                     [origin](const std::string& known) { return equal_no_case(origin, known); });
}

}  // namespace cairn::http
