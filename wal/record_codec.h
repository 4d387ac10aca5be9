// Bytes <-> headers and records. Decoders take any bytes and answer whether they are valid.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "wal/format.h"

namespace cairn::wal {

/// Writes kSegmentHeaderBytes to `out` and sets header->check.
void encode_segment_header(SegmentHeader* header, char* out);

/// Errors: kCorrupt, kNewerFormat (a valid header of a later version).
[[nodiscard]] Result<SegmentHeader> decode_segment_header(std::span<const char> bytes);

/// Appends a record; sets length and hashes in *header. `seed` is the segment's check.
void append_record(std::uint64_t seed, RecordHeader* header, std::string_view payload,
                   std::string* out);

/// Writes the header anew after a change of its flags; sets header->check.
void encode_record_header(std::uint64_t seed, RecordHeader* header, char* out);

/// True if kRecordHeaderBytes at `bytes` are a valid header of a segment with that seed. Says
/// nothing of the payload, whose length is not yet bounded.
[[nodiscard]] bool decode_record_header(std::uint64_t seed, const char* bytes,
                                        RecordHeader* header);

[[nodiscard]] bool payload_matches(std::uint64_t seed, const RecordHeader& header,
                                   std::span<const char> payload);

std::string encode_checkpoint(const CheckpointPayload& payload);
/// `config` points into `bytes`.
[[nodiscard]] bool decode_checkpoint(std::string_view bytes, CheckpointPayload* payload);

std::string encode_vote(std::uint64_t vote);
[[nodiscard]] bool decode_vote(std::string_view bytes, std::uint64_t* vote);

}  // namespace cairn::wal
