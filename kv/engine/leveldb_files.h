// LevelDB's files over wal::File: buffered sequential reads and writes, random reads by pread.
#pragma once

#include <leveldb/env.h>

#include <boost/system/error_code.hpp>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "wal/file_system.h"

namespace cairn::kv {

/// The first I/O failure of a database. After it nothing more may be changed on disk: what LevelDB
/// believes to be there may not be there, and its own cleaning up could remove the good copy.
class DiskHealth {
 public:
  bool broken() const noexcept;
  std::string failure() const;
  /// Keeps the first one. Never throws.
  void record(const char* call, const std::string& path,
              const boost::system::error_code& error) noexcept;

 private:
  mutable std::mutex mutex_;
  bool broken_ = false;
  std::string failure_;
};

/// NotFound, or IOError with the system's words.
leveldb::Status to_status(const std::string& path, const boost::system::error_code& error) noexcept;
leveldb::Status broken_status(const std::string& path) noexcept;

/// `file` null: reads as empty (a discarded log).
leveldb::SequentialFile* make_sequential_file(std::string path, std::unique_ptr<wal::File> file,
                                              DiskHealth& health);
leveldb::RandomAccessFile* make_random_access_file(std::string path,
                                                   std::unique_ptr<wal::File> file,
                                                   DiskHealth& health);

/// Makes the names created so far durable; called before a file that refers to them is synced.
class NameSync {
 public:
  virtual ~NameSync() = default;
  virtual leveldb::Status sync_names() noexcept = 0;
};

/// `file` null: what is written is dropped. `names` not null: names are synced before the file is.
leveldb::WritableFile* make_writable_file(std::string path, std::unique_ptr<wal::File> file,
                                          DiskHealth& health, NameSync* names);

}  // namespace cairn::kv
