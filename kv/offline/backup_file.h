// A backup that lies in a file.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cairn/kv/error.h"
#include "kv/backup/backup_format.h"
#include "wal/file_system.h"

namespace cairn::kv {

/// Bytes read so far, of how many.
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

class BackupFile {
 public:
  /// kIo names the file.
  [[nodiscard]] static Result<BackupFile> open(wal::FileSystem& files, std::string path);
  /// Checks all of it. kCorrupt names file and offset, kNewerFormat the file.
  [[nodiscard]] Result<BackupSummary> walk(BackupVisitor& visitor) const;
  [[nodiscard]] Result<BackupSummary> check(const Progress& progress) const;
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  std::string path_;
  std::shared_ptr<wal::File> file_;
  std::uint64_t size_ = 0;
};

}  // namespace cairn::kv
