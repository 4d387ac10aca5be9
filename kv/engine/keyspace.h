// Where things stand in LevelDB and what their bytes mean. kv/FORMAT.md says it in words; the two
// change together.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cairn/kv/store.h"
#include "kv/engine/hash.h"
#include "raft/types.h"

namespace cairn::kv {

inline constexpr std::uint16_t kEngineFormat = 1;

/// Key spaces of a group's generation. The numbers are part of the format; spaces marked reserved
/// are empty in this format version.
enum class Space : std::uint8_t {
  kCurrent = 1,
  kEvent = 2,    // reserved: revision -> key, value
  kHistory = 3,  // reserved: key, revision -> nothing
  kSession = 4,
  kSessionAnswer = 5,
  kIdempotency = 6,
  kIdempotencyExpiry = 7,
  kLease = 8,        // reserved
  kTransaction = 9,  // reserved
};

// --- keys
// -----------------------------------------------------------------------------------------

[[nodiscard]] std::string identity_key();
[[nodiscard]] std::string group_key(raft::GroupId group);
/// Beside the group's record: the rolling hash of its items.
[[nodiscard]] std::string state_hash_key(raft::GroupId group);
/// Prefix of all group keys.
[[nodiscard]] std::string groups_prefix();
/// Says that a generation is not (or no longer) anybody's and is to be removed.
[[nodiscard]] std::string garbage_key(raft::GroupId group, std::uint64_t generation);
[[nodiscard]] std::string garbage_prefix();
struct Garbage {
  raft::GroupId group = 0;
  std::uint64_t generation = 0;
};
[[nodiscard]] std::optional<Garbage> parse_garbage_key(std::string_view key);

/// Prefix of everything a generation of a group consists of.
[[nodiscard]] std::string generation_prefix(raft::GroupId group, std::uint64_t generation);
/// generation_prefix and the space.
[[nodiscard]] std::string space_prefix(raft::GroupId group, std::uint64_t generation, Space space);
/// The lowest key above everything that begins with `prefix`; empty: there is none.
[[nodiscard]] std::string after_prefix(std::string_view prefix);

[[nodiscard]] std::string session_suffix(std::uint64_t client);
[[nodiscard]] std::string answer_suffix(std::uint64_t client, std::uint64_t sequence);
[[nodiscard]] std::string idempotency_suffix(std::uint64_t principal, std::string_view key);
[[nodiscard]] std::string expiry_suffix(std::uint64_t expiry_ms, std::string_view record_suffix);

// --- values
// ---------------------------------------------------------------------------------------

struct EngineIdentity {
  std::uint16_t format = kEngineFormat;
  std::uint64_t cluster = 0;
  std::uint64_t node = 0;
};
[[nodiscard]] std::string encode_identity(const EngineIdentity& identity);
[[nodiscard]] std::optional<EngineIdentity> decode_identity(std::string_view bytes);

/// A group's head. Its replicated part stands in snapshots and digests; the rest is this node's.
struct GroupRecord {
  // Replicated: a pure function of the log up to `applied`.
  raft::Index applied = 0;
  raft::Term applied_term = 0;
  raft::Configuration config;
  raft::Index config_index = 0;
  Revision last_revision = 0;
  Revision ceiling = 0;
  std::uint64_t lease_elapsed = 0;
  std::uint32_t epoch = 0;
  std::uint32_t sessions = 0;
  std::uint32_t idempotency_records = 0;
  // Local.
  std::uint64_t generation = 0;
  raft::Index installed_index = 0;
  raft::Term installed_term = 0;
};
[[nodiscard]] std::string encode_replicated(const GroupRecord& record);
[[nodiscard]] std::optional<GroupRecord> decode_replicated(std::string_view bytes);
[[nodiscard]] std::string encode_group(const GroupRecord& record);
[[nodiscard]] std::optional<GroupRecord> decode_group(std::string_view bytes);

/// What is known of a key without its value.
struct ItemMeta {
  Revision create_revision = 0;
  Revision mod_revision = 0;
  std::uint64_t version = 0;
  std::uint64_t lease = 0;
  std::uint32_t value_size = 0;
  Hash128 value_hash;
};
/// Bytes that follow the value in a record of Space::kCurrent.
inline constexpr std::size_t kItemTrailerBytes = 8 * 4 + 4 + 16 + 1;
void append_item_trailer(std::string& out, const ItemMeta& meta);
/// nullopt if this is no such record. The hash is not compared with the value.
[[nodiscard]] std::optional<ItemMeta> parse_item_trailer(std::string_view record);
/// Cuts the trailer off; nullopt if the record is damaged, value hash included.
[[nodiscard]] std::optional<Item> to_item(std::string_view key, std::string&& record);

struct SessionRecord {
  std::uint64_t principal = 0;
  std::uint64_t active_ms = 0;
  std::uint64_t acknowledged = 0;
};
[[nodiscard]] std::string encode_session(const SessionRecord& record);
[[nodiscard]] std::optional<SessionRecord> decode_session(std::string_view bytes);

struct IdempotencyRecord {
  Hash128 request;
  std::uint64_t expiry_ms = 0;
  std::string answer;
};
[[nodiscard]] std::string encode_idempotency(const IdempotencyRecord& record);
[[nodiscard]] std::optional<IdempotencyRecord> decode_idempotency(std::string_view bytes);

}  // namespace cairn::kv
