// The state machine of all groups of a node, on one LevelDB without a log of its own: after a crash
// it is the last flushed memtable, an exact prefix of each group's log with its applied index
// inside; replay from the WAL goes on from there. Keys and values: kv/FORMAT.md.
//
// Threads: "apply" marks calls made on the apply executor only (one at a time); everything else
// may be called from any thread. Nothing throws but apply() (see there); the first I/O error of
// LevelDB fails the engine.
#pragma once

#include <array>
#include <boost/system/result.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/kv/store.h"
#include "kv/command/command.h"
#include "raft/types.h"
#include "wal/executor.h"
#include "wal/file_system.h"

namespace cairn::kv {

struct EngineOptions {
  std::size_t write_buffer_bytes = 32u << 20;
  std::size_t block_cache_bytes = 32u << 20;
  std::size_t metadata_table_bytes = 32u << 20;  // 0: none, every lookup reads LevelDB
  std::uint32_t sessions_max = 4096;             // per group; replicated limits, same on all nodes
  std::uint32_t session_answers_max = 1024;      // per session, unacknowledged
  std::uint64_t session_idle_ms = 600'000;       // by log time, then expired
  int open_files_max = 512;
};

enum class EngineError {
  kCorrupt = 1,  // quarantine and re-seed
  kNewerFormat,
  kForeign,         // another cluster or node
  kFailed,          // an earlier I/O error; close and reopen
  kUnknownCommand,  // a command of a newer feature level: this replica stops (hazard D1)
  kBadChunk,        // a snapshot chunk that is out of order, damaged, or of another stream
  kSuperseded,      // a newer install of the same group began
  kNoGroup,         // this node has no such group
};
boost::system::error_code make_error_code(EngineError e) noexcept;

/// Where kFound keeps its record, as an item of the group that applied it. A command that finds one
/// there already is answered kRevisionMismatch.
inline constexpr std::string_view kFoundingKey = "founding";
/// Where kSetCluster keeps the cluster record, likewise. Only the record whose epoch follows the
/// one that is there (1 if none is) takes its place; another is answered kRevisionMismatch, with
/// the present epoch as the answer's version.
inline constexpr std::string_view kClusterKey = "cluster";

/// A group as the engine knows it.
struct EngineGroup {
  raft::GroupId group = 0;
  std::uint64_t generation = 0;
  raft::Index applied = 0;
  raft::Term applied_term = 0;
  raft::Configuration config;
  raft::Index config_index = 0;
  Revision last_revision = 0;  // highest stamped in what was applied
  Revision ceiling = 0;
  /// The applied state came by a snapshot whose WAL reset may be missing: (index, term) of it.
  raft::Index installed_index = 0;
  raft::Term installed_term = 0;
  /// Where a majority found that the items are not what the log makes of them; 0: nowhere.
  raft::Index odd_at = 0;
};

struct ApplyItem {
  raft::GroupId group = 0;
  raft::Entry entry;
};

struct ApplyResult {
  raft::GroupId group = 0;
  raft::Index index = 0;
  raft::Term term = 0;
  std::optional<Answer> answer;  // commands only
};

/// What the engine reports when a flush has reached the disk: applied index of each group in it.
struct FlushPoint {
  std::vector<std::pair<raft::GroupId, raft::Index>> applied;  // sorted by group
};

/// One moment of the whole engine; holds disk space while it lives.
class EngineView {
 public:
  virtual ~EngineView() = default;
  [[nodiscard]] virtual boost::system::result<std::optional<Item>> get(
      raft::GroupId group, std::string_view key) const = 0;
  struct Range {
    std::string start;                 // inclusive
    std::string end;                   // exclusive; empty: open
    std::uint64_t limit = 0;           // 0: none
    std::size_t bytes_max = 4u << 20;  // stops after the item that passes it; `more` is then set
    bool reverse = false;
    bool keys_only = false;
    bool count_only = false;  // limit and bytes_max then bound keys visited
  };
  struct Page {
    std::vector<Item> items;
    std::uint64_t count = 0;
    bool more = false;
    std::string last_key;  // last one visited, when more
  };
  [[nodiscard]] virtual boost::system::result<Page> scan(raft::GroupId group,
                                                         const Range& range) const = 0;
  [[nodiscard]] virtual Revision revision(raft::GroupId group) const = 0;
  [[nodiscard]] virtual raft::Index applied(raft::GroupId group) const = 0;
};

/// A group's state at one moment as a stream of checksummed chunks. One user at a time, any thread.
class SnapshotSource {
 public:
  virtual ~SnapshotSource() = default;
  [[nodiscard]] virtual const raft::SnapshotMeta& meta() const = 0;
  /// The next chunk of at most about `bytes_max`; nullopt after the last.
  [[nodiscard]] virtual boost::system::result<std::optional<std::string>> next(
      std::size_t bytes_max) = 0;
};

/// Writes a stream into a new generation, unseen until finish() flips to it. Apply executor.
class SnapshotSink {
 public:
  virtual ~SnapshotSink() = default;  // unfinished: what it wrote is removed in small steps
  [[nodiscard]] virtual boost::system::result<void> add(std::string_view chunk) = 0;
  /// Checks the whole, then one batch flips the group to the new generation with applied index,
  /// term, configuration and sessions. The flip is not durable before a flush() begun after it is
  /// done.
  [[nodiscard]] virtual boost::system::result<void> finish() = 0;
};

/// What the rolling hash of a group's items was at an applied index (kv/engine/state_hash.h).
struct StateMark {
  raft::Index index = 0;
  std::uint64_t hash = 0;
};
inline constexpr std::size_t kStateBuckets = 16;
using StateBuckets = std::array<std::uint64_t, kStateBuckets>;

/// A key, and what its item adds to the hash.
struct StateEntry {
  std::string key;
  std::uint64_t word = 0;
  Revision mod_revision = 0;
};

/// One moment of a group's items as their words, for comparing them with another replica's. Holds
/// disk space while it lives; one user at a time, any thread.
class StateView {
 public:
  virtual ~StateView() = default;
  [[nodiscard]] virtual raft::Index applied() const = 0;
  [[nodiscard]] virtual std::uint64_t generation() const = 0;
  /// As they were kept then; what the items really are is for the pages to say.
  [[nodiscard]] virtual const StateBuckets& buckets() const = 0;
  struct Range {
    std::string after;                 // exclusive
    std::string until;                 // inclusive; empty: open
    std::uint32_t buckets = ~0u;       // bit i: those of bucket i
    std::size_t bytes_max = 4u << 20;  // of what is visited; more if one item is
  };
  struct Page {
    std::vector<StateEntry> entries;
    bool more = false;     // of the range
    std::string last_key;  // last one visited, when more
  };
  [[nodiscard]] virtual boost::system::result<Page> page(const Range& range) const = 0;
  /// A key's record as it stands in the database; nullopt: no such item.
  [[nodiscard]] virtual boost::system::result<std::optional<std::string>> record(
      std::string_view key) const = 0;
};

/// Another replica's record of a key; none: it has no such item.
struct ItemRecord {
  std::string key;
  std::optional<std::string> record;
};

struct EngineMetrics {
  std::uint64_t applied_entries = 0, batches = 0, flushes = 0;
  std::uint64_t unflushed_bytes = 0, metadata_table_bytes = 0, metadata_table_misses = 0;
  std::uint64_t sessions = 0, idempotency_records = 0, level0_files = 0;
  bool failed = false;
  bool corrupt = false;  // it failed because of what it read, not because of the disk
};

class Engine {
 public:
  /// Opens or makes `directory`, whose parent is there and durable. `background` runs LevelDB's
  /// compactions; null: they run on the calling thread after each call (the simulator). `*detail`
  /// tells people what is wrong.
  [[nodiscard]] static boost::system::result<std::unique_ptr<Engine>> open(
      wal::FileSystem& files, const std::string& directory, std::uint64_t cluster_id,
      std::uint64_t node_id, const EngineOptions& options, wal::Executor* background,
      std::string* detail);
  /// Waits for LevelDB's background work, so `background` must still run; flushes that wait end
  /// with kFailed, on this thread. Views, snapshot sources and sinks are gone before.
  virtual ~Engine() = default;

  /// As of now, sorted by group. Apply (or before the node runs).
  [[nodiscard]] virtual std::vector<EngineGroup> groups() const = 0;
  /// A group's first state: applied 0, generation 1, this configuration. No-op if it exists. Apply.
  [[nodiscard]] virtual boost::system::result<void> create_group(raft::GroupId group,
                                                                 const raft::Configuration& config,
                                                                 std::uint32_t epoch) = 0;
  /// The group is no longer here: one batch forgets it, its records go in small steps (maintain()).
  /// What readers on other threads still hold of it stays sound. No-op if there is none. Apply.
  [[nodiscard]] virtual boost::system::result<void> remove_group(raft::GroupId group) = 0;
  /// About how many bytes of it are in tables on disk.
  [[nodiscard]] virtual std::uint64_t table_bytes(raft::GroupId group) const = 0;

  /// Applies entries of any groups, each group's in order and strictly +1. Every WriteBatch carries
  /// the applied indexes of what is in it; it is one batch unless a command must read what an
  /// earlier one of the same call wrote. One result an item, same order. An error fails the engine,
  /// but for kUnknownCommand: then nothing was applied. Entries that are not the next ones of their
  /// group are a broken invariant: std::logic_error. Apply.
  [[nodiscard]] virtual boost::system::result<std::vector<ApplyResult>> apply(
      std::span<const ApplyItem> items) = 0;

  /// Begins to flush what is applied; `done` runs on the background executor (or inline) once it is
  /// on disk. kFailed if it never will be. It must not call the engine. Flushes begun while one is
  /// under way are merged into one more. Apply.
  virtual void flush(std::function<void(boost::system::result<FlushPoint>)> done) = 0;

  [[nodiscard]] virtual boost::system::result<std::optional<Item>> get(
      raft::GroupId group, std::string_view key) const = 0;
  [[nodiscard]] virtual std::unique_ptr<EngineView> view() const = 0;
  /// Newest stamped revision that is applied. What is read after this call is at least of it; an
  /// item read before or meanwhile may be newer, so an answer names the higher of the two.
  [[nodiscard]] virtual Revision revision(raft::GroupId group) const = 0;

  [[nodiscard]] virtual boost::system::result<std::unique_ptr<SnapshotSource>> snapshot(
      raft::GroupId group) const = 0;
  /// A later call for the same group supersedes an unfinished one. Apply.
  [[nodiscard]] virtual boost::system::result<std::unique_ptr<SnapshotSink>> install(
      raft::GroupId group, const raft::SnapshotMeta& meta) = 0;

  /// One bounded step of removing old generations; true: more to do. Apply.
  [[nodiscard]] virtual boost::system::result<bool> maintain() = 0;

  /// 128-bit digest of a group's whole replicated state, as 32 hex digits; reads everything.
  [[nodiscard]] virtual boost::system::result<std::string> digest(raft::GroupId group) const = 0;
  /// The newest, and older ones that replicas ahead and behind remember as well; empty: none yet.
  [[nodiscard]] virtual std::vector<StateMark> state_marks(raft::GroupId group) const = 0;
  /// nullopt: not remembered, or not there yet.
  [[nodiscard]] virtual std::optional<std::uint64_t> state_mark_at(raft::GroupId group,
                                                                   raft::Index index) const = 0;
  /// By the bucket of the key; `*index`: the applied index at which they were so.
  [[nodiscard]] virtual StateBuckets state_buckets(raft::GroupId group,
                                                   raft::Index* index) const = 0;
  [[nodiscard]] virtual boost::system::result<std::unique_ptr<StateView>> state_view(
      raft::GroupId group) const = 0;
  /// A majority found these items odd, at that index. Apply.
  [[nodiscard]] virtual boost::system::result<void> mark_odd(raft::GroupId group,
                                                             raft::Index index) = 0;
  /// The items were counted, and are by this (per bucket, exclusive or) not what the kept hash
  /// says: from here on it tells of the items as they are. kSuperseded: another generation by now.
  /// Apply.
  [[nodiscard]] virtual boost::system::result<void> adjust_state(raft::GroupId group,
                                                                 std::uint64_t generation,
                                                                 const StateBuckets& by) = 0;
  /// Puts another replica's records in place of the own; the hash stays as it is until
  /// end_repair() says what it is. kSuperseded unless exactly `index` is applied, kBadChunk for a
  /// record that is damaged. Apply.
  [[nodiscard]] virtual boost::system::result<void> repair(raft::GroupId group, raft::Index index,
                                                           std::span<const ItemRecord> items) = 0;
  /// All items are those that have these buckets; they are odd no more. Apply.
  [[nodiscard]] virtual boost::system::result<void> end_repair(raft::GroupId group,
                                                               raft::Index index,
                                                               const StateBuckets& buckets) = 0;
  [[nodiscard]] virtual EngineMetrics metrics() const = 0;
};

}  // namespace cairn::kv

template <>
struct boost::system::is_error_code_enum<cairn::kv::EngineError> : std::true_type {};
