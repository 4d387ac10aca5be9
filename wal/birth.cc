#include "wal/birth.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "wal/record_codec.h"

namespace cairn::wal {
namespace {

constexpr std::uint64_t kPageBytes = 4096;

std::uint64_t whole_pages(std::uint64_t bytes) {
  return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

std::uint64_t file_bytes_for(std::uint64_t birth_end, std::uint64_t need,
                             std::uint64_t segment_bytes) {
  // A birth that fills much of an ordinary segment would leave a chain of births and little else.
  const std::uint64_t room = birth_end > segment_bytes / 2 ? segment_bytes : 0;
  return std::max(segment_bytes, whole_pages(birth_end + need + room));
}

}  // namespace

BirthWriter::BirthWriter(SegmentHeader header, const GroupMap& groups, std::uint64_t copied_bytes,
                         std::uint64_t need, std::uint64_t segment_bytes)
    : header_(header) {
  std::uint64_t end = kSegmentHeaderBytes + copied_bytes + record_bytes(0);
  for (const auto& [id, group] : groups) {
    end += record_bytes(kCheckpointFixedBytes + group.config.size());
  }
  header_.birth_end = end;
  header_.file_bytes = file_bytes_for(end, need, segment_bytes);
  bytes_.resize(kSegmentHeaderBytes);
  encode_segment_header(&header_, bytes_.data());
  last_check_ = header_.check;
  for (const auto& [id, group] : groups) add_checkpoint(id, group);
}

void BirthWriter::add_checkpoint(GroupId id, const GroupLog& group) {
  RecordHeader record;
  record.kind = RecordKind::kCheckpoint;
  record.group = id;
  record.index = group.start;
  record.term = group.start_term;
  CheckpointPayload payload;
  payload.hard_state = group.hard_state;
  payload.last_index = group.last();
  payload.last_term = group.last_term();
  payload.config = group.config;
  put(record, encode_checkpoint(payload));
}

void BirthWriter::add(GroupId group, std::uint64_t index, std::uint64_t term,
                      std::uint8_t entry_kind, std::string_view data) {
  RecordHeader record;
  record.kind = RecordKind::kCopiedEntry;
  record.group = group;
  record.index = index;
  record.term = term;
  record.entry_kind = entry_kind;
  put(record, data);
}

void BirthWriter::finish() {
  RecordHeader record;
  record.kind = RecordKind::kBirthEnd;
  record.flags = kLastOfBatch;
  put(record, {});
  if (offset() != header_.birth_end) throw std::logic_error("wal: birth of another size");
}

void BirthWriter::put(RecordHeader record, std::string_view payload) {
  record.batch = header_.birth_batch;
  record.previous = last_check_;
  append_record(header_.check, &record, payload, &bytes_);
  last_check_ = record.check;
}

std::string BirthWriter::take() {
  taken_ += bytes_.size();
  return std::exchange(bytes_, {});
}

}  // namespace cairn::wal
