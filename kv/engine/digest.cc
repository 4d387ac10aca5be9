#include "kv/engine/digest.h"

#include <string>

#include "kv/engine/bytes.h"

namespace cairn::kv {

StateDigest::StateDigest(std::string_view replicated_head) {
  hasher_.add(replicated_head);
}

void StateDigest::add(std::string_view key, std::string_view value) {
  std::string sizes;
  append_le(sizes, static_cast<std::uint32_t>(key.size()));
  append_le(sizes, static_cast<std::uint32_t>(value.size()));
  hasher_.add(sizes);
  hasher_.add(key);
  hasher_.add(value);
}

EngineResult<GroupRecord> read_group(const Database& database, const Moment& moment,
                                     raft::GroupId group) {
  std::string bytes;
  const EngineResult<bool> found = database.get(group_key(group), &bytes, moment);
  if (!found) return found.error();
  if (!*found) return EngineError::kNoGroup;
  std::optional<GroupRecord> record = decode_group(bytes);
  if (!record) return database.corrupt();
  return std::move(*record);
}

EngineResult<Hash128> digest_of(const Database& database, const Moment& moment,
                                raft::GroupId group) {
  const EngineResult<GroupRecord> record = read_group(database, moment, group);
  if (!record) return record.error();
  StateDigest digest(encode_replicated(*record));
  Cursor cursor(database, generation_prefix(group, record->generation), moment, false);
  for (; cursor.valid(); cursor.next()) digest.add(cursor.key(), cursor.value());
  if (auto done = cursor.status(); !done) return done.error();
  return digest.value();
}

}  // namespace cairn::kv
