// What open() does before the log can be appended to: find the segments, replay them, and put what
// may have lived only in the page cache onto the disk (hazard W13).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "wal/group_log.h"
#include "wal/segment_scan.h"
#include "wal/segment_store.h"

namespace cairn::wal {

/// What the log knows of one segment.
struct SegmentInfo {
  SegmentFilePtr file;  // null until the segment is born
  std::uint64_t file_bytes = 0;
  std::uint64_t pins = 0;        // slots that lie in it; it stays while there are any
  std::uint64_t live_bytes = 0;  // of records that the log still needs
  bool copy_failed = false;      // an entry in it could not be read: it is not copied forward
};
using SegmentMap = std::map<std::uint32_t, SegmentInfo>;

/// Where the next record goes, and what it is chained to.
struct LogTail {
  std::uint32_t segment = 0;
  std::uint64_t seed = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t offset = 0;
  std::uint64_t last_check = 0;
  std::uint64_t next_batch = 1;
};

struct RecoveredLog {
  GroupMap groups;
  SegmentMap segments;
  LogTail tail;
};

/// Changes nothing on the disk unless all of the log was found sound.
[[nodiscard]] Result<RecoveredLog> recover_log(SegmentStore& store, const WalOptions& options,
                                               std::string* detail);

/// The groups that recover_log() would find; changes nothing at all.
[[nodiscard]] Result<GroupMap> look_at_log(SegmentStore& store, const WalOptions& options,
                                           std::string* detail);

[[nodiscard]] std::vector<RecoveredGroup> recovered_groups(const GroupMap& groups);

}  // namespace cairn::wal
