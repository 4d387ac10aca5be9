// Reading entries back from segments, checked again (hazard W11).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "wal/segment.h"

namespace cairn::wal {

/// One entry to be read, and what the log believes of it.
struct ReadItem {
  SegmentFilePtr segment;
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
  GroupId group = 0;
  std::uint64_t index = 0;
  std::uint64_t term = 0;
};

/// kCorrupt when a record is not what the log wrote there: `*where` then says file and offset.
[[nodiscard]] Result<std::vector<LogEntry>> read_entries(const std::vector<ReadItem>& items,
                                                         std::string* where = nullptr);

}  // namespace cairn::wal
