#include "kv/engine/snapshot_chunk.h"

#include "kv/command/command.h"
#include "kv/command/limits.h"
#include "kv/engine/bytes.h"
#include "kv/engine/keyspace.h"

namespace cairn::kv {
namespace {

constexpr std::uint32_t kMagic = 0x4e534443;  // "CDSN" as bytes
constexpr std::uint16_t kStreamFormat = 1;
constexpr std::uint8_t kFirst = 1;
constexpr std::uint8_t kLast = 2;
constexpr std::size_t kChecksumBytes = 8;
constexpr std::size_t kTailBytes = 8 + 16;

}  // namespace

void ChunkWriter::begin(const StreamHead& head) {
  append_le(payload_, head.cluster);
  append_le(payload_, head.group);
  append_sized(payload_, head.replicated);
}

void ChunkWriter::add(std::string_view key, std::string_view value) {
  append_sized(payload_, key);
  append_sized(payload_, value);
}

std::string ChunkWriter::take(const std::optional<StreamTail>& tail) {
  if (tail) {
    append_le(payload_, tail->entries);
    append_le(payload_, tail->digest.low);
    append_le(payload_, tail->digest.high);
  }
  std::string chunk;
  chunk.reserve(payload_.size() + 64);
  append_le(chunk, kMagic);
  append_le(chunk, kStreamFormat);
  append_le(chunk, static_cast<std::uint8_t>((sequence_ == 0 ? kFirst : 0) | (tail ? kLast : 0)));
  append_le(chunk, std::uint8_t{0});
  append_le(chunk, sequence_);
  append_le(chunk, chain_);
  append_sized(chunk, payload_);
  chain_ = hash64(chunk);
  append_le(chunk, chain_);
  payload_.clear();
  ++sequence_;
  return chunk;
}

EngineResult<void> ChunkReader::read(std::string_view chunk) {
  entries_ = {};
  if (chunk.size() < kChecksumBytes || tail_) return EngineError::kBadChunk;
  const std::string_view body = chunk.substr(0, chunk.size() - kChecksumBytes);
  const auto checksum = FieldReader(chunk.substr(body.size())).le<std::uint64_t>();
  FieldReader in(body);
  if (in.le<std::uint32_t>() != kMagic || hash64(body) != checksum) return EngineError::kBadChunk;
  if (in.le<std::uint16_t>() > kStreamFormat) return EngineError::kNewerFormat;
  const auto flags = in.le<std::uint8_t>();
  const bool first = (flags & kFirst) != 0;
  in.le<std::uint8_t>();
  const auto sequence = in.le<std::uint32_t>();
  const auto chain = in.le<std::uint64_t>();
  std::string_view payload = in.sized();
  if (!in.done() || sequence != sequence_ || chain != chain_ || first != (sequence_ == 0)) {
    return EngineError::kBadChunk;
  }
  if (first) {
    FieldReader front(payload);
    StreamHead head;
    head.cluster = front.le<std::uint64_t>();
    head.group = front.le<std::uint32_t>();
    head.replicated = std::string(front.sized());
    if (!front.ok()) return EngineError::kBadChunk;
    payload = front.rest();
    head_ = std::move(head);
  }
  if ((flags & kLast) != 0) {
    if (payload.size() < kTailBytes) return EngineError::kBadChunk;
    FieldReader back(payload.substr(payload.size() - kTailBytes));
    payload.remove_suffix(kTailBytes);
    StreamTail tail;
    tail.entries = back.le<std::uint64_t>();
    tail.digest.low = back.le<std::uint64_t>();
    tail.digest.high = back.le<std::uint64_t>();
    tail_ = tail;
  }
  entries_ = payload;
  chain_ = checksum;
  ++sequence_;
  return {};
}

EngineResult<bool> ChunkReader::next() {
  if (entries_.empty()) return false;
  FieldReader in(entries_);
  key_ = in.sized();
  value_ = in.sized();
  if (!in.ok()) return EngineError::kBadChunk;
  entries_ = in.rest();
  return true;
}

bool acceptable_record(std::string_view key_with_space, std::string_view value) {
  if (key_with_space.empty()) return false;
  const std::string_view key = key_with_space.substr(1);
  switch (static_cast<Space>(static_cast<unsigned char>(key_with_space.front()))) {
    case Space::kCurrent: {
      const std::optional<ItemMeta> meta = parse_item_trailer(value);
      return meta && !key.empty() && key.size() <= kCommandKeyBytesMax &&
             hash128(value.substr(0, meta->value_size)) == meta->value_hash;
    }
    case Space::kSession:
      return key.size() == 8 && decode_session(value).has_value();
    case Space::kSessionAnswer:
      return key.size() == 16 && decode_answer(value).has_value();
    case Space::kIdempotency:
      return key.size() > 8 && decode_idempotency(value).has_value();
    case Space::kIdempotencyExpiry:
      return key.size() > 16 && value.empty();
    case Space::kEvent:
    case Space::kHistory:
    case Space::kLease:
    case Space::kTransaction:
      break;  // reserved, hence empty
  }
  return false;
}

}  // namespace cairn::kv
