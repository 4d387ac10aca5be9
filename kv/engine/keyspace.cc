#include "kv/engine/keyspace.h"

#include "kv/engine/bytes.h"
#include "raft/core.h"

namespace cairn::kv {
namespace {

constexpr char kEngineArea = 0;
constexpr char kGroupArea = 1;
constexpr std::uint8_t kItemForm = 1;
constexpr std::uint8_t kRecordForm = 1;

std::string engine_key(char kind) {
  return {kEngineArea, kind};
}

void append_hash(std::string& out, const Hash128& hash) {
  append_le(out, hash.low);
  append_le(out, hash.high);
}

Hash128 read_hash(FieldReader& in) {
  Hash128 hash;
  hash.low = in.le<std::uint64_t>();
  hash.high = in.le<std::uint64_t>();
  return hash;
}

}  // namespace

std::string identity_key() {
  return engine_key('I');
}

std::string groups_prefix() {
  return engine_key('G');
}

std::string group_key(raft::GroupId group) {
  std::string key = engine_key('G');
  append_be(key, group);
  return key;
}

std::string garbage_prefix() {
  return engine_key('X');
}

std::string state_hash_key(raft::GroupId group) {
  std::string key = engine_key('H');
  append_be(key, group);
  return key;
}

std::string garbage_key(raft::GroupId group, std::uint64_t generation) {
  std::string key = engine_key('X');
  append_be(key, group);
  append_be(key, generation);
  return key;
}

std::optional<Garbage> parse_garbage_key(std::string_view key) {
  if (!key.starts_with(garbage_prefix())) return std::nullopt;
  FieldReader in(key.substr(2));
  Garbage garbage;
  garbage.group = in.be<std::uint32_t>();
  garbage.generation = in.be<std::uint64_t>();
  if (!in.done()) return std::nullopt;
  return garbage;
}

std::string generation_prefix(raft::GroupId group, std::uint64_t generation) {
  std::string key(1, kGroupArea);
  append_be(key, group);
  append_be(key, generation);
  return key;
}

std::string space_prefix(raft::GroupId group, std::uint64_t generation, Space space) {
  std::string key = generation_prefix(group, generation);
  key.push_back(static_cast<char>(space));
  return key;
}

std::string after_prefix(std::string_view prefix) {
  std::string next(prefix);
  while (!next.empty() && next.back() == static_cast<char>(0xff)) next.pop_back();
  if (!next.empty()) ++next.back();
  return next;
}

std::string session_suffix(std::uint64_t client) {
  std::string key;
  append_be(key, client);
  return key;
}

std::string answer_suffix(std::uint64_t client, std::uint64_t sequence) {
  std::string key;
  append_be(key, client);
  append_be(key, sequence);
  return key;
}

std::string idempotency_suffix(std::uint64_t principal, std::string_view key) {
  std::string out;
  append_be(out, principal);
  out.append(key);
  return out;
}

std::string expiry_suffix(std::uint64_t expiry_ms, std::string_view record_suffix) {
  std::string out;
  append_be(out, expiry_ms);
  out.append(record_suffix);
  return out;
}

std::string encode_identity(const EngineIdentity& identity) {
  std::string out;
  append_le(out, identity.format);
  append_le(out, identity.cluster);
  append_le(out, identity.node);
  return out;
}

std::optional<EngineIdentity> decode_identity(std::string_view bytes) {
  FieldReader in(bytes);
  EngineIdentity identity;
  identity.format = in.le<std::uint16_t>();
  if (!in.ok()) return std::nullopt;
  if (identity.format != kEngineFormat) return identity;  // the rest may look otherwise
  identity.cluster = in.le<std::uint64_t>();
  identity.node = in.le<std::uint64_t>();
  if (!in.done()) return std::nullopt;
  return identity;
}

std::string encode_replicated(const GroupRecord& record) {
  std::string out;
  append_le(out, kRecordForm);
  append_le(out, record.applied);
  append_le(out, record.applied_term);
  append_le(out, record.config_index);
  append_le(out, record.last_revision);
  append_le(out, record.ceiling);
  append_le(out, record.lease_elapsed);
  append_le(out, record.epoch);
  append_le(out, record.sessions);
  append_le(out, record.idempotency_records);
  append_sized(out, raft::encode_configuration(record.config));
  return out;
}

std::optional<GroupRecord> decode_replicated(std::string_view bytes) {
  FieldReader in(bytes);
  GroupRecord record;
  if (in.le<std::uint8_t>() != kRecordForm) return std::nullopt;
  record.applied = in.le<std::uint64_t>();
  record.applied_term = in.le<std::uint64_t>();
  record.config_index = in.le<std::uint64_t>();
  record.last_revision = in.le<std::uint64_t>();
  record.ceiling = in.le<std::uint64_t>();
  record.lease_elapsed = in.le<std::uint64_t>();
  record.epoch = in.le<std::uint32_t>();
  record.sessions = in.le<std::uint32_t>();
  record.idempotency_records = in.le<std::uint32_t>();
  const auto config = raft::decode_configuration(in.sized());
  if (!in.done() || !config) return std::nullopt;
  record.config = *config;
  return record;
}

std::string encode_group(const GroupRecord& record) {
  std::string out;
  append_le(out, record.generation);
  append_le(out, record.installed_index);
  append_le(out, record.installed_term);
  out += encode_replicated(record);
  return out;
}

std::optional<GroupRecord> decode_group(std::string_view bytes) {
  FieldReader in(bytes);
  const auto generation = in.le<std::uint64_t>();
  const auto installed_index = in.le<std::uint64_t>();
  const auto installed_term = in.le<std::uint64_t>();
  if (!in.ok()) return std::nullopt;
  std::optional<GroupRecord> record = decode_replicated(in.rest());
  if (!record) return std::nullopt;
  record->generation = generation;
  record->installed_index = installed_index;
  record->installed_term = installed_term;
  return record;
}

void append_item_trailer(std::string& out, const ItemMeta& meta) {
  char bytes[kItemTrailerBytes];
  char* at = bytes;
  const auto field = [&at](auto value) {
    store_le(value, at);
    at += sizeof value;
  };
  field(meta.create_revision);
  field(meta.mod_revision);
  field(meta.version);
  field(meta.lease);
  field(meta.value_size);
  field(meta.value_hash.low);
  field(meta.value_hash.high);
  field(kItemForm);
  out.append(bytes, sizeof bytes);
}

std::optional<ItemMeta> parse_item_trailer(std::string_view record) {
  if (record.size() < kItemTrailerBytes) return std::nullopt;
  const std::size_t value_size = record.size() - kItemTrailerBytes;
  FieldReader in(record.substr(value_size));
  ItemMeta meta;
  meta.create_revision = in.le<std::uint64_t>();
  meta.mod_revision = in.le<std::uint64_t>();
  meta.version = in.le<std::uint64_t>();
  meta.lease = in.le<std::uint64_t>();
  meta.value_size = in.le<std::uint32_t>();
  meta.value_hash = read_hash(in);
  if (in.le<std::uint8_t>() != kItemForm || !in.done()) return std::nullopt;
  if (meta.value_size != value_size) return std::nullopt;
  return meta;
}

std::optional<Item> to_item(std::string_view key, std::string&& record) {
  const std::optional<ItemMeta> meta = parse_item_trailer(record);
  if (!meta) return std::nullopt;
  record.resize(meta->value_size);
  if (hash128(record) != meta->value_hash) return std::nullopt;
  Item item;
  item.key.assign(key);
  item.value = std::move(record);
  item.create_revision = meta->create_revision;
  item.mod_revision = meta->mod_revision;
  item.version = meta->version;
  return item;
}

std::string encode_session(const SessionRecord& record) {
  std::string out;
  append_le(out, kRecordForm);
  append_le(out, record.principal);
  append_le(out, record.active_ms);
  append_le(out, record.acknowledged);
  return out;
}

std::optional<SessionRecord> decode_session(std::string_view bytes) {
  FieldReader in(bytes);
  SessionRecord record;
  if (in.le<std::uint8_t>() != kRecordForm) return std::nullopt;
  record.principal = in.le<std::uint64_t>();
  record.active_ms = in.le<std::uint64_t>();
  record.acknowledged = in.le<std::uint64_t>();
  if (!in.done()) return std::nullopt;
  return record;
}

std::string encode_idempotency(const IdempotencyRecord& record) {
  std::string out;
  append_le(out, kRecordForm);
  append_hash(out, record.request);
  append_le(out, record.expiry_ms);
  append_sized(out, record.answer);
  return out;
}

std::optional<IdempotencyRecord> decode_idempotency(std::string_view bytes) {
  FieldReader in(bytes);
  IdempotencyRecord record;
  if (in.le<std::uint8_t>() != kRecordForm) return std::nullopt;
  record.request = read_hash(in);
  record.expiry_ms = in.le<std::uint64_t>();
  record.answer = std::string(in.sized());
  if (!in.done()) return std::nullopt;
  return record;
}

}  // namespace cairn::kv
