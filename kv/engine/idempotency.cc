#include "kv/engine/idempotency.h"

#include "kv/engine/bytes.h"

namespace cairn::kv {
namespace {

/// More than the one record that an entry can add, so that expiry keeps up.
constexpr std::size_t kExpiredPerEntryMax = 4;
constexpr std::size_t kInMemoryMax = 256;
constexpr std::size_t kRefillMax = 128;

}  // namespace

void IdempotencyTable::reset(raft::GroupId group, std::uint64_t generation, std::uint32_t count) {
  record_prefix_ = space_prefix(group, generation, Space::kIdempotency);
  index_prefix_ = space_prefix(group, generation, Space::kIdempotencyExpiry);
  count_ = count;
  next_to_expire_.clear();
  whole_index_ = count == 0;
  refill_from_.clear();
  replaces_expiry_ms_.reset();
}

bool IdempotencyTable::needs_refill() const {
  return !whole_index_ && next_to_expire_.size() < kExpiredPerEntryMax;
}

EngineResult<void> IdempotencyTable::refill(const Database& database) {
  Cursor index(database, index_prefix_, nullptr, false);
  index.seek(refill_from_);
  for (; index.valid() && next_to_expire_.size() < kRefillMax; index.next()) {
    next_to_expire_.emplace(index.key());
  }
  if (auto done = index.status(); !done) return done;
  whole_index_ = !index.valid();
  if (!next_to_expire_.empty()) refill_from_ = *next_to_expire_.begin();
  return {};
}

void IdempotencyTable::expire(std::uint64_t now_ms, Changes& changes) {
  for (std::size_t n = 0; n < kExpiredPerEntryMax && !next_to_expire_.empty(); ++n) {
    const std::string first = *next_to_expire_.begin();
    FieldReader key(first);
    if (key.be<std::uint64_t>() > now_ms) return;
    changes.remove_record(record_prefix_ + std::string(key.rest()));
    remove_from_index(first, changes);
    --count_;
  }
}

void IdempotencyTable::remove_from_index(const std::string& suffix, Changes& changes) {
  changes.remove(index_prefix_ + suffix);
  next_to_expire_.erase(suffix);
}

EngineResult<std::optional<IdempotencyRecord>> IdempotencyTable::find(std::uint64_t principal,
                                                                      std::string_view key,
                                                                      std::uint64_t now_ms,
                                                                      const Database& database,
                                                                      const Changes& changes) {
  const std::string full_key = record_prefix_ + idempotency_suffix(principal, key);
  std::optional<std::string> bytes;
  if (const std::optional<std::string>* pending = changes.find_record(full_key)) {
    bytes = *pending;
  } else {
    std::string stored;
    const EngineResult<bool> found = database.get(full_key, &stored);
    if (!found) return found.error();
    if (*found) bytes = std::move(stored);
  }
  replaces_expiry_ms_.reset();
  if (!bytes) return std::nullopt;
  std::optional<IdempotencyRecord> record = decode_idempotency(*bytes);
  if (!record) return database.corrupt();
  if (record->expiry_ms <= now_ms) {
    replaces_expiry_ms_ = record->expiry_ms;  // expire() has not come to it yet
    return std::nullopt;
  }
  return record;
}

bool IdempotencyTable::full(std::uint32_t records_max) const {
  return !replaces_expiry_ms_ && count_ >= records_max;
}

void IdempotencyTable::record(std::uint64_t principal, std::string_view key,
                              const IdempotencyRecord& record, Changes& changes) {
  const std::string suffix = idempotency_suffix(principal, key);
  if (replaces_expiry_ms_) {
    remove_from_index(expiry_suffix(*replaces_expiry_ms_, suffix), changes);
    replaces_expiry_ms_.reset();
    --count_;
  }
  changes.put_record(record_prefix_ + suffix, encode_idempotency(record));
  std::string entry = expiry_suffix(record.expiry_ms, suffix);
  changes.put(index_prefix_ + entry, {});
  ++count_;
  if (entry < refill_from_) refill_from_ = entry;
  if (!whole_index_ && (next_to_expire_.empty() || entry > *next_to_expire_.rbegin())) return;
  next_to_expire_.insert(std::move(entry));
  if (next_to_expire_.size() > kInMemoryMax) {
    next_to_expire_.erase(std::prev(next_to_expire_.end()));
    whole_index_ = false;
  }
}

Hash128 request_hash(const Command& command) {
  std::string form;
  append_le(form, static_cast<std::uint8_t>(command.kind));
  append_le(form, static_cast<std::uint8_t>(command.condition.if_absent));
  append_le(form, command.condition.if_revision);
  append_le(form, static_cast<std::uint8_t>(command.return_previous));
  append_sized(form, command.prefix);
  append_sized(form, command.start_after);
  append_le(form, command.limit);
  append_sized(form, command.record);
  append_le(form, static_cast<std::uint32_t>(command.operations.size()));
  for (const Operation& operation : command.operations) {
    append_le(form, static_cast<std::uint8_t>(operation.kind));
    append_sized(form, operation.key);
    append_sized(form, operation.value);
  }
  return hash128(form);
}

}  // namespace cairn::kv
