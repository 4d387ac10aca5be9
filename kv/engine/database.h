// LevelDB behind results: opened paranoid over our Env, read with checksums, written by the apply
// thread alone. Status becomes EngineError here and nowhere else.
#pragma once

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <leveldb/iterator.h>
#include <leveldb/write_batch.h>

#include <atomic>
#include <boost/system/result.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "kv/engine/engine.h"
#include "kv/engine/flusher.h"
#include "kv/engine/leveldb_env.h"

namespace cairn::kv {

template <class T>
using EngineResult = boost::system::result<T>;

class Database;

/// A frozen moment of the database; released with its last owner, before the database goes.
using Moment = std::shared_ptr<const leveldb::Snapshot>;

/// Walks the keys that begin with a prefix; keys are given without it.
class Cursor {
 public:
  Cursor(const Database& database, std::string prefix, const Moment& moment, bool fill_cache);
  ~Cursor();
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  /// To the first key >= `suffix`.
  void seek(std::string_view suffix);
  /// To the last key < `suffix`; empty: to the last of all.
  void seek_below(std::string_view suffix);
  void next() { iterator_->Next(); }
  void prev() { iterator_->Prev(); }
  /// False at the ends and after an error: ask status().
  bool valid() const;
  std::string_view key() const;
  std::string_view value() const;
  EngineResult<void> status() const;

 private:
  const Database& database_;
  const std::string prefix_;
  const Moment moment_;
  std::unique_ptr<leveldb::Iterator> iterator_;
};

class Database {
 public:
  static EngineResult<std::unique_ptr<Database>> open(wal::FileSystem& files,
                                                      const std::string& directory,
                                                      const EngineOptions& options,
                                                      wal::Executor* background,
                                                      std::string* detail);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // --- apply thread ---
  EngineResult<void> write(leveldb::WriteBatch& batch, std::span<const AppliedIndex> applied);
  void flush(Flusher::Done done);
  Flusher& flusher() { return flusher_; }

  // --- any thread ---
  /// False: no such key. `*value` is replaced.
  EngineResult<bool> get(std::string_view key, std::string* value,
                         const Moment& moment = nullptr) const;
  Moment moment() const;
  int level0_files() const;
  /// About how many bytes of table files hold keys with this prefix.
  std::uint64_t table_bytes(const std::string& prefix) const;
  /// Once true, for good: close and reopen.
  bool failed() const noexcept { return failed_.load(std::memory_order_relaxed); }
  /// What it read is not what was written.
  bool is_corrupt() const noexcept { return corrupt_.load(std::memory_order_relaxed); }
  /// Marks the database failed and gives the error, for records that are not what they must be.
  EngineError corrupt() const noexcept;

 private:
  friend class Cursor;
  Database(wal::FileSystem& files, const std::string& directory, const EngineOptions& options,
           wal::Executor* background);
  EngineError failure(const leveldb::Status& status) const noexcept;
  /// Without an executor: LevelDB's work is done now, that no later call waits for it.
  void settle() const { env_->drain(); }

  std::unique_ptr<LevelDbEnv> env_;
  Flusher flusher_;
  std::unique_ptr<leveldb::Cache> cache_;
  std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<leveldb::Logger> silence_;
  std::unique_ptr<leveldb::DB> db_;
  mutable std::atomic<bool> failed_{false};
  mutable std::atomic<bool> corrupt_{false};
};

}  // namespace cairn::kv
