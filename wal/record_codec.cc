#include "wal/record_codec.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <bit>
#include <cstring>

namespace cairn::wal {
namespace {

// Where things stand in a segment header.
constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kFieldsAt = 16;
constexpr std::size_t kSegmentCheckAt = 120;
// And in a record header.
constexpr std::size_t kCheckedFrom = 8;

template <class T>
void put(char* out, T v) {
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(out, &v, sizeof v);
  } else {
    for (std::size_t i = 0; i < sizeof v; ++i) out[i] = static_cast<char>(v >> (8 * i));
  }
}

template <class T>
T get(const char* in) {
  T v = 0;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&v, in, sizeof v);
  } else {
    for (std::size_t i = 0; i < sizeof v; ++i) v |= T{static_cast<unsigned char>(in[i])} << (8 * i);
  }
  return v;
}

void put_u32(char* out, std::uint32_t v) {
  put(out, v);
}
void put_u64(char* out, std::uint64_t v) {
  put(out, v);
}
std::uint32_t get_u32(const char* in) {
  return get<std::uint32_t>(in);
}
std::uint64_t get_u64(const char* in) {
  return get<std::uint64_t>(in);
}

std::uint64_t hash(std::uint64_t seed, const char* bytes, std::size_t size) {
  return XXH3_64bits_withSeed(bytes, size, seed);
}

}  // namespace

void encode_segment_header(SegmentHeader* header, char* out) {
  std::memset(out, 0, kSegmentHeaderBytes);
  std::memcpy(out, kSegmentMagic.data(), kSegmentMagic.size());
  put_u32(out + kVersionAt, kFormatVersion);
  const std::uint64_t fields[] = {
      header->cluster_id, header->node_id,           header->sequence,     header->file_bytes,
      header->birth_end,  header->previous_sequence, header->previous_end, header->previous_check,
      header->replaces,   header->birth_batch};
  char* at = out + kFieldsAt;
  for (const std::uint64_t field : fields) {
    put_u64(at, field);
    at += 8;
  }
  header->check = hash(0, out, kSegmentCheckAt);
  put_u64(out + kSegmentCheckAt, header->check);
}

Result<SegmentHeader> decode_segment_header(std::span<const char> bytes) {
  if (bytes.size() < kSegmentHeaderBytes) return WalError::kCorrupt;
  const char* in = bytes.data();
  if (std::string_view(in, kSegmentMagic.size()) != kSegmentMagic) return WalError::kCorrupt;
  SegmentHeader header;
  header.check = get_u64(in + kSegmentCheckAt);
  // Every version keeps magic, version and this check in their places, so that a flipped bit is not
  // taken for a newer program's file.
  if (header.check != hash(0, in, kSegmentCheckAt)) return WalError::kCorrupt;
  const std::uint32_t version = get_u32(in + kVersionAt);
  if (version > kFormatVersion) return WalError::kNewerFormat;
  if (version == 0) return WalError::kCorrupt;
  std::uint64_t* const fields[] = {
      &header.cluster_id, &header.node_id,           &header.sequence,     &header.file_bytes,
      &header.birth_end,  &header.previous_sequence, &header.previous_end, &header.previous_check,
      &header.replaces,   &header.birth_batch};
  const char* at = in + kFieldsAt;
  for (std::uint64_t* field : fields) {
    *field = get_u64(at);
    at += 8;
  }
  return header;
}

void encode_record_header(std::uint64_t seed, RecordHeader* header, char* out) {
  put_u64(out + 8, header->payload_hash);
  put_u64(out + 16, header->previous);
  put_u64(out + 24, header->batch);
  put_u64(out + 32, header->index);
  put_u64(out + 40, header->term);
  put_u32(out + 48, header->length);
  put_u32(out + 52, header->group);
  put_u32(out + 56, kRecordMagic);
  out[60] = static_cast<char>(header->kind);
  out[61] = static_cast<char>(header->flags);
  out[62] = static_cast<char>(header->entry_kind);
  out[63] = static_cast<char>(kFormatVersion);
  header->check = hash(seed, out + kCheckedFrom, kRecordHeaderBytes - kCheckedFrom);
  put_u64(out, header->check);
}

void append_record(std::uint64_t seed, RecordHeader* header, std::string_view payload,
                   std::string* out) {
  header->length = static_cast<std::uint32_t>(payload.size());
  header->payload_hash = hash(seed, payload.data(), payload.size());
  char bytes[kRecordHeaderBytes];
  encode_record_header(seed, header, bytes);
  out->append(bytes, kRecordHeaderBytes);
  out->append(payload);
  out->append(record_bytes(payload.size()) - kRecordHeaderBytes - payload.size(), '\0');
}

bool decode_record_header(std::uint64_t seed, const char* bytes, RecordHeader* header) {
  // The magic first: it is what a search for records meets least by chance.
  if (get_u32(bytes + 56) != kRecordMagic) return false;
  header->check = get_u64(bytes);
  if (header->check != hash(seed, bytes + kCheckedFrom, kRecordHeaderBytes - kCheckedFrom)) {
    return false;
  }
  header->payload_hash = get_u64(bytes + 8);
  header->previous = get_u64(bytes + 16);
  header->batch = get_u64(bytes + 24);
  header->index = get_u64(bytes + 32);
  header->term = get_u64(bytes + 40);
  header->length = get_u32(bytes + 48);
  header->group = get_u32(bytes + 52);
  header->kind = static_cast<RecordKind>(bytes[60]);
  header->flags = static_cast<std::uint8_t>(bytes[61]);
  header->entry_kind = static_cast<std::uint8_t>(bytes[62]);
  const auto kind = static_cast<std::uint8_t>(bytes[60]);
  return kind >= 1 && kind <= kRecordKindMax &&
         static_cast<std::uint8_t>(bytes[63]) == kFormatVersion;
}

bool payload_matches(std::uint64_t seed, const RecordHeader& header,
                     std::span<const char> payload) {
  return payload.size() == header.length &&
         header.payload_hash == hash(seed, payload.data(), payload.size());
}

std::string encode_checkpoint(const CheckpointPayload& payload) {
  std::string out(kCheckpointFixedBytes, '\0');
  const std::uint64_t fields[] = {payload.hard_state.term, payload.hard_state.vote,
                                  payload.hard_state.commit, payload.last_index, payload.last_term};
  for (std::size_t i = 0; i < 5; ++i) put_u64(out.data() + 8 * i, fields[i]);
  out.append(payload.config);
  return out;
}

bool decode_checkpoint(std::string_view bytes, CheckpointPayload* payload) {
  if (bytes.size() < kCheckpointFixedBytes) return false;
  payload->hard_state.term = get_u64(bytes.data());
  payload->hard_state.vote = get_u64(bytes.data() + 8);
  payload->hard_state.commit = get_u64(bytes.data() + 16);
  payload->last_index = get_u64(bytes.data() + 24);
  payload->last_term = get_u64(bytes.data() + 32);
  payload->config = bytes.substr(kCheckpointFixedBytes);
  return true;
}

std::string encode_vote(std::uint64_t vote) {
  std::string out(kHardStateBytes, '\0');
  put_u64(out.data(), vote);
  return out;
}

bool decode_vote(std::string_view bytes, std::uint64_t* vote) {
  if (bytes.size() != kHardStateBytes) return false;
  *vote = get_u64(bytes.data());
  return true;
}

}  // namespace cairn::wal
