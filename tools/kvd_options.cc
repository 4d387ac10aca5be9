#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "tools/kvd.h"
#include "tools/lib/units.h"

namespace cairn::tools {
namespace {

using Kind = Setting::Kind;

constexpr std::uint64_t kMiB = 1ull << 20;
constexpr std::uint64_t kMemoryMin = 32 * kMiB;

// "1=host:port" -> a member.
std::optional<kv::Member> parse_member(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals + 1 == text.size()) return std::nullopt;
  auto id = parse_number(text.substr(0, equals));
  if (!id || *id == 0 || *id > UINT32_MAX) return std::nullopt;
  return kv::Member{*id, text.substr(equals + 1)};
}

std::vector<Setting> identity_settings() {
  return {
      {.name = "id",
       .kind = Kind::kNumber,
       .argument = "N",
       .help = "this member's id, unique for ever in its cluster",
       .min = 1,
       .max = UINT32_MAX},
      {.name = "data-dir",
       .argument = "DIR",
       .fallback = "cairn-data",
       .help = "where everything of this node is kept"},
      {.name = "http",
       .argument = "HOST:PORT",
       .fallback = "127.0.0.1:8001",
       .help = "the HTTP door"},
      {.name = "client",
       .argument = "HOST:PORT",
       .help = "the native door, for <cairn/kv/client.h>; none unless given"},
      {.name = "peer", .argument = "HOST:PORT", .help = "where this member listens for its peers"},
      {.name = "cluster",
       .kind = Kind::kList,
       .argument = "ID=HOST:PORT,...",
       .help = "to found: all members, the same list on each; to join: present members; without "
               "it: alone"},
      {.name = "partitions",
       .kind = Kind::kNumber,
       .argument = "N",
       .help = "partitions, fixed when the cluster is made",
       .min = 1,
       .max = 4096,
       .fallback_comment = "1, or what was founded"},
      {.name = "replicas",
       .kind = Kind::kNumber,
       .argument = "N",
       .fallback = "3",
       .help = "replicas of each partition; all nodes if there are fewer",
       .min = 1,
       .max = 7},
      {.name = "insecure",
       .kind = Kind::kSwitch,
       .help = "allow a peer or client port beyond loopback without TLS"},
  };
}

std::vector<Setting> consensus_settings() {
  return {
      {.name = "heartbeat",
       .kind = Kind::kDuration,
       .argument = "TIME",
       .fallback = "50ms",
       .help = "the leader's heartbeat",
       .min = 10,
       .max = 10'000},
      {.name = "election-timeout",
       .kind = Kind::kDuration,
       .argument = "TIME",
       .fallback = "300ms",
       .help = "shortest election timeout, at least 4 heartbeats; the longest is twice that",
       .min = 40,
       .max = 600'000},
      {.name = "lease-drift-ppm",
       .kind = Kind::kNumber,
       .argument = "PPM",
       .fallback = "0",
       .help = "leases: how far clocks and timers may be off, in parts per million; 0: none",
       .min = 0,
       .max = 200'000},
      {.name = "log-entries-kept",
       .kind = Kind::kNumber,
       .argument = "N",
       .fallback = "10000",
       .help = "log kept for followers that are behind, per partition",
       .min = 100,
       .max = 1'000'000'000},
      {.name = "log-bytes-kept",
       .kind = Kind::kBytes,
       .argument = "SIZE",
       .fallback = "64MiB",
       .help = "the same in bytes; whichever is less",
       .min = kMiB,
       .max = 1024 * kMiB},
      {.name = "segment-bytes",
       .kind = Kind::kBytes,
       .argument = "SIZE",
       .fallback = "64MiB",
       .help = "size of a file of the write-ahead log",
       .min = 64 << 10,
       .max = 1024 * kMiB},
      {.name = "scrub-rate",
       .kind = Kind::kBytes,
       .argument = "SIZE",
       .fallback = "4MiB",
       .help = "bytes a second that are read again to find rot; 0: none",
       .min = 0,
       .max = 1024 * kMiB},
      {.name = "memory",
       .kind = Kind::kBytes,
       .argument = "SIZE",
       .fallback = format_bytes(default_memory()),
       .help = "memory for queues, caches and memtables",
       .min = kMemoryMin,
       .max = 1ull << 40,
       .fallback_comment = "a quarter of the machine's"},
  };
}

std::vector<Setting> request_settings() {
  return {
      {.name = "timeout",
       .kind = Kind::kDuration,
       .argument = "TIME",
       .fallback = "5s",
       .help = "how long a request waits for its outcome",
       .min = 1,
       .max = 600'000},
      {.name = "value-bytes-max",
       .kind = Kind::kBytes,
       .argument = "SIZE",
       .fallback = "1MiB",
       .help = "largest value",
       .min = 1,
       .max = 8 * kMiB},
      {.name = "batch-bytes-max",
       .kind = Kind::kBytes,
       .argument = "SIZE",
       .fallback = "8MiB",
       .help = "largest batch",
       .min = 1,
       .max = 8 * kMiB},
      {.name = "batch-operations-max",
       .kind = Kind::kNumber,
       .argument = "N",
       .fallback = "1024",
       .help = "operations of a batch",
       .min = 1,
       .max = 65'536},
      {.name = "idempotency-window",
       .kind = Kind::kDuration,
       .argument = "TIME",
       .fallback = "10m",
       .help = "how long the answer to an Idempotency-Key is kept",
       .min = 1,
       .max = 86'400'000},
      {.name = "idempotency-keys-max",
       .kind = Kind::kNumber,
       .argument = "N",
       .fallback = "65536",
       .help = "such answers kept in a partition",
       .min = 1,
       .max = 10'000'000},
  };
}

std::vector<Setting> http_settings() {
  return {
      {.name = "allow-host",
       .kind = Kind::kList,
       .argument = "NAME,...",
       .help = "names a request's Host may have, besides addresses and localhost"},
      {.name = "allow-origin",
       .kind = Kind::kList,
       .argument = "ORIGIN,...",
       .help = "web origins whose pages may send requests"},
      {.name = "head-timeout",
       .kind = Kind::kDuration,
       .argument = "TIME",
       .fallback = "10s",
       .help = "from a request's first byte to the end of its head",
       .min = 10,
       .max = 3'600'000},
      {.name = "request-timeout",
       .kind = Kind::kDuration,
       .argument = "TIME",
       .fallback = "30s",
       .help = "from a request's first byte to the end of its body",
       .min = 10,
       .max = 3'600'000},
      {.name = "idle-timeout",
       .kind = Kind::kDuration,
       .argument = "TIME",
       .fallback = "1m",
       .help = "between the requests of a connection",
       .min = 10,
       .max = 86'400'000},
      {.name = "connections-max",
       .kind = Kind::kNumber,
       .argument = "N",
       .fallback = "10000",
       .help = "HTTP connections",
       .min = 1,
       .max = 1'000'000},
  };
}

std::optional<std::uint64_t> memory_limit_of_cgroup() {
  std::ifstream file("/sys/fs/cgroup/memory.max");
  std::string word;
  if (!(file >> word)) return std::nullopt;
  return parse_number(word);  // "max" is no number: no limit
}

}  // namespace

std::uint64_t default_memory() {
  const auto pages = static_cast<std::uint64_t>(std::max(0l, sysconf(_SC_PHYS_PAGES)));
  std::uint64_t memory = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  if (auto limit = memory_limit_of_cgroup()) memory = std::min(memory, *limit);
  return std::max(kMemoryMin, memory / 4);
}

std::vector<Setting> kvd_settings() {
  std::vector<Setting> table = identity_settings();
  for (auto& part : {consensus_settings(), request_settings(), http_settings()}) {
    table.insert(table.end(), part.begin(), part.end());
  }
  table.push_back({.name = "config",
                   .argument = "FILE",
                   .help = "a TOML file with these settings as keys (data_dir = \"d1\")",
                   .flag_only = true});
  for (const char* name : {"print-config", "help", "version"}) {
    table.push_back({.name = name, .kind = Kind::kSwitch, .flag_only = true});
  }
  table[table.size() - 3].help = "show each setting and where it comes from, and end";
  table[table.size() - 2].help = "show this, and end";
  table[table.size() - 1].help = "show the version, and end";
  return table;
}

std::optional<std::string> read_kvd_options(const Settings& settings, KvdOptions& options) {
  kv::Options& store = options.store;
  store.data_dir = settings.text("data-dir");
  store.node_id = settings.number("id");
  store.peer = settings.text("peer");
  for (const std::string& text : settings.list("cluster")) {
    auto member = parse_member(text);
    if (!member) {
      return settings.where("cluster") + ": \"" + text + "\" is not ID=HOST:PORT";
    }
    store.cluster.push_back(std::move(*member));
  }
  if (!store.cluster.empty() && store.node_id == 0) {
    return "--cluster needs --id, to say which member this is";
  }
  store.partitions = static_cast<std::uint32_t>(settings.number("partitions"));
  store.replicas = static_cast<std::uint32_t>(settings.number("replicas"));
  store.insecure = settings.on("insecure");
  store.http = settings.text("http");
  store.client = settings.text("client");
  store.heartbeat = settings.duration("heartbeat");
  store.election_timeout = settings.duration("election-timeout");
  store.lease_drift_ppm = static_cast<std::uint32_t>(settings.number("lease-drift-ppm"));
  store.log_entries_kept = settings.number("log-entries-kept");
  store.log_bytes_kept = settings.number("log-bytes-kept");
  store.segment_bytes = settings.number("segment-bytes");
  store.memory_bytes = settings.number("memory");
  store.scrub_bytes_per_second = settings.number("scrub-rate");
  store.timeout = settings.duration("timeout");
  store.value_bytes_max = settings.number("value-bytes-max");
  store.batch_bytes_max = settings.number("batch-bytes-max");
  store.batch_operations_max = settings.number("batch-operations-max");
  store.idempotency_window = settings.duration("idempotency-window");
  store.idempotency_keys_max = static_cast<std::uint32_t>(settings.number("idempotency-keys-max"));

  http::ServerOptions& door = options.http;
  door.listen = settings.text("http");
  door.allowed_hosts = settings.list("allow-host");
  door.allowed_origins = settings.list("allow-origin");
  door.body_bytes_max = store.value_bytes_max;
  door.head_timeout = settings.duration("head-timeout");
  door.request_timeout = settings.duration("request-timeout");
  door.idle_timeout = settings.duration("idle-timeout");
  door.connections_max = settings.number("connections-max");
  return std::nullopt;
}

}  // namespace cairn::tools
