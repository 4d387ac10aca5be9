#include "http/router.h"

#include <optional>

namespace cairn::http {
namespace {

constexpr unsigned bit(Method m) {
  return 1u << static_cast<unsigned>(m);
}
constexpr unsigned kRead = bit(Method::kGet) | bit(Method::kHead);

struct Row {
  std::string_view path;  // ends with "/": the rest is a key; holds "{}": one segment
  const char* label;
  const char* allow;
  unsigned methods;
};

// In the order of Endpoint.
constexpr Row kTable[kEndpoints] = {
    {"/v1/kv/", "/v1/kv/{key}", "GET, HEAD, PUT, DELETE",
     kRead | bit(Method::kPut) | bit(Method::kDelete)},
    {"/v1/kv", "/v1/kv", "GET, HEAD, DELETE", kRead | bit(Method::kDelete)},
    {"/v1/cluster", "/v1/cluster", "GET, HEAD", kRead},
    {"/v1/cluster/nodes", "/v1/cluster/nodes", "POST", bit(Method::kPost)},
    {"/v1/cluster/nodes/{}/promote", "/v1/cluster/nodes/{id}/promote", "POST", bit(Method::kPost)},
    {"/v1/cluster/partitions/{}/leader", "/v1/cluster/partitions/{p}/leader", "POST",
     bit(Method::kPost)},
    {"/v1/cluster/partitions/{}/diff", "/v1/cluster/partitions/{p}/diff", "POST",
     bit(Method::kPost)},
    {"/v1/cluster/partitions/{}/heal", "/v1/cluster/partitions/{p}/heal", "POST",
     bit(Method::kPost)},
    {"/v1/ring/", "/v1/ring/{key}", "GET, HEAD", kRead},
    {"/v1/backup", "/v1/backup", "GET", bit(Method::kGet)},
    {"/health", "/health", "GET, HEAD", kRead},
    {"/livez", "/livez", "GET, HEAD", kRead},
    {"/readyz", "/readyz", "GET, HEAD", kRead},
    {"/metrics", "/metrics", "GET, HEAD", kRead},
    {"", "none", "", 0},
};

const Row& row(Endpoint e) {
  return kTable[static_cast<std::size_t>(e)];
}

/// The segment that stands for "{}"; none if the path is another one.
std::optional<std::string_view> segment(std::string_view path, std::string_view pattern) {
  const std::size_t at = pattern.find("{}");
  const std::string_view tail = pattern.substr(at + 2);
  if (path.size() <= pattern.size() - 2 || path.substr(0, at) != pattern.substr(0, at) ||
      path.substr(path.size() - tail.size()) != tail)
    return std::nullopt;
  const std::string_view middle = path.substr(at, path.size() - at - tail.size());
  if (middle.find('/') != std::string_view::npos) return std::nullopt;
  return middle;
}

}  // namespace

Route route(std::string_view path) noexcept {
  for (std::size_t i = 0; i + 1 < kEndpoints; ++i) {
    const std::string_view known = kTable[i].path;
    if (known.find("{}") != std::string_view::npos) {
      if (const auto found = segment(path, known)) return {static_cast<Endpoint>(i), *found};
    } else if (known.back() == '/') {
      if (path.substr(0, known.size()) == known) {
        return {static_cast<Endpoint>(i), path.substr(known.size())};
      }
    } else if (path == known) {
      return {static_cast<Endpoint>(i), {}};
    }
  }
  return {};
}

const char* allowed_methods(Endpoint endpoint) noexcept {
  return row(endpoint).allow;
}

bool allows(Endpoint endpoint, Method method) noexcept {
  return (row(endpoint).methods & bit(method)) != 0;
}

const char* label(Endpoint endpoint) noexcept {
  return row(endpoint).label;
}

const char* label(Method method) noexcept {
  switch (method) {
    case Method::kGet:
      return "GET";
    case Method::kHead:
      return "HEAD";
    case Method::kPut:
      return "PUT";
    case Method::kDelete:
      return "DELETE";
    case Method::kPost:
      return "POST";
    case Method::kOther:
      break;
  }
  return "other";
}

}  // namespace cairn::http
