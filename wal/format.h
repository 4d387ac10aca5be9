// Sizes, kinds and headers of the log's bytes. FORMAT.md is the page for people; both change
// together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "wal/wal.h"

namespace cairn::wal {

inline constexpr std::uint32_t kFormatVersion = 1;
inline constexpr std::string_view kSegmentMagic = "CAIRNWAL";
inline constexpr std::uint32_t kRecordMagic = 0x4c574352;  // "RCWL"

inline constexpr std::size_t kSegmentHeaderBytes = 128;
inline constexpr std::size_t kRecordHeaderBytes = 64;
inline constexpr std::size_t kAlignment = 8;  // of every record in its file

// Bounds that hold whatever the options say, so that a number on disk is never trusted beyond them.
inline constexpr std::uint64_t kSegmentFileBytesMax = 1ull << 34;
inline constexpr std::uint64_t kGroupEntriesMax = 1ull << 27;
inline constexpr std::uint64_t kSegmentSequenceMax = 0xffff'fffful;

enum class RecordKind : std::uint8_t {
  kEntry = 1,        // an entry; cuts the group's log from its index on
  kCopiedEntry = 2,  // an entry again, moved out of an old segment; cuts nothing
  kHardState = 3,    // term, commit (as index), vote
  kConfig = 4,       // the configuration's bytes
  kReset = 5,        // the log is empty and begins after (index, term); configuration
  kTrim = 6,         // the log begins after (index, term)
  kCheckpoint = 7,   // all that is known of a group but its entries
  kBirthEnd = 8,     // ends what a segment is born with
  kCleanStop = 9,    // nothing was under way when the log was closed
};
inline constexpr std::uint8_t kRecordKindMax = 9;

inline constexpr std::uint8_t kLastOfBatch = 1;  // a flag

/// Bytes 0..127 of a segment. Its check is the seed of every record's check in that segment, so a
/// record binds all of this.
struct SegmentHeader {
  std::uint64_t cluster_id = 0;
  std::uint64_t node_id = 0;
  std::uint64_t sequence = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t birth_end = 0;          // content before it was synced before the file got its name
  std::uint64_t previous_sequence = 0;  // 0 = none
  std::uint64_t previous_end = 0;       // where the valid content of that one ends
  std::uint64_t previous_check = 0;     // check of the record that ends there
  std::uint64_t replaces = 0;           // the segment rewritten into this one at open; 0 = none
  std::uint64_t birth_batch = 0;        // number of the batch that the birth content is
  std::uint64_t check = 0;
};

/// The 64 bytes before a record's payload.
struct RecordHeader {
  std::uint64_t check = 0;         // of the other 56 bytes
  std::uint64_t payload_hash = 0;  // of the payload
  std::uint64_t previous = 0;      // check of the record before; the segment's for the first
  std::uint64_t batch = 0;
  std::uint64_t index = 0;
  std::uint64_t term = 0;
  std::uint32_t length = 0;  // of the payload
  GroupId group = 0;
  RecordKind kind = RecordKind::kEntry;
  std::uint8_t flags = 0;
  std::uint8_t entry_kind = 0;

  bool last_of_batch() const { return (flags & kLastOfBatch) != 0; }
};

/// What a kCheckpoint's payload says, beside the (index, term) in its header where the log begins.
struct CheckpointPayload {
  LogHardState hard_state;
  std::uint64_t last_index = 0;
  std::uint64_t last_term = 0;
  std::string_view config;
};
inline constexpr std::size_t kCheckpointFixedBytes = 40;
inline constexpr std::size_t kHardStateBytes = 8;

/// Bytes that a record with such a payload takes in its file.
constexpr std::uint64_t record_bytes(std::uint64_t payload_bytes) {
  return kRecordHeaderBytes + (payload_bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace cairn::wal
