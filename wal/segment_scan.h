// Walking through the records of a segment that may be torn, rotten or hostile.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "wal/format.h"

namespace cairn::wal {

/// Reads a file through one window, so that memory stays bounded whatever the file's size.
class WindowReader {
 public:
  WindowReader(const File& file, std::uint64_t file_bytes) : file_(file), size_(file_bytes) {}

  /// `length` bytes at `offset`, valid until the next call; an empty span when they reach past the
  /// end of the file.
  [[nodiscard]] Result<std::span<const char>> view(std::uint64_t offset, std::uint64_t length);

 private:
  const File& file_;
  const std::uint64_t size_;
  std::string window_;
  std::uint64_t window_at_ = 0;
};

struct ScannedRecord {
  RecordHeader header;
  std::uint64_t offset = 0;
  std::span<const char> payload;  // valid during the visit
};

/// Answers false when the record contradicts what came before it: corruption.
using RecordVisitor = std::function<bool(const ScannedRecord&)>;

/// Where the good records of a segment end.
struct ScanEnd {
  std::uint64_t offset = 0;
  std::uint64_t check = 0;  // of the last good record, or of the header
  std::uint64_t batch = 0;  // which the next record would have
  bool clean = false;       // that last record is a clean-stop mark
  // That mark itself, when clean: the log goes on in its place.
  std::uint64_t mark_offset = 0;
  std::uint64_t mark_previous = 0;
};

/// What was wrong, for people.
struct ScanFault {
  WalError error = WalError::kCorrupt;
  std::uint64_t offset = 0;
  const char* what = "";
};

class SegmentScan {
 public:
  SegmentScan(const File& file, const SegmentHeader& header, std::uint64_t record_bytes_max)
      : reader_(file, header.file_bytes), header_(header), record_bytes_max_(record_bytes_max) {}

  /// Visits the records up to `end`, which must be a record's end with that check: for segments
  /// that have a successor. Errors: the file system's; WalErrors come with *fault.
  [[nodiscard]] Result<ScanEnd> until(std::uint64_t end, std::uint64_t check,
                                      const RecordVisitor& visit, ScanFault* fault);

  /// Visits the records up to the first bad one, and makes sure that nothing valid of a later batch
  /// follows it: for the newest segment.
  [[nodiscard]] Result<ScanEnd> to_tail(const RecordVisitor& visit, ScanFault* fault);

 private:
  enum class Step { kGood, kBad, kTooLarge };

  [[nodiscard]] Result<Step> read_record(std::uint64_t offset, ScannedRecord* record);
  [[nodiscard]] Result<bool> advance(const RecordVisitor& visit, ScanEnd* at, ScanFault* fault);
  [[nodiscard]] Result<bool> later_batch_follows(const ScanEnd& at);
  [[nodiscard]] WalError bad(WalError error, std::uint64_t offset, const char* what,
                             ScanFault* fault);
  ScanEnd begin() const;

  WindowReader reader_;
  const SegmentHeader header_;
  const std::uint64_t record_bytes_max_;
};

}  // namespace cairn::wal
