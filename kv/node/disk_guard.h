// Keeps room on the disk for what must not fail. The log heals after a full disk, LevelDB does not:
// a flush or a compaction that finds no room ends the database. So writes are refused while there
// is still room for the flush of what is in memory, for a compaction, and for deletes.
#pragma once

#include <algorithm>
#include <cstdint>

namespace cairn::kv {

struct DiskSpace {
  std::uint64_t free = 0;   // for this process
  std::uint64_t total = 0;  // of the file system
};

class DiskGuard {
 public:
  /// What is there, and what LevelDB will want: room for the bytes not yet flushed, and to write
  /// tables anew before the old ones go (all of a small database; of a large one a part).
  void seen(const DiskSpace& space, std::uint64_t unflushed_bytes, std::uint64_t table_bytes) {
    const std::uint64_t compaction = std::min(table_bytes, kCompactionMax);
    const std::uint64_t flush = unflushed_bytes + unflushed_bytes / 2;
    const std::uint64_t needed = std::min(kReserveMax, space.total / 8) + flush + compaction;
    // Once low, a little more must be free before writes go on: no flapping.
    low_ = space.free < (low_ ? needed + space.total / 64 : needed);
    exhausted_ = space.free < flush;
  }
  /// No room for new data.
  [[nodiscard]] bool low() const { return low_; }
  /// Not for deletes either.
  [[nodiscard]] bool exhausted() const { return exhausted_; }
  /// With so much free the size of the tables makes no difference.
  [[nodiscard]] static bool ample(const DiskSpace& space) { return space.free > kAmple; }

 private:
  static constexpr std::uint64_t kReserveMax = 64ull << 20;
  static constexpr std::uint64_t kCompactionMax = 256ull << 20;

  static constexpr std::uint64_t kAmple = 1ull << 30;

  bool low_ = false;
  bool exhausted_ = false;
};

}  // namespace cairn::kv
