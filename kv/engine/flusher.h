// The write side of the database: every change goes through here, and so does every flush.
//
// A flush is a rotation: DB::Write with a null batch makes the memtable immutable and schedules
// background work that turns it into a table. It would wait, holding up everything, while an
// earlier memtable is still under way, so a rotation is made only when none is; until then it stays
// wanted. It has reached the disk when LevelDB removes the log that the memtable had (see
// leveldb_env.h); if LevelDB has nothing scheduled any more and that log is still there, it never
// will.
#pragma once

#include <leveldb/db.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "kv/engine/engine.h"
#include "kv/engine/leveldb_env.h"

namespace cairn::kv {

using AppliedIndex = std::pair<raft::GroupId, raft::Index>;

class Flusher {
 public:
  using Done = std::function<void(boost::system::result<FlushPoint>)>;

  explicit Flusher(LevelDbEnv& env) : env_(env) {}

  /// Before it nothing is flushed. Not while a write() is under way.
  void attach(leveldb::DB* db);
  /// Fails what waits and forgets the database. Nothing may be called after it but item_ended().
  void close();
  /// What is on disk already, right after opening.
  void seed(std::vector<AppliedIndex> applied);

  /// Apply thread. `applied`: the indexes that the batch brings groups to.
  leveldb::Status write(leveldb::WriteBatch& batch, std::span<const AppliedIndex> applied);
  /// Apply thread. `done` runs by LevelDbEnv::post or in item_ended().
  void flush(Done done);
  /// A piece of LevelDB's background work has ended.
  void item_ended();

  std::uint64_t unflushed_bytes() const noexcept {
    const std::uint64_t flushed = flushed_bytes_;  // before the other: it is never the larger one
    return written_bytes_ - flushed;
  }
  std::uint64_t flushes() const noexcept { return flushes_; }

 private:
  struct Round {
    std::uint64_t log = 0;  // of the memtable that was rotated out
    FlushPoint point;
    std::uint64_t changes = 0;
    std::uint64_t bytes = 0;
    std::vector<Done> waiting;
  };
  using Calls = std::vector<std::function<void()>>;

  // With mutex_ held; what is to be called afterwards is added to `calls`.
  void advance(Calls& calls);
  void check_running(Calls& calls);
  void begin_round(Calls& calls);
  void fail_wanted(Calls& calls);
  static void answer(std::vector<Done>& waiting, const boost::system::result<FlushPoint>& outcome,
                     Calls& calls);
  void post(Calls& calls);

  LevelDbEnv& env_;
  std::atomic<std::uint64_t> written_bytes_{0}, flushed_bytes_{0}, flushes_{0};

  // Held while the memtable is rotated, never while the apply thread writes (which may wait for
  // background work) and never while a callback runs.
  std::mutex mutex_;
  leveldb::DB* db_ = nullptr;
  bool writing_ = false;               // the apply thread is in DB::Write
  std::uint64_t changes_ = 0;          // batches written since the database was opened
  std::vector<AppliedIndex> applied_;  // of what is written, sorted
  FlushPoint flushed_;                 // of what is on disk
  std::uint64_t flushed_changes_ = 0;
  std::optional<Round> running_;
  std::vector<Done> wanted_;
};

}  // namespace cairn::kv
