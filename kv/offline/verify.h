// Whether a stopped node's directory is whole, and what to do if it is not. Nothing in it is
// changed; its lock is held meanwhile.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kv/offline/backup_file.h"
#include "wal/file_system.h"

namespace cairn::kv {

struct Finding {
  std::string file;
  std::optional<std::uint64_t> offset;  // none: `what` says it, or the whole file is meant
  std::string what;
  std::string advice;
};

struct VerifiedGroup {
  std::uint32_t group = 0;
  std::uint64_t applied = 0;
  std::uint64_t last = 0;     // of its log
  std::uint64_t entries = 0;  // records of all spaces
  std::string digest;
};

struct DirectoryReport {
  std::uint64_t node = 0;
  std::uint64_t cluster = 0;  // 0: not founded yet
  std::uint64_t tables = 0;
  std::uint64_t bytes = 0;  // of tables and manifests read
  std::vector<VerifiedGroup> groups;
  std::vector<std::string> notes;  // not wrong, worth knowing
  std::vector<Finding> findings;   // empty: all is well
};

/// Identity files, every block of every table, the whole log, what log and engine say of each
/// other, and every record of the state. The error is kLocked (a node runs there), kForeign (not a
/// data directory), or kIo.
[[nodiscard]] Result<DirectoryReport> verify_directory(wal::FileSystem& files,
                                                       const std::string& dir);

}  // namespace cairn::kv
