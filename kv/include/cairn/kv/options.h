// How a store is opened. Every field: unit, default, range.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cairn/kv/error.h"

namespace cairn::kv {

/// A member and where its peers find it.
struct Member {
  std::uint64_t id = 0;  // 1 .. 2^32 - 1, unique for ever in a cluster
  std::string peer{};    // "host:port" that the others dial
};

/// One line for a program's log. Fields are short; no key or value ever stands in one.
struct LogLine {
  enum class Level { kInfo, kWarning, kError } level = Level::kInfo;
  std::string text{};
};

/// What the native door takes. Each bound is refused in words that a client understands, and
/// counted (cairn_client_refused_total).
struct ClientDoorLimits {
  /// Connections, 1 .. 1,000,000. Each may carry many callers.
  std::size_t connections_max = 1000;
  /// Bytes of a request's frame, 64 KiB .. 24 MiB.
  std::size_t frame_bytes_max = 9u << 20;
  /// Requests under way on one connection, 1 .. 65,536, and their bytes, 64 KiB .. 1 GiB.
  std::size_t in_flight_max = 4096;
  std::size_t bytes_in_flight_max = 32u << 20;
  /// Bytes of answers that a connection's client has not taken yet, 64 KiB .. 1 GiB: from there on
  /// requests are refused; at twice that and 24 MiB the connection is closed.
  std::size_t bytes_unsent_max = 32u << 20;
  /// The same and the requests under way, over all connections, 1 MiB .. 1 TiB.
  std::size_t bytes_max = 128u << 20;
  /// From accepting a connection to its whole hello, 10 ms .. 10 min.
  std::chrono::milliseconds hello_timeout{5000};
  /// How long a connection may have nothing under way, or not take what is sent to it,
  /// 10 ms .. 24 h.
  std::chrono::milliseconds idle_timeout{300'000};
  std::chrono::milliseconds write_timeout{30'000};
};

struct Options {
  /// Made if absent. Everything of one node lives in it; one Store at a time.
  std::string data_dir{};
  /// This member's id. 0 with an empty `cluster`: a store of one node, without network (id 1).
  std::uint64_t node_id = 0;
  /// "host:port" to listen on for peers. Required with `cluster`. Without one: a store of one node
  /// that others may be added to.
  std::string peer{};
  /// To found a cluster: its members, the same list on each, this one included. To join one that
  /// is: some or all of its members (with or without this one); it then waits until it is added
  /// (Store::change_members). Read once; afterwards the directory knows better.
  std::vector<Member> cluster{};
  /// Number of partitions, 1 .. 4096, fixed when the cluster is made. 0: 1 for a new cluster, else
  /// whatever was founded.
  std::uint32_t partitions = 0;
  /// Replicas of each partition, 1 .. 7; all nodes if there are fewer.
  std::uint32_t replicas = 3;

  /// "host:port" of this node's HTTP door, told to the other nodes. Empty: none.
  std::string http{};
  /// "host:port" of the native door (<cairn/kv/client.h>), which the store opens and tells the
  /// other nodes. Empty: none.
  std::string client{};
  /// Leader's heartbeat interval, 10 ms .. 10 s.
  std::chrono::milliseconds heartbeat{50};
  /// Shortest election timeout; the longest is twice that. At least 4 heartbeats.
  std::chrono::milliseconds election_timeout{300};
  /// Leases, which answer Consistency::kLease reads at the leader without asking anybody: the
  /// bound, in parts per million, within which every member's clock and timers run true, also while
  /// its machine sleeps. 0: no leases; 1,000 .. 200,000. Beyond the bound such a read may be stale,
  /// nothing else is lost. A majority of a partition's replicas must have leases on and the same
  /// election_timeout, or there is no lease. Before leases are turned off, or election_timeout
  /// shortened, at a member, it stays stopped for an election timeout.
  std::uint32_t lease_drift_ppm = 0;
  /// Log kept for followers that are behind, per partition: entries (100 .. 10^9) and bytes
  /// (1 MiB .. 1 GiB), whichever is less.
  std::uint64_t log_entries_kept = 10'000;
  std::uint64_t log_bytes_kept = 64ull << 20;
  /// WAL segment size, 64 KiB .. 1 GiB.
  std::uint64_t segment_bytes = 64ull << 20;
  /// Memory for queues, caches and memtables, 32 MiB .. 1 TiB.
  std::uint64_t memory_bytes = 256ull << 20;
  /// Bytes a second of the log and of the database's tables that are read again to find rot before
  /// they are needed; at most 1 GiB. 0: none.
  std::uint64_t scrub_bytes_per_second = 4ull << 20;
  /// Limits of a request: key 1 B .. 4 KiB, value up to 8 MiB, batch up to 8 MiB in all.
  std::size_t key_bytes_max = 4096;
  std::size_t value_bytes_max = 1u << 20;
  std::size_t batch_bytes_max = 8u << 20;
  std::size_t batch_operations_max = 1024;
  /// How long a call waits for its answer unless it says otherwise, 1 ms .. 10 min.
  std::chrono::milliseconds timeout{5000};
  /// How long an answer is kept for a retry with the same idempotency key, by log time, and how
  /// many such answers a partition holds at most.
  std::chrono::milliseconds idempotency_window{600'000};
  std::uint32_t idempotency_keys_max = 65'536;
  /// Bounds of the native door.
  ClientDoorLimits client_limits{};
  /// Peer or client port beyond loopback without TLS: refused unless set.
  bool insecure = false;

  /// Receives log lines, on internal threads; must not call back into the store. Empty: silent.
  std::function<void(const LogLine&)> log{};
  /// Called once, on an internal thread, when this node stops serving for good: its disk failed, or
  /// an invariant broke. The process goes on; the store answers with errors. Must not block.
  std::function<void(const Error&)> on_failure{};
};

/// Checks ranges and consistency; the error's detail names the field.
[[nodiscard]] Result<void> validate(const Options& options);

}  // namespace cairn::kv
