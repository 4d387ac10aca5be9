// Whether the bytes of LevelDB's files are whole: every block of a table, every record of a
// manifest. LevelDB itself checks what it happens to read, and says neither file nor offset.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "wal/file_system.h"

namespace cairn::kv {

struct FileFault {
  std::uint64_t offset = 0;
  std::string what;
  bool unread = false;  // the disk refused to give the bytes: they may be whole
};

/// nullopt: each byte of the table is covered by a check that holds.
[[nodiscard]] std::optional<FileFault> check_table(const wal::File& file);

/// A record that a crash cut off at the end is no fault: `*torn` says so.
[[nodiscard]] std::optional<FileFault> check_manifest(const wal::File& file, bool* torn);

/// The first damage in a database's tables and manifests, as "file at offset: what", for LevelDB
/// does not name it. Empty: none was found in about the first `bytes_max` bytes of them. Files that
/// go meanwhile, or that the disk refuses to give, are passed over.
[[nodiscard]] std::string find_damage(wal::FileSystem& files, const std::string& directory,
                                      std::uint64_t bytes_max = 256ull << 20);

}  // namespace cairn::kv
