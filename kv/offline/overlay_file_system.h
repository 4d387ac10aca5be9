// A file system over another one that is never written: what is created, changed or removed lives
// in memory alone. Lets the very code that opens a directory look at one without touching it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "wal/file_system.h"

namespace cairn::kv {

/// Directories of `lower` and of its own. A lower file is copied into memory when it is first
/// written or renamed. Usable from several threads.
class OverlayFileSystem final : public wal::FileSystem {
 public:
  explicit OverlayFileSystem(wal::FileSystem& lower) : lower_(lower) {}

  wal::Result<std::unique_ptr<wal::File>> open(const std::string& path,
                                               wal::OpenMode mode) noexcept override;
  wal::Result<void> rename(const std::string& from, const std::string& to) noexcept override;
  wal::Result<void> remove(const std::string& path) noexcept override;
  wal::Result<void> create_directories(const std::string& path) noexcept override;
  wal::Result<void> remove_directory(const std::string& path) noexcept override;
  wal::Result<void> sync_directory(const std::string& path) noexcept override;
  wal::Result<std::vector<std::string>> list(const std::string& path) noexcept override;
  wal::Result<bool> exists(const std::string& path) noexcept override;
  wal::Result<std::uint64_t> file_size(const std::string& path) noexcept override;
  wal::Result<std::unique_ptr<wal::FileLock>> lock(const std::string& path) noexcept override;

 private:
  struct Node;
  class OverlayFile;
  using NodePtr = std::shared_ptr<Node>;

  // With mutex_ held.
  wal::Result<NodePtr> find(const std::string& path);
  wal::Result<NodePtr> copied(const std::string& path);

  wal::FileSystem& lower_;
  std::mutex mutex_;
  std::map<std::string, NodePtr> upper_;
  std::set<std::string> hidden_;       // lower files that are removed here
  std::set<std::string> directories_;  // made here
};

}  // namespace cairn::kv
