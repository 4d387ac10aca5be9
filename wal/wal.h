// The write-ahead log that all groups of a node share: one write and one fdatasync for whatever all
// groups want to persist (group commit). Format and recovery rules: wal/FORMAT.md.
//
// A state machine on the node's home executor: all member functions are called there (recover()
// before the node runs). File work is posted to the disk executor, one batch at a time; completions
// come back through the home executor, in order.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wal/executor.h"
#include "wal/file_system.h"

namespace cairn::wal {

using GroupId = std::uint32_t;

struct WalOptions {
  std::uint64_t cluster_id = 0;  // both are bound into every header
  std::uint64_t node_id = 0;
  std::uint64_t segment_bytes = 64ull << 20;      // zero-filled when made; 4 KiB .. 1 GiB
  std::uint64_t record_bytes_max = 16ull << 20;   // longer ones on disk are refused (kTooLarge)
  std::uint64_t batch_bytes_max = 4ull << 20;     // a batch is closed past this
  std::uint64_t pending_bytes_max = 64ull << 20;  // beyond it `overloaded()` is true
  // Past it, live entries of slow groups are copied forward.
  std::uint64_t total_bytes_max = 1ull << 30;
  unsigned spare_segments = 1;            // kept ready, zero-filled
  std::function<std::uint64_t()> now_us;  // times syncs, on the disk executor; may be empty
};

/// One entry as the log keeps it; `kind` and `data` are opaque here.
struct LogEntry {
  std::uint64_t index = 0;
  std::uint64_t term = 0;
  std::uint8_t kind = 0;
  std::string data;
};

struct LogHardState {
  std::uint64_t term = 0;
  std::uint64_t vote = 0;
  std::uint64_t commit = 0;
  friend bool operator==(const LogHardState&, const LogHardState&) = default;
};

/// What recovery found of one group; contiguous from start_index + 1 to last_index.
struct RecoveredGroup {
  GroupId group = 0;
  LogHardState hard_state;
  std::string config;  // opaque; as last given to set_config or reset
  std::uint64_t start_index = 0;
  std::uint64_t start_term = 0;
  std::uint64_t last_index = 0;
  std::uint64_t last_term = 0;
};

struct WalMetrics {
  std::uint64_t syncs = 0;
  std::uint64_t batches = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::uint64_t segments = 0;
  std::uint64_t pending_bytes = 0;
  std::uint64_t last_sync_us = 0;  // 0 when no clock was given
  bool fenced = false;
};

class Wal {
 public:
  /// Ends with the first error once the log is fenced; then every later one fails alike.
  using Done = std::function<void(Result<void>)>;
  using ReadDone = std::function<void(Result<std::vector<LogEntry>>)>;

  /// Opens `directory` (made if absent), recovers, and leaves the log ready to append: what no
  /// clean-stop mark covers has been copied to a new segment and synced (hazard W13). Synchronous.
  /// Errors: WalError::kCorrupt with file and offset in `*detail`, kNewerFormat, kForeign (another
  /// cluster or node), kTooLarge (a sound record over record_bytes_max), or what the file system
  /// said. With these WalErrors nothing on the disk was changed.
  ///
  /// The caller sees to it that one log at a time works on a directory (FileSystem::lock). A log
  /// may be destroyed at any moment, in its own completions too; what is not yet durable is as
  /// after a crash. Executors and file system outlive the tasks posted to them, and the disk
  /// executor has run or dropped them before the directory is opened again.
  [[nodiscard]] static Result<std::unique_ptr<Wal>> open(FileSystem& files, std::string directory,
                                                         const WalOptions& options, Executor& home,
                                                         Executor& disk, std::string* detail);
  /// What open() would find, sorted by group; nothing is written. Of a log that nobody works on, or
  /// of a copy of one.
  [[nodiscard]] static Result<std::vector<RecoveredGroup>> look(FileSystem& files,
                                                                std::string directory,
                                                                const WalOptions& options,
                                                                std::string* detail);
  virtual ~Wal() = default;

  /// As found by open(), sorted by group.
  [[nodiscard]] virtual const std::vector<RecoveredGroup>& recovered() const = 0;

  // What follows adds records to the pending batch; nothing is durable before commit()'s Done.
  virtual void append(GroupId group, std::uint64_t index, std::uint64_t term, std::uint8_t kind,
                      std::string_view data) = 0;  // index <= last truncates from index on
  virtual void set_hard_state(GroupId group, const LogHardState& state) = 0;
  virtual void set_config(GroupId group, std::string_view config) = 0;
  /// Installed a snapshot: the group's log is empty and begins after (index, term).
  virtual void reset(GroupId group, std::uint64_t index, std::uint64_t term,
                     std::string_view config) = 0;
  /// Entries up to and with `index` are no longer needed: allowed only once this node's flushed
  /// engine has applied them. Takes effect at once in memory; on disk with the next checkpoint.
  virtual void trim(GroupId group, std::uint64_t index, std::uint64_t term) = 0;

  /// `done` runs on the home executor when everything added before is durable, or the log fenced.
  /// Dones run in order. A batch under way gathers the next: one write and one fdatasync for all.
  ///
  /// errc::no_space_on_device while !fenced(): there was no room for a new segment, and nothing was
  /// touched. Everything added stays pending, in order; the next commit() tries again, and its Done
  /// covers the refused records too. Once fenced, what is added is ignored.
  virtual void commit(Done done) = 0;

  /// Reads entries [from, to] of a group, up to about max_bytes, at least one;
  /// errc::result_out_of_range when `from` is trimmed. Entries not yet durable may be asked for
  /// too: the read waits its turn.
  virtual void read(GroupId group, std::uint64_t from, std::uint64_t to, std::size_t max_bytes,
                    ReadDone done) = 0;
  /// Synchronous form, for start-up only.
  [[nodiscard]] virtual Result<std::vector<LogEntry>> read_now(GroupId group, std::uint64_t from,
                                                               std::uint64_t to,
                                                               std::size_t max_bytes) = 0;
  [[nodiscard]] virtual std::optional<std::uint64_t> term_at(GroupId group,
                                                             std::uint64_t index) const = 0;

  /// Writes the clean-stop mark after all that is pending, syncs, then `done`.
  virtual void close(Done done) = 0;

  [[nodiscard]] virtual bool fenced() const = 0;
  [[nodiscard]] virtual bool overloaded() const = 0;
  [[nodiscard]] virtual WalMetrics metrics() const = 0;
  /// Log bytes of `group` between trim point and end, for the host's retention rule.
  [[nodiscard]] virtual std::uint64_t live_bytes(GroupId group) const = 0;
  /// File, offset and what: of the last read() that ended with kCorrupt.
  [[nodiscard]] virtual const std::string& damage() const = 0;
};

enum class WalError {
  kCorrupt = 1,  // refuse; refetch from peers, or restore from a backup
  kNewerFormat,  // made by a newer version: run that one
  kForeign,      // belongs to another cluster or node
  kFenced,       // a write or sync failed earlier: restart the node after looking at the disk
  kTooLarge,     // a record over record_bytes_max
  kClosed,
};
boost::system::error_code make_error_code(WalError e) noexcept;

}  // namespace cairn::wal

template <>
struct boost::system::is_error_code_enum<cairn::wal::WalError> : std::true_type {};
