// The file-system seam: everything that touches a disk goes through it, LevelDB's files included.
//
// Calls are synchronous and are made only inside an Executor task (or at open, before the node
// serves): the executor is what keeps the node from blocking. All noexcept: no error path throws.
// Twins: wal/posix_file_system.h (real), wal/memory_file_system.h (in memory, with faults; the
// simulator's disk).
#pragma once

#include <boost/system/result.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace cairn::wal {

template <class T>
using Result = boost::system::result<T>;

/// An open file. One owner; pread-like reads may come from several threads at once, writes from
/// one.
class File {
 public:
  virtual ~File() = default;
  /// Reads up to out.size() bytes at `offset`; fewer only at the end of the file.
  [[nodiscard]] virtual Result<std::size_t> read_at(std::uint64_t offset,
                                                    std::span<char> out) const noexcept = 0;
  /// Writes all bytes or fails; after a failure the file's content is unknown.
  [[nodiscard]] virtual Result<void> write_at(std::uint64_t offset,
                                              std::span<const char> bytes) noexcept = 0;
  /// fdatasync. After one failure the caller must not trust or use this file again (hazard W1).
  [[nodiscard]] virtual Result<void> sync() noexcept = 0;
  [[nodiscard]] virtual Result<std::uint64_t> size() const noexcept = 0;
  [[nodiscard]] virtual Result<void> truncate(std::uint64_t size) noexcept = 0;
};

/// Held exclusively until destroyed; dies with the process.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class OpenMode {
  kRead,            // must exist
  kReadWrite,       // must exist
  kCreate,          // created if absent, kept if present
  kCreateTruncate,  // created or emptied
};

/// Paths are UTF-8 strings with '/'; relative ones belong to the process's directory (POSIX) or to
/// the root (memory). Creates files 0600 and directories 0700.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  [[nodiscard]] virtual Result<std::unique_ptr<File>> open(const std::string& path,
                                                           OpenMode mode) noexcept = 0;
  [[nodiscard]] virtual Result<void> rename(const std::string& from,
                                            const std::string& to) noexcept = 0;
  [[nodiscard]] virtual Result<void> remove(const std::string& path) noexcept = 0;
  [[nodiscard]] virtual Result<void> create_directories(const std::string& path) noexcept = 0;
  /// Empty directories only.
  [[nodiscard]] virtual Result<void> remove_directory(const std::string& path) noexcept = 0;
  /// Makes creations, renames and removals inside `path` durable.
  [[nodiscard]] virtual Result<void> sync_directory(const std::string& path) noexcept = 0;
  /// Names (no path), sorted.
  [[nodiscard]] virtual Result<std::vector<std::string>> list(const std::string& path) noexcept = 0;
  [[nodiscard]] virtual Result<bool> exists(const std::string& path) noexcept = 0;
  [[nodiscard]] virtual Result<std::uint64_t> file_size(const std::string& path) noexcept = 0;
  /// Fails with errc::resource_unavailable_try_again when held, by this process or another.
  [[nodiscard]] virtual Result<std::unique_ptr<FileLock>> lock(
      const std::string& path) noexcept = 0;
};

}  // namespace cairn::wal
