// A small file that is replaced as a whole: after a crash either the old or the new content is
// there, and damage shows. Private to kv/identity.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cairn/kv/error.h"
#include "wal/file_system.h"

namespace cairn::kv {

struct SealedFileKind {
  std::string_view name;      // in the data directory
  std::uint16_t number = 0;   // says which of them the bytes are
  std::uint16_t version = 1;  // the newest that this program reads, the one it writes
  std::size_t payload_bytes_max = 1u << 20;
};

/// nullopt: there is no such file. kCorrupt, kNewerFormat, kIo name it.
[[nodiscard]] Result<std::optional<std::string>> read_sealed(wal::FileSystem& files,
                                                             const std::string& dir,
                                                             const SealedFileKind& kind);

/// Durable when it returns: a new file is written and synced beside the old one, then takes its
/// name, then the directory is synced. kDiskFull: the old content is there, and this may be tried
/// again. kIo: either content may be there.
[[nodiscard]] Result<void> write_sealed(wal::FileSystem& files, const std::string& dir,
                                        const SealedFileKind& kind, std::string_view payload);

}  // namespace cairn::kv
