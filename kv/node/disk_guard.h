// Keeps room on the disk for what must not fail. The log heals after a full disk, LevelDB does not:
// a flush or a compaction that finds no room ends the database. So writes are refused while there
// is still room for the log's next segment, for the flush of what is in memory, for writing the
// tables anew before the old ones go, and for deletes.
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
  explicit DiskGuard(std::uint64_t segment_bytes) : segment_bytes_(segment_bytes) {}

  /// What is there, and what LevelDB holds: bytes not yet flushed, bytes of tables.
  void seen(const DiskSpace& space, std::uint64_t unflushed_bytes, std::uint64_t table_bytes) {
    space_ = space;
    unflushed_ = unflushed_bytes;
    tables_ = table_bytes;
    known_ = true;
    judge();
  }
  /// Data that was taken since: a disk fills up faster than it is looked at.
  void took(std::uint64_t bytes) {
    unflushed_ += bytes;
    space_.free -= std::min(space_.free, bytes);  // in the log
    judge();
  }

  /// No room for new data.
  [[nodiscard]] bool low() const { return low_; }
  /// Not for a flush, and not for deletes either.
  [[nodiscard]] bool exhausted() const { return exhausted_; }
  /// With so much free the size of the tables makes no difference.
  [[nodiscard]] static bool ample(const DiskSpace& space) { return space.free > kAmple; }

 private:
  static constexpr std::uint64_t kReserveMax = 64ull << 20;
  static constexpr std::uint64_t kCompactionMax = 256ull << 20;
  static constexpr std::uint64_t kAmple = 1ull << 30;

  void judge() {
    if (!known_) return;
    const std::uint64_t reserve = std::min(kReserveMax, space_.total / 8);
    const std::uint64_t segment = std::min(segment_bytes_, space_.total / 8);
    const std::uint64_t flush = unflushed_ + unflushed_ / 2;
    // What a flush makes will be part of the next compaction.
    const std::uint64_t compaction = std::min(tables_ + unflushed_, kCompactionMax);
    const std::uint64_t needed = reserve + segment + flush + compaction;
    // Once low, a little more must be free before writes go on: no flapping.
    low_ = space_.free < (low_ ? needed + space_.total / 64 : needed);
    exhausted_ = space_.free < flush;
  }

  const std::uint64_t segment_bytes_;
  DiskSpace space_;
  std::uint64_t unflushed_ = 0;
  std::uint64_t tables_ = 0;
  bool known_ = false;
  bool low_ = false;
  bool exhausted_ = false;
};

}  // namespace cairn::kv
