// The disk's side of the log: segment files, spares, and the calls that write them.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "wal/segment.h"

namespace cairn::wal {

/// What a write to the log came to.
struct WriteOutcome {
  enum class Kind {
    kDurable,
    kRefused,  // no room for a new segment; no byte of a live segment was touched
    kBroken,   // a write or sync failed: what the disk holds is unknown
  };
  Kind kind = Kind::kDurable;
  boost::system::error_code error;
  SegmentFilePtr born;  // the segment made for this write, if one was
  std::uint64_t sync_us = 0;

  static WriteOutcome broken(boost::system::error_code e) { return {Kind::kBroken, e, nullptr, 0}; }
};

/// Owns the directory's files. Used by one disk task at a time (by open() before there is any);
/// abandon() alone may come from another thread.
///
/// A spare is made under the name "filling-N", becomes "spare-N" when it is filled and synced, and
/// gets a segment's name when header and birth are in it and synced. So a file with a segment's
/// name is whole up to its birth's end, and only its name may be lost, until the directory is
/// synced, which comes before the first batch.
class SegmentStore {
 public:
  SegmentStore(FileSystem& files, std::string directory, const WalOptions& options);

  /// Makes the directory and makes it durable.
  [[nodiscard]] Result<void> prepare_directory();
  /// Finds the spares that are whole, and removes half-filled ones and those beyond the wanted
  /// number. One may hold a segment that was born and never got its name: it can be born again
  /// there, since the header's check, which seeds all others, tells two different births apart.
  [[nodiscard]] Result<void> tidy();

  using Fill = std::function<Result<void>(File&)>;
  /// Makes the segment of `header`: takes a spare or makes one, lets `fill` write the birth, syncs,
  /// names it, syncs the directory.
  [[nodiscard]] WriteOutcome bear(const SegmentHeader& header, const Fill& fill);
  [[nodiscard]] WriteOutcome bear(const SegmentHeader& header, std::span<const char> birth);

  /// One write and one sync.
  [[nodiscard]] WriteOutcome write(SegmentFile& segment, std::uint64_t offset,
                                   std::span<const char> bytes);

  /// The segment is no longer needed: it becomes a spare, or goes. Failures do no harm: a file that
  /// stays is recognised as unneeded by the next open().
  void retire(SegmentFilePtr segment);
  void remove_segment(std::uint64_t sequence);

  bool wants_spare() const { return spares_.size() < spares_wanted_; }
  /// A bounded step towards one more spare; true when there is more to do.
  bool prepare_spare_step();

  std::string path_of(const std::string& name) const { return directory_ + "/" + name; }
  FileSystem& files() { return files_; }

  /// Queued tasks of a log that is gone do nothing.
  void abandon() { abandoned_ = true; }
  bool abandoned() const { return abandoned_; }

 private:
  struct Spare {
    std::string path;
    std::unique_ptr<File> file;
    std::uint64_t bytes = 0;   // when whole
    std::uint64_t filled = 0;  // so far
  };

  [[nodiscard]] Result<Spare> start_spare(std::uint64_t bytes);
  [[nodiscard]] Result<void> fill_step(Spare* spare);
  [[nodiscard]] Result<void> finish_spare(Spare* spare);
  [[nodiscard]] Result<Spare> take_spare(std::uint64_t bytes);
  void discard(Spare spare);
  std::string next_name(const char* prefix);

  FileSystem& files_;
  const std::string directory_;
  const std::uint64_t segment_bytes_;
  const std::size_t spares_wanted_;
  const std::function<std::uint64_t()> now_us_;
  std::deque<Spare> spares_;
  std::unique_ptr<Spare> filling_;
  std::uint64_t next_spare_ = 1;
  std::atomic<bool> abandoned_{false};
};

}  // namespace cairn::wal
