#include "cairn/kv/options.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <string_view>

namespace cairn::kv {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kKiB = 1u << 10;
constexpr std::uint64_t kMiB = 1u << 20;
constexpr std::uint64_t kGiB = 1u << 30;
constexpr std::uint64_t kNodeIdMax = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kFoundersMax = 256;
constexpr std::size_t kHostBytesMax = 253;

Error wrong(std::string_view field, std::string_view what) {
  return Error(Errc::kConfiguration, std::string(field).append(": ").append(what));
}

template <class T>
std::optional<Error> outside(std::string_view field, T value, T low, T high,
                             std::string_view range) {
  if (value >= low && value <= high) return std::nullopt;
  return wrong(field, std::string("must be ").append(range));
}

struct Address {
  std::string_view host;  // without brackets
  std::uint32_t port = 0;
};

/// "host:port", "[v6]:port".
std::optional<Address> parse_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  Address address{.host = text.substr(0, colon), .port = 0};
  const bool bracketed =
      address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']';
  if (bracketed) address.host = address.host.substr(1, address.host.size() - 2);
  if (address.host.empty() || address.host.size() > kHostBytesMax) return std::nullopt;
  for (const char c : address.host) {
    const bool plain = static_cast<unsigned char>(c) > ' ' && static_cast<unsigned char>(c) < 0x7f;
    if (!plain || c == '[' || c == ']' || c == '/' || (c == ':' && !bracketed)) return std::nullopt;
  }
  const std::string_view port = text.substr(colon + 1);
  if (port.empty() || port.size() > 5) return std::nullopt;
  for (const char c : port) {
    if (c < '0' || c > '9') return std::nullopt;
    address.port = address.port * 10 + static_cast<std::uint32_t>(c - '0');
  }
  if (address.port == 0 || address.port > 65'535) return std::nullopt;
  return address;
}

/// A name that only looks like 127.0.0.0/8 ("127.evil.example") is not loopback.
bool is_loopback(std::string_view host) {
  if (host == "localhost" || host == "::1") return true;
  if (host.substr(0, 4) != "127.") return false;
  int parts = 0;
  while (true) {
    const std::size_t dot = host.find('.');
    const std::string_view part = host.substr(0, dot);
    if (part.empty() || part.size() > 3) return false;
    int value = 0;
    for (const char c : part) {
      if (c < '0' || c > '9') return false;
      value = value * 10 + (c - '0');
    }
    if (value > 255) return false;
    ++parts;
    if (dot == std::string_view::npos) return parts == 4;
    host.remove_prefix(dot + 1);
  }
}

constexpr std::string_view kAddressForm = "must be host:port with a port from 1 to 65535";

std::optional<Error> wrong_members(const Options& o) {
  if (o.cluster.size() > kFoundersMax) return wrong("cluster", "at most 256 members");
  std::set<std::uint64_t> ids;
  std::set<std::string_view> addresses;
  for (const Member& member : o.cluster) {
    if (member.id == 0 || member.id > kNodeIdMax) {
      return wrong("cluster", "an id must be from 1 to 4294967295");
    }
    const std::string who = "member " + std::to_string(member.id);
    if (!ids.insert(member.id).second) return wrong("cluster", who + " is listed twice");
    if (!parse_address(member.peer)) {
      return wrong("cluster", (who + ": its address ").append(kAddressForm));
    }
    if (!addresses.insert(member.peer).second) {
      return wrong("cluster", who + " has the address of another member");
    }
  }
  return std::nullopt;
}

std::optional<Error> wrong_identity(const Options& o) {
  if (o.data_dir.empty()) return wrong("data_dir", "must not be empty");
  if (o.data_dir.find('\0') != std::string::npos) return wrong("data_dir", "has a zero byte");
  if (o.node_id > kNodeIdMax) return wrong("node_id", "must be from 1 to 4294967295");
  if (!o.cluster.empty()) {
    if (o.node_id == 0) return wrong("node_id", "is needed with cluster");
    if (o.peer.empty()) return wrong("peer", "is needed with cluster");
    if (auto error = wrong_members(o)) return error;
  }
  if (!o.peer.empty()) {
    if (o.node_id == 0) return wrong("node_id", "is needed with peer");
    const std::optional<Address> address = parse_address(o.peer);
    if (!address) return wrong("peer", kAddressForm);
    if (!o.insecure && !is_loopback(address->host)) {
      return wrong("insecure",
                   "peer listens beyond loopback without TLS: set insecure to allow it");
    }
  }
  if (!o.http.empty() && !parse_address(o.http)) return wrong("http", kAddressForm);
  if (!o.client.empty()) {
    const std::optional<Address> address = parse_address(o.client);
    if (!address) return wrong("client", kAddressForm);
    if (!o.insecure && !is_loopback(address->host)) {
      return wrong("insecure",
                   "client listens beyond loopback without TLS: set insecure to allow it");
    }
  }
  return std::nullopt;
}

std::optional<Error> wrong_timing(const Options& o) {
  if (auto e = outside("heartbeat", o.heartbeat, milliseconds{10}, milliseconds{10'000},
                       "from 10 ms to 10 s")) {
    return e;
  }
  if (auto e = outside("election_timeout", o.election_timeout, 4 * o.heartbeat,
                       milliseconds{600'000}, "from 4 heartbeats to 10 min")) {
    return e;
  }
  constexpr std::uint32_t kDriftMin = 1'000, kDriftMax = 200'000;
  if (o.lease_drift_ppm != 0) {
    if (auto e = outside("lease_drift_ppm", o.lease_drift_ppm, kDriftMin, kDriftMax,
                         "from 1000 to 200000, or 0 for no leases")) {
      return e;
    }
  }
  if (auto e = outside("timeout", o.timeout, milliseconds{1}, milliseconds{600'000},
                       "from 1 ms to 10 min")) {
    return e;
  }
  const ClientDoorLimits& c = o.client_limits;
  if (auto e = outside("client_limits.hello_timeout", c.hello_timeout, milliseconds{10},
                       milliseconds{600'000}, "from 10 ms to 10 min")) {
    return e;
  }
  for (const milliseconds t : {c.idle_timeout, c.write_timeout}) {
    if (auto e = outside("client_limits", t, milliseconds{10}, milliseconds{86'400'000},
                         "timeouts from 10 ms to 24 h")) {
      return e;
    }
  }
  // The window travels in commands as 32 bits of milliseconds.
  return outside("idempotency_window", o.idempotency_window, milliseconds{1},
                 milliseconds{7 * 86'400'000}, "from 1 ms to 7 days");
}

std::optional<Error> wrong_sizes(const Options& o) {
  struct Range {
    std::string_view field;
    std::uint64_t value, low, high;
    std::string_view range;
  };
  const ClientDoorLimits& c = o.client_limits;
  const Range ranges[] = {
      {"partitions", o.partitions, 0, 4096, "from 1 to 4096, or 0 for what was founded"},
      {"replicas", o.replicas, 1, 7, "from 1 to 7"},
      {"log_entries_kept", o.log_entries_kept, 100, 1'000'000'000, "from 100 to 10^9"},
      {"log_bytes_kept", o.log_bytes_kept, kMiB, kGiB, "from 1 MiB to 1 GiB"},
      {"segment_bytes", o.segment_bytes, 64 * kKiB, kGiB, "from 64 KiB to 1 GiB"},
      {"memory_bytes", o.memory_bytes, 32 * kMiB, kKiB * kGiB, "from 32 MiB to 1 TiB"},
      {"scrub_bytes_per_second", o.scrub_bytes_per_second, 0, kGiB, "at most 1 GiB"},
      {"key_bytes_max", o.key_bytes_max, 1, 4096, "from 1 B to 4 KiB"},
      {"value_bytes_max", o.value_bytes_max, 0, 8 * kMiB, "at most 8 MiB"},
      {"batch_bytes_max", o.batch_bytes_max, 1, 8 * kMiB, "from 1 B to 8 MiB"},
      {"batch_operations_max", o.batch_operations_max, 1, 65'536, "from 1 to 65536"},
      {"idempotency_keys_max", o.idempotency_keys_max, 0, 16'777'216, "at most 16777216"},
      {"client_limits.connections_max", c.connections_max, 1, 1'000'000, "from 1 to 1000000"},
      {"client_limits.frame_bytes_max", c.frame_bytes_max, 64 * kKiB, 24 * kMiB,
       "from 64 KiB to 24 MiB"},
      {"client_limits.in_flight_max", c.in_flight_max, 1, 65'536, "from 1 to 65536"},
      {"client_limits.bytes_in_flight_max", c.bytes_in_flight_max, 64 * kKiB, kGiB,
       "from 64 KiB to 1 GiB"},
      {"client_limits.bytes_unsent_max", c.bytes_unsent_max, 64 * kKiB, kGiB,
       "from 64 KiB to 1 GiB"},
      {"client_limits.bytes_max", c.bytes_max, kMiB, kKiB * kGiB, "from 1 MiB to 1 TiB"},
  };
  for (const Range& r : ranges) {
    if (auto e = outside(r.field, r.value, r.low, r.high, r.range)) return e;
  }
  return std::nullopt;
}

}  // namespace

Result<void> validate(const Options& options) {
  if (auto error = wrong_identity(options)) return *error;
  if (auto error = wrong_timing(options)) return *error;
  if (auto error = wrong_sizes(options)) return *error;
  return {};
}

}  // namespace cairn::kv
