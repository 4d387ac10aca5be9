// What a segment is born with: header, a checkpoint of every group, copied entries, the end mark.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wal/group_log.h"

namespace cairn::wal {

/// Encodes a birth. The sizes come first, because the header says them and seeds every check.
class BirthWriter {
 public:
  /// `header` as far as the caller knows it: identity, sequence, links, batch; sizes are set here.
  /// Takes the checkpoints from `groups` as they stand. `copied_bytes` of records will be add()ed.
  /// The file is `segment_bytes`, or more when the birth and `need` bytes after it want more.
  BirthWriter(SegmentHeader header, const GroupMap& groups, std::uint64_t copied_bytes,
              std::uint64_t need, std::uint64_t segment_bytes);

  /// A copied entry.
  void add(GroupId group, std::uint64_t index, std::uint64_t term, std::uint8_t entry_kind,
           std::string_view data);
  /// The end mark. Throws std::logic_error if what was added is not what was announced.
  void finish();

  const SegmentHeader& header() const { return header_; }
  /// Where in the file the next byte goes.
  std::uint64_t offset() const { return taken_ + bytes_.size(); }
  std::uint64_t last_check() const { return last_check_; }
  std::size_t encoded_bytes() const { return bytes_.size(); }
  /// What was encoded since the last call.
  std::string take();

 private:
  void add_checkpoint(GroupId id, const GroupLog& group);
  void put(RecordHeader record, std::string_view payload);

  SegmentHeader header_;
  std::string bytes_;
  std::uint64_t taken_ = 0;
  std::uint64_t last_check_ = 0;
};

}  // namespace cairn::wal
