#include "wal/segment_scan.h"

#include <algorithm>

#include "wal/record_codec.h"

namespace cairn::wal {
namespace {

constexpr std::uint64_t kWindowBytes = 1ull << 20;

}  // namespace

Result<std::span<const char>> WindowReader::view(std::uint64_t offset, std::uint64_t length) {
  if (offset > size_ || length > size_ - offset) return std::span<const char>();
  if (offset < window_at_ || offset + length > window_at_ + window_.size()) {
    window_.resize(std::min(std::max(length, kWindowBytes), size_ - offset));
    window_at_ = offset;
    const auto got = file_.read_at(offset, {window_.data(), window_.size()});
    if (!got) {
      window_.clear();
      return got.error();
    }
    window_.resize(*got);
    if (length > window_.size()) return std::span<const char>();  // shorter than it said
  }
  return std::span<const char>(window_).subspan(offset - window_at_, length);
}

WalError SegmentScan::bad(WalError error, std::uint64_t offset, const char* what,
                          ScanFault* fault) {
  *fault = ScanFault{error, offset, what};
  return error;
}

ScanEnd SegmentScan::begin() const {
  ScanEnd at;
  at.offset = kSegmentHeaderBytes;
  at.check = header_.check;
  at.batch = header_.birth_batch;
  return at;
}

/// A record that is whole in itself; its place in the chain is for the caller to judge.
Result<SegmentScan::Step> SegmentScan::read_record(std::uint64_t offset, ScannedRecord* record) {
  const auto head = reader_.view(offset, kRecordHeaderBytes);
  if (!head) return head.error();
  if (head->empty() || !decode_record_header(header_.check, head->data(), &record->header)) {
    return Step::kBad;
  }
  // The header's own check holds, yet no length is believed beyond the file and the limit.
  const RecordHeader& header = record->header;
  if (record_bytes(header.length) > header_.file_bytes - offset) return Step::kBad;
  if (header.length > record_bytes_max_ + kCheckpointFixedBytes) return Step::kTooLarge;
  const auto payload = reader_.view(offset + kRecordHeaderBytes, header.length);
  if (!payload) return payload.error();
  if (!payload_matches(header_.check, header, *payload)) return Step::kBad;
  record->offset = offset;
  record->payload = *payload;
  return Step::kGood;
}

/// One record further; false when the one there is bad, or of another place in the chain.
Result<bool> SegmentScan::advance(const RecordVisitor& visit, ScanEnd* at, ScanFault* fault) {
  const auto no = [](boost::system::error_code e) {
    return Result<bool>(boost::system::in_place_error, e);
  };
  ScannedRecord record;
  const auto step = read_record(at->offset, &record);
  if (!step) return no(step.error());
  if (*step == Step::kTooLarge) {
    return no(bad(WalError::kTooLarge, at->offset, "record over record_bytes_max", fault));
  }
  if (*step == Step::kBad) return false;
  const RecordHeader& header = record.header;
  if (header.previous != at->check || header.batch != at->batch) return false;
  if (!visit(record)) {
    return no(bad(WalError::kCorrupt, at->offset, "record contradicts the ones before", fault));
  }
  at->clean = header.kind == RecordKind::kCleanStop;
  at->mark_offset = at->offset;
  at->mark_previous = at->check;
  at->offset += record_bytes(header.length);
  at->check = header.check;
  if (header.last_of_batch()) ++at->batch;
  return true;
}

Result<ScanEnd> SegmentScan::until(std::uint64_t end, std::uint64_t check,
                                   const RecordVisitor& visit, ScanFault* fault) {
  ScanEnd at = begin();
  while (at.offset < end) {
    const auto good = advance(visit, &at, fault);
    if (!good) return good.error();
    if (!*good) {
      return bad(WalError::kCorrupt, at.offset, "bad record before the segment's linked end",
                 fault);
    }
  }
  if (at.offset != end || at.check != check) {
    return bad(WalError::kCorrupt, at.offset, "the next segment links another end", fault);
  }
  return at;
}

Result<ScanEnd> SegmentScan::to_tail(const RecordVisitor& visit, ScanFault* fault) {
  ScanEnd at = begin();
  for (;;) {
    const auto good = advance(visit, &at, fault);
    if (!good) return good.error();
    if (!*good) break;
  }
  if (at.offset < header_.birth_end) {
    return bad(WalError::kCorrupt, at.offset, "bad record in what the segment was born with",
               fault);
  }
  const auto follows = later_batch_follows(at);
  if (!follows) return follows.error();
  if (*follows) {
    return bad(WalError::kCorrupt, at.offset, "bad record with a later batch behind it", fault);
  }
  return at;
}

/// A batch begins only after the sync of the one before. So if anything of a later batch is there,
/// the bad record was durable once: rot, not a torn write.
Result<bool> SegmentScan::later_batch_follows(const ScanEnd& at) {
  // Behind a clean-stop mark nothing was ever written but in its place and under its number.
  const std::uint64_t batch = at.clean ? at.batch - 1 : at.batch;
  ScannedRecord record;
  for (std::uint64_t offset = at.offset; offset + kRecordHeaderBytes <= header_.file_bytes;
       offset += kAlignment) {
    const auto step = read_record(offset, &record);
    if (!step) return Result<bool>(boost::system::in_place_error, step.error());
    if (*step != Step::kBad && record.header.batch > batch) return true;
  }
  return false;
}

}  // namespace cairn::wal
