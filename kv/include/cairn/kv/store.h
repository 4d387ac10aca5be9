// Cairn as a library: a durable key-value store of one node, or a member of a replicated cluster.
//
//   auto store = cairn::kv::Store::open({.data_dir = "demo"}).value();
//   store.put("greeting", "hello").value();
//   std::string v = store.get("greeting").value()->value;
//
// Threads: every function may be called from any thread, several at once, but for moving, stop()
// and destruction, which need the object to oneself. Plain calls wait for their answer; the
// async_ forms return at once and run their callback on the store's loop thread (inside the call
// only if that is made there, or after stop()): it must not block, and a plain call made there
// fails with kBadRequest. <cairn/kv/async.h> has them with Asio completion tokens.
//
// Guarantees: writes are durable on a quorum before they are answered; reads are linearizable
// unless asked otherwise; an error says whether the write took effect (Error::committed).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/kv/error.h"
#include "cairn/kv/options.h"

namespace cairn::kv {

/// A hybrid logical clock: (milliseconds since 2024-01-01 UTC) << 13 | counter; below 2^53. Rises
/// strictly within a partition.
using Revision = std::uint64_t;

struct Item {
  std::string key{};
  std::string value{};
  Revision create_revision = 0;
  Revision mod_revision = 0;
  std::uint64_t version = 0;  // 1 when created, +1 with each put
};

enum class Consistency {
  kLinearizable,  // sees every write answered before the read began; one quorum round
  kLease,         // likewise while clocks keep Options::lease_drift_ppm; at the leader, at once
                  // while it holds a lease, else (also with leases off) by a quorum round
  kEventual,      // what this node has applied, at once; a replica elsewhere answers likewise
};

struct ReadOptions {
  Consistency consistency = Consistency::kLinearizable;
  /// See at least this revision (from an earlier answer). 0: no such wish.
  Revision min_revision = 0;
  /// 0: Options::timeout.
  std::chrono::milliseconds timeout{0};
};

struct WriteOptions {
  /// Only if the key does not exist.
  bool if_absent = false;
  /// Only if the key's mod revision is this one (0: not asked).
  Revision if_revision = 0;
  /// Return the item as it was before.
  bool return_previous = false;
  /// A retry with the same key within Options::idempotency_window gets the first answer. At most
  /// 256 bytes. Empty: none.
  std::string idempotency_key{};
  /// 0: Options::timeout.
  std::chrono::milliseconds timeout{0};
};

struct PutResult {
  Revision revision = 0;
  std::uint64_t version = 0;
  bool created = false;
  std::optional<Item> previous{};  // if asked for and there was one
  bool replayed = false;           // the first answer to this idempotency key
};

struct RemoveResult {
  bool deleted = false;
  Revision revision = 0;
  std::optional<Item> previous{};
  bool replayed = false;
};

/// Operations applied together or not at all; all keys must map to one partition (kCrossPartition
/// otherwise; give them a common {tag}).
class WriteBatch {
 public:
  WriteBatch& put(std::string_view key, std::string_view value);
  WriteBatch& remove(std::string_view key);
  struct Operation {
    bool remove = false;
    std::string key;
    std::string value;
  };
  [[nodiscard]] const std::vector<Operation>& operations() const { return operations_; }

 private:
  std::vector<Operation> operations_{};
};

struct BatchResult {
  Revision revision = 0;
  std::uint64_t deleted = 0;
  bool replayed = false;
};

struct ReadResult {
  std::optional<Item> item{};
  Revision revision = 0;  // newest applied in the key's partition
};

/// A half-open range of keys, by byte order. `prefix` excludes `start`/`end`; an empty `end` means
/// to the last key.
struct ScanOptions {
  std::string prefix{};
  std::string start{};
  std::string end{};
  std::uint32_t limit = 100;  // 1 .. 10,000
  bool reverse = false;
  bool keys_only = false;
  bool count_only = false;  // whole range, whatever the limit
  std::string cursor{};     // from ScanResult::next; same range and direction as then
  ReadOptions read{};
};

struct ScanResult {
  std::vector<Item> items{};          // ordered by key across partitions
  std::optional<std::string> next{};  // pass as `cursor` to go on; none: the range is done
  std::uint64_t count = 0;            // count_only
  Revision revision = 0;              // highest applied of the partitions read
};

struct RemovePrefixOptions {
  std::uint32_t limit = 1000;  // keys deleted in this step, 1 .. 10,000
  std::string cursor{};        // from the step before
  std::chrono::milliseconds timeout{0};
};

/// One atomic step of a prefix delete.
struct RemovePrefixResult {
  std::uint64_t deleted = 0;
  Revision revision = 0;
  std::optional<std::string> next{};  // more may remain: go on with it
};

struct ReplicaView {
  std::uint64_t node = 0;
  std::uint64_t match = 0;  // known to the leader; 0 where this node is not the leader
  std::string state{};      // "leader" "follower" "probe" "snapshot" "unknown"
  std::string role{};       // "voter" "learner" "leaving" (votes until the joint state is left)
  bool diverged = false;    // its state is not the leader's, or was found odd by a majority
                            // (known to the leader and to the replica itself)
};

struct PartitionView {
  std::uint32_t id = 0;
  std::uint64_t leader = 0;  // 0: unknown
  std::uint64_t term = 0, commit = 0, applied = 0;
  std::vector<ReplicaView> replicas{};
  bool joint = false;                   // between two sets of voters: both decide (if known here)
  std::vector<std::uint64_t> wanted{};  // where the partition is to be, preferred leader first
};

struct NodeView {
  std::uint64_t id = 0;
  std::string http{}, peer{};
  std::string state{};       // "self" "up" "down" "refused"
  std::string membership{};  // "joining" "active" "leaving"
  bool learner = false;      // holds data without a vote until it is promoted
  std::string client{};      // native door; empty: none, or not known
};

struct ClusterView {
  std::string cluster_id{};  // 16 hex digits
  std::uint64_t node = 0;
  std::vector<NodeView> nodes{};
  std::vector<PartitionView> partitions{};
  std::uint64_t epoch = 0;        // of the cluster record that this node knows
  bool change_under_way = false;  // nodes join or leave, as far as this node knows
};

struct NewMember {
  std::uint64_t id = 0;  // 1 .. 2^32 - 1, not a member's
  std::string peer{};    // "host:port" that the others dial
  bool learner = false;  // no vote until Store::promote
};

/// Nodes that join and leave, as one change: both together replace.
struct MemberChange {
  std::vector<NewMember> add{};
  std::vector<std::uint64_t> remove{};
  bool dry_run = false;                  // only tell what would happen
  std::chrono::milliseconds timeout{0};  // 0: Options::timeout
};

/// One step of a group on its way from old voters to new ones.
struct PlanPhase {
  std::string name{};                   // "now" "catch_up" "joint" "done"
  std::vector<std::uint64_t> voters{};  // who decides
  std::vector<std::uint64_t> also{};    // joint: a majority of these must agree as well
  std::int64_t failures_tolerated = 0;  // further ones, what is down now counted; -1: no quorum
};

struct GroupPlan {
  bool metadata = false;        // the metadata group, else a partition
  std::uint32_t partition = 0;  // unless `metadata`
  std::vector<std::uint64_t> voters_before{}, voters_after{}, learners_after{};
  std::vector<PlanPhase> phases{};  // "now" alone if nothing changes
  std::uint64_t bytes_to_ship = 0;  // about
};

/// What a membership change does. It goes on by itself, whoever leads; cluster() shows how far it
/// is.
struct MemberPlan {
  std::uint64_t change = 0;  // epoch of the cluster record with the change; 0: dry run
  std::vector<GroupPlan> groups{};
  std::uint64_t bytes_to_ship = 0;
  std::int64_t failures_tolerated = 0;  // the least of all groups and phases
};

/// Compares a replica's state with its leader's, key by key, at one applied index.
struct StateComparison {
  std::uint32_t partition = 0;
  bool metadata = false;                 // the metadata group, not a partition
  std::uint64_t node = 0;                // whose replica; not the leader's
  bool deep = false;                     // every key, even if the hashes that are kept agree
  bool heal = false;                     // and the replica takes over what differs
  std::chrono::milliseconds timeout{0};  // 0: ten minutes; the repair itself goes on after it
};
struct StateDifference {
  std::string key{};
  std::uint64_t revision = 0;          // of the replica's item; 0: it has none
  std::uint64_t revision_against = 0;  // of the leader's
};
struct StateReport {
  std::uint32_t partition = 0;
  bool metadata = false;
  std::uint64_t node = 0, against = 0;
  std::uint64_t index = 0;               // applied, at which they were compared
  std::vector<std::uint32_t> buckets{};  // of 16, whose kept hashes differ
  std::uint64_t differing = 0;           // keys
  std::vector<StateDifference> keys{};   // the first 1,000 of them
  std::uint64_t healed = 0;              // keys taken over
  bool quarantined = false;              // the replica still is
};

struct RingView {
  std::uint32_t partition = 0;
  std::uint64_t leader = 0;
  std::vector<std::uint64_t> nodes{};
};

/// One number for a metrics page.
struct Sample {
  std::string name{};
  std::string labels{};  // `partition="3"`, comma separated, or empty
  double value = 0;
  enum class Type { kCounter, kGauge, kHistogramPart } type = Type::kGauge;
  std::string help{};
  std::string family{};  // of a histogram's _bucket/_sum/_count samples; else empty
};

template <class T>
using Callback = std::function<void(Result<T>)>;

/// A frozen view of the partitions of which this node holds a replica. Holds disk space: short
/// lived; must not outlive the store's stop().
class Snapshot {
 public:
  [[nodiscard]] Result<std::optional<Item>> get(std::string_view key) const;
  [[nodiscard]] Result<ScanResult> scan(const ScanOptions& options) const;
  ~Snapshot();
  Snapshot(Snapshot&&) noexcept;
  Snapshot& operator=(Snapshot&&) noexcept;

 private:
  friend class Store;
  struct Impl;
  explicit Snapshot(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// A backup under way: its bytes, piece by piece. Any thread, one call at a time; given up after a
/// minute without one. Harmless after the store's stop().
class BackupStream {
 public:
  virtual ~BackupStream() = default;
  /// nullopt after the last piece. After an error the backup is over and what was read of it is not
  /// whole.
  virtual void async_next(Callback<std::optional<std::string>> done) = 0;
};

class Store {
 public:
  /// Opens or makes the store. Alone: returns when it serves. With `peer`: returns once it listens,
  /// before there is a leader; see wait_ready(). Errors: kConfiguration, kLocked,
  /// kAddressInUse, kCorrupt, kNewerFormat, kForeign, kIo.
  [[nodiscard]] static Result<Store> open(Options options);
  ~Store();  // stop()
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;

  /// Errors of all writes: kKeyEmpty, kKeyTooLarge, kTooLarge, kRevisionMismatch,
  /// kIdempotencyMismatch, kOverloaded, kNoLeader, kShuttingDown, kFenced, kDiskFull (all with
  /// committed no), kOutcomeUnknown.
  Result<PutResult> put(std::string_view key, std::string_view value, WriteOptions options = {});
  Result<RemoveResult> remove(std::string_view key, WriteOptions options = {});
  Result<BatchResult> write(const WriteBatch& batch, WriteOptions options = {});
  Result<RemovePrefixResult> remove_prefix(std::string_view prefix,
                                           RemovePrefixOptions options = {});

  /// Errors of all reads: kKeyEmpty, kKeyTooLarge, kBadRequest, kOverloaded, kNoLeader, kTimeout,
  /// kShuttingDown, kFenced (linearizable only).
  [[nodiscard]] Result<std::optional<Item>> get(std::string_view key, ReadOptions options = {});
  [[nodiscard]] Result<ScanResult> scan(ScanOptions options);
  /// A view that is linearizable when taken. kBadRequest if a partition has no replica here.
  [[nodiscard]] Result<Snapshot> snapshot(ReadOptions options = {});

  /// A backup of all partitions, each at one linearizable moment, handed to `take` in pieces, here.
  /// `kvctl restore` makes a cluster of it. `take` answers false to end it (kBadRequest).
  /// Otherwise the errors of reads.
  Result<void> backup(const std::function<bool(std::string_view)>& take);

  void async_put(std::string key, std::string value, WriteOptions options,
                 Callback<PutResult> done);
  void async_remove(std::string key, WriteOptions options, Callback<RemoveResult> done);
  void async_write(WriteBatch batch, WriteOptions options, Callback<BatchResult> done);
  void async_remove_prefix(std::string prefix, RemovePrefixOptions options,
                           Callback<RemovePrefixResult> done);
  void async_get(std::string key, ReadOptions options, Callback<ReadResult> done);
  void async_scan(ScanOptions options, Callback<ScanResult> done);
  void async_backup(Callback<std::shared_ptr<BackupStream>> done);

  // Membership. Any node may be asked; the metadata group's leader decides (the partition's leader
  // for move_leader). What is accepted is carried out in the background, by whoever leads then:
  // new members catch up without a vote first, then voters change through a joint configuration.
  // Errors besides those of writes: kChangeUnderWay, kQuorumLost, kUnknownNode, kMemberExists,
  // kNotCaughtUp, kUnchanged.

  /// Adds, removes or replaces nodes. A new node is started with the present members as its
  /// Options::cluster; it waits until it is added.
  Result<MemberPlan> change_members(MemberChange change);
  /// Gives a node that was added as a learner its votes. kNotCaughtUp while it is behind.
  Result<MemberPlan> promote(std::uint64_t node, std::chrono::milliseconds timeout = {});
  /// Hands the leadership of a partition to a voter that holds all of its log; done when it leads.
  Result<void> move_leader(std::uint32_t partition, std::uint64_t to,
                           std::chrono::milliseconds timeout = {});
  /// Whose keys differ, and, if asked to, makes the replica like its leader. Besides the errors of
  /// writes: kUnknownNode, kUnchanged (the node leads the partition: there is nothing to compare
  /// with), kTimeout (broken off: ask again), kCorrupt (the leader's own items are not what its
  /// hash says).
  Result<StateReport> compare_states(const StateComparison& wish);
  void async_compare_states(const StateComparison& wish, Callback<StateReport> done);

  void async_change_members(MemberChange change, Callback<MemberPlan> done);
  void async_promote(std::uint64_t node, std::chrono::milliseconds timeout,
                     Callback<MemberPlan> done);
  /// Its argument is the new leader's id.
  void async_move_leader(std::uint32_t partition, std::uint64_t to,
                         std::chrono::milliseconds timeout, Callback<std::uint64_t> done);

  /// Waits until every partition with a replica here has a leader and this node has caught up with
  /// what was committed when it asked. kTimeout says in its detail what is missing.
  Result<void> wait_ready(std::chrono::milliseconds timeout);
  /// Empty: ready. Otherwise why not, a short line each.
  [[nodiscard]] std::vector<std::string> not_ready_reasons() const;

  [[nodiscard]] ClusterView cluster() const;
  [[nodiscard]] RingView ring(std::string_view key) const;
  [[nodiscard]] std::vector<Sample> metrics() const;
  [[nodiscard]] const Options& options() const;
  [[nodiscard]] std::uint64_t node_id() const;

  /// Stops: hands leadership over, ends what waits with kShuttingDown or kOutcomeUnknown, flushes,
  /// joins every thread. Bounded by about three seconds whatever happens; again is a no-op.
  void stop();

  struct Impl;

 private:
  explicit Store(std::unique_ptr<Impl> impl);
  friend struct StoreAccess;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cairn::kv

#include "cairn/kv/test_cluster.h"  // so that one header is enough for a program and its tests
