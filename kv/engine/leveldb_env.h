// LevelDB's world: files through wal::FileSystem, background work on a wal::Executor, no clock, no
// sleep, no thread.
//
// LevelDB's log files do not exist: what it writes to them is dropped. Their names are kept, as if
// the files were there, because LevelDB says with them what it has made durable: it opens log N
// when it begins memtable N, and removes it once that memtable is in a table that its synced
// manifest knows. That is how the end of a flush is told (kv/engine/flusher.h).
//
// Every function LevelDB calls is noexcept: nothing may be thrown through LevelDB, which would
// leave its locks held.
#pragma once

#include <leveldb/env.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "kv/engine/leveldb_files.h"
#include "wal/executor.h"
#include "wal/file_system.h"

namespace cairn::kv {

class LevelDbEnv final : public leveldb::Env, private NameSync {
 public:
  /// `background` null: LevelDB's work is queued and runs in drain(). `item_ended` is called after
  /// each piece of LevelDB's background work, with no lock held, on the thread that ran it.
  LevelDbEnv(wal::FileSystem& files, std::string directory, wal::Executor* background,
             std::function<void()> item_ended);
  /// Waits for work that is queued on the executor.
  ~LevelDbEnv() override;

  /// Without an executor: runs what is queued, and what that queues. Never call it from within
  /// LevelDB. Otherwise, and when called from within itself, it does nothing.
  void drain();
  /// Runs `task` where LevelDB's work runs, after what is queued.
  void post(std::function<void()> task);
  /// Nothing of LevelDB's is queued or running. With an executor: waits for that.
  void wait_idle();
  bool idle() const noexcept;

  const DiskHealth& health() const noexcept { return health_; }

  /// The log of the memtable that is being filled; 0: none yet.
  std::uint64_t newest_log() const noexcept;
  /// Is the memtable that had this log not yet durable?
  bool log_live(std::uint64_t number) const noexcept;
  /// Is a memtable on its way to a table?
  bool flushing() const noexcept;

  // --- leveldb::Env
  // -------------------------------------------------------------------------------
  leveldb::Status NewSequentialFile(const std::string& path,
                                    leveldb::SequentialFile** result) noexcept override;
  leveldb::Status NewRandomAccessFile(const std::string& path,
                                      leveldb::RandomAccessFile** result) noexcept override;
  leveldb::Status NewWritableFile(const std::string& path,
                                  leveldb::WritableFile** result) noexcept override;
  leveldb::Status NewAppendableFile(const std::string& path,
                                    leveldb::WritableFile** result) noexcept override;
  bool FileExists(const std::string& path) noexcept override;
  leveldb::Status GetChildren(const std::string& directory,
                              std::vector<std::string>* result) noexcept override;
  leveldb::Status RemoveFile(const std::string& path) noexcept override;
  leveldb::Status CreateDir(const std::string& directory) noexcept override;
  leveldb::Status RemoveDir(const std::string& directory) noexcept override;
  leveldb::Status GetFileSize(const std::string& path, std::uint64_t* size) noexcept override;
  leveldb::Status RenameFile(const std::string& from, const std::string& to) noexcept override;
  leveldb::Status LockFile(const std::string& path, leveldb::FileLock** lock) noexcept override;
  leveldb::Status UnlockFile(leveldb::FileLock* lock) noexcept override;
  void Schedule(void (*function)(void*), void* argument) noexcept override;
  void StartThread(void (*function)(void*), void* argument) noexcept override;
  leveldb::Status GetTestDirectory(std::string* path) noexcept override;
  leveldb::Status NewLogger(const std::string& path, leveldb::Logger** result) noexcept override;
  std::uint64_t NowMicros() noexcept override;
  void SleepForMicroseconds(int micros) noexcept override;

 private:
  leveldb::Status sync_names() noexcept override;
  leveldb::Status fail(const char* call, const std::string& path,
                       const boost::system::error_code& error) noexcept;
  void run_item(void (*function)(void*), void* argument);
  void item_done();
  void enqueue(std::function<void()> task);

  wal::FileSystem& files_;
  const std::string directory_;
  wal::Executor* const background_;
  const std::function<void()> item_ended_;
  DiskHealth health_;

  mutable std::mutex mutex_;
  std::condition_variable became_idle_;
  // All below under mutex_.
  std::deque<std::function<void()>> queue_;  // without an executor
  bool draining_ = false;
  std::size_t items_ = 0;         // LevelDB's, queued or running
  std::size_t tasks_ = 0;         // posted and not ended, items_ included
  std::set<std::uint64_t> logs_;  // of memtables not yet durable; the newest is being filled
  bool names_unsynced_ = false;   // files were created since the last sync of the directory
  std::uint64_t ticks_ = 0;       // LevelDB takes times only for its statistics
};

}  // namespace cairn::kv
