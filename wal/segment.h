// A segment file: its name, and the handle that reads share with the log.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "wal/format.h"

namespace cairn::wal {

/// "wal-" and the sequence as 16 hexadecimal digits, so that names sort by age.
std::string segment_name(std::uint64_t sequence);
/// The sequence of such a name; nothing for any other name.
std::optional<std::uint64_t> parse_segment_name(std::string_view name);

/// An open segment. Shared by the log and by reads under way: the file is given up (reused or
/// closed) only when the last of them is gone.
struct SegmentFile {
  std::string path;
  std::uint64_t sequence = 0;
  std::uint64_t seed = 0;  // its header's check
  std::uint64_t file_bytes = 0;
  std::unique_ptr<File> file;
};
using SegmentFilePtr = std::shared_ptr<SegmentFile>;

}  // namespace cairn::wal
