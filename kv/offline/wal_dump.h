// The records of a log, one by one, for people. Reads only; the log may be damaged or in use.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "cairn/kv/error.h"
#include "wal/file_system.h"

namespace cairn::kv {

struct WalLine {
  std::string file;
  std::uint64_t offset = 0;
  std::string kind;  // "segment", "entry", …, "bad"
  std::uint64_t batch = 0;
  std::uint32_t group = 0;
  std::uint64_t index = 0;
  std::uint64_t term = 0;
  std::uint64_t bytes = 0;
  std::string note;
};

/// `dir` is a data directory or the log's own. Lines come in the order of the files. A damaged
/// segment ends with a line "bad"; the next segment follows. Errors: kIo, kForeign (no log there).
[[nodiscard]] Result<void> dump_wal(wal::FileSystem& files, const std::string& dir,
                                    const std::function<void(const WalLine&)>& line);

}  // namespace cairn::kv
