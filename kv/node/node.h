// One member of a cluster: identity, log, engine, its replicas of the groups placed on it, its
// peers, and the ways of a write and a read through them. No thread, file, socket or clock of its
// own: everything that touches the world comes in as a seam, so the simulator runs this very code.
//
// Confined to the home executor, but for open(), which runs before the home executor serves.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/kv/store.h"
#include "kv/command/command.h"
#include "kv/engine/engine.h"
#include "kv/node/disk_guard.h"
#include "kv/placement/cluster_map.h"
#include "net/clock.h"
#include "net/transport.h"
#include "raft/core.h"
#include "wal/executor.h"
#include "wal/file_system.h"

namespace cairn::kv {

/// What a node does about data of its own that it does not rely on any more.
enum class Distrust {
  kSetsAside,   // they are damaged: it comes back as a new member
  kRebuilds,    // its database is damaged, and made again from the log
  kServesNone,  // they are damaged, and the others are too few to give them back
  kDisowned,    // its peers know a newer life of this node: as kSetsAside
  kReplaced,    // the cluster record names another directory in its place: as kSetsAside
};

/// What the simulator's oracles see of a node's inner life. Called on the home executor; changes
/// nothing and calls nobody back.
class NodeWitness {
 public:
  virtual ~NodeWitness() = default;
  /// Handed to the apply stage.
  virtual void committed(raft::GroupId group, std::span<const raft::Entry> entries) = 0;
  virtual void applied(std::span<const ApplyResult> results) = 0;
  /// A snapshot is this node's state, durably.
  virtual void installed(raft::GroupId group, const raft::SnapshotMeta& meta) = 0;
  /// Before anything is done about it. Inside open() too.
  virtual void distrusts(Distrust what, const std::string& why) = 0;
};

/// The world as a node sees it. All outlive the node. In kvd each executor is a thread, `home` the
/// event loop; in the simulator each is a queue of events at later virtual times.
struct NodeSeams {
  wal::FileSystem* files = nullptr;
  net::Clock* clock = nullptr;
  net::Transport* transport = nullptr;  // null: a node alone
  wal::Executor* home = nullptr;
  wal::Executor* log = nullptr;         // WAL writes and reads, identity files
  wal::Executor* apply = nullptr;       // the engine's writer
  wal::Executor* read = nullptr;        // scans and snapshot streams
  wal::Executor* scrub = nullptr;       // looks for rot; null: on `read`
  wal::Executor* background = nullptr;  // LevelDB's compactions; null: inline on `apply`
  /// Of the data directory's file system; called on `log`. Empty: the disk is never full before a
  /// write says so.
  std::function<std::optional<DiskSpace>()> disk_space;
  std::function<std::uint64_t()>
      random;  // for ids, nonces and election jitter; open() and home only
  /// Asks the host, on home, to stop this node in order and to open it again over the same
  /// directory: its data are to be moved aside (open() does that), and it comes back as a new
  /// member. Null: it stays as it is, refused by its peers.
  std::function<void()> reopen;
  NodeWitness* witness = nullptr;  // null but in the simulator
};

/// A frozen, linearizable-when-taken view of the partitions replicated here; any thread.
class PartitionsView {
 public:
  virtual ~PartitionsView() = default;
  [[nodiscard]] virtual Result<std::optional<Item>> get(std::string_view key) const = 0;
  [[nodiscard]] virtual Result<ScanResult> scan(const ScanOptions& options) const = 0;
};

class Node {
 public:
  /// Takes the directory's lock, writes this boot's identity, and, if the cluster is founded, opens
  /// log and engine and recovers. Synchronous. `options` have passed validate(). kCorrupt while the
  /// directory is marked (kv/identity/quarantine.h): once `log` has run what was posted to it, open
  /// again, and the node begins anew.
  [[nodiscard]] static Result<std::shared_ptr<Node>> open(const NodeSeams& seams, Options options);
  virtual ~Node() = default;

  /// Begins to listen, dial, tick and serve. The error is kAddressInUse or kIo.
  [[nodiscard]] virtual Result<void> start() = 0;

  // Each callback runs once, on the home executor; possibly inside the call.
  virtual void put(std::string key, std::string value, WriteOptions options,
                   Callback<PutResult> done) = 0;
  virtual void remove(std::string key, WriteOptions options, Callback<RemoveResult> done) = 0;
  virtual void write(WriteBatch batch, WriteOptions options, Callback<BatchResult> done) = 0;
  virtual void remove_prefix(std::string prefix, RemovePrefixOptions options,
                             Callback<RemovePrefixResult> done) = 0;
  virtual void get(std::string key, ReadOptions options, Callback<ReadResult> done) = 0;
  virtual void scan(ScanOptions options, Callback<ScanResult> done) = 0;
  /// For the native door: a write, or an opened session, under the session that its client has (or
  /// none), with what applying it answered. `partition` is asked only to open a session. A command
  /// with a session is sent on to the leader at most once and never numbered anew: after
  /// kOutcomeUnknown its client may send it again.
  virtual void client_command(Command command, std::uint32_t partition,
                              std::chrono::milliseconds timeout,
                              std::function<void(Result<Answer>)> done) = 0;
  virtual void view(ReadOptions options, Callback<std::shared_ptr<const PartitionsView>> done) = 0;
  virtual void change_members(MemberChange change, Callback<MemberPlan> done) = 0;
  virtual void promote(std::uint64_t node, std::chrono::milliseconds timeout,
                       Callback<MemberPlan> done) = 0;
  virtual void move_leader(std::uint32_t partition, std::uint64_t to,
                           std::chrono::milliseconds timeout, Callback<std::uint64_t> done) = 0;

  virtual void compare_states(const StateComparison& wish, Callback<StateReport> done) = 0;

  /// A backup of all partitions, by a handle: begun, read piece by piece (nullopt after the last;
  /// one call at a time), ended. After an error, or a minute without a call, it is over.
  virtual void backup(Callback<std::uint64_t> done) = 0;
  virtual void backup_next(std::uint64_t handle, Callback<std::optional<std::string>> done) = 0;
  virtual void backup_end(std::uint64_t handle) = 0;

  [[nodiscard]] virtual std::vector<std::string> not_ready_reasons() const = 0;
  [[nodiscard]] virtual ClusterView cluster() const = 0;
  [[nodiscard]] virtual ClusterMap cluster_map() const = 0;
  /// Of a partition, as far as this node knows; 0: it does not.
  [[nodiscard]] virtual raft::NodeId leader_of_partition(std::uint32_t partition) const = 0;
  [[nodiscard]] virtual RingView ring(std::string_view key) const = 0;
  [[nodiscard]] virtual std::vector<Sample> metrics() const = 0;
  [[nodiscard]] virtual std::uint64_t id() const = 0;

  /// Finishes what is in flight (bounded), hands leadership over, flushes, writes the clean-stop
  /// mark; then `done`, within about two seconds of the seams' clock. Requests meanwhile get
  /// kShuttingDown.
  virtual void stop(std::function<void()> done) = 0;
  /// After `done` of stop(): lets go of the directory and the transport. Until it is destroyed it
  /// answers everything with kShuttingDown.
  virtual void release() = 0;
  /// A seam caught a broken invariant of ours: serve nothing any more.
  virtual void fail(const std::string& what) = 0;

  // For tests and the simulator's oracles.
  [[nodiscard]] virtual Engine* engine() = 0;  // null while unfounded
  struct GroupStatus {
    raft::GroupId group = 0;
    raft::NodeId leader = 0;
    raft::Term term = 0;
    raft::Index commit = 0, applied = 0, start = 0, last = 0;
    bool leads = false, serves = false;  // serves: leads and has applied its own no-op
    raft::NodeId member = 0;             // that this replica is; the leader above is one, too
    bool odd = false;                    // quarantined: a majority's state is another
  };
  [[nodiscard]] virtual std::vector<GroupStatus> groups() const = 0;
  struct GroupGlance {
    raft::GroupId group = 0;
    raft::Role role = raft::Role::kFollower;
    raft::Term term = 0;
    raft::NodeId leader = 0;
    raft::Index commit = 0, applied = 0, last = 0;
  };
  /// The cheap part of groups(), for looking after each event; replaces what `out` holds.
  virtual void glance(std::vector<GroupGlance>& out) const = 0;
};

}  // namespace cairn::kv
