// The real disk: wal::FileSystem over POSIX calls.
#pragma once

#include "wal/file_system.h"

namespace cairn::wal {

/// Stateless and usable from several threads. Errors are the system's own (system_category), so
/// they compare with boost::system::errc. Interrupted and short calls are carried on; nothing is
/// retried after a real failure.
///
/// Locks are flock()s on descriptors of their own: two locks of one file exclude each other within
/// a process as between processes, and the kernel drops them when the process dies.
class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) noexcept override;
  Result<void> rename(const std::string& from, const std::string& to) noexcept override;
  Result<void> remove(const std::string& path) noexcept override;
  /// The last directory of `path` is tightened to 0700 even when it was there before.
  Result<void> create_directories(const std::string& path) noexcept override;
  Result<void> remove_directory(const std::string& path) noexcept override;
  Result<void> sync_directory(const std::string& path) noexcept override;
  Result<std::vector<std::string>> list(const std::string& path) noexcept override;
  Result<bool> exists(const std::string& path) noexcept override;
  Result<std::uint64_t> file_size(const std::string& path) noexcept override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) noexcept override;
};

}  // namespace cairn::wal
