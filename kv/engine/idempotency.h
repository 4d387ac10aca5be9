// The idempotency keys of one group: which request came with a key, and what it was answered, until
// the record expires by the log's time. Replicated state, like sessions.h.
//
// Records and an index of them in order of expiry live in LevelDB; in memory there is only the
// beginning of that index, so that memory stays small whatever the table's size. Apply thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "kv/engine/changes.h"
#include "kv/engine/database.h"
#include "kv/engine/keyspace.h"

namespace cairn::kv {

class IdempotencyTable {
 public:
  /// A generation that has `count` records.
  void reset(raft::GroupId group, std::uint64_t generation, std::uint32_t count);

  /// True: call refill() before the next entry, with nothing unwritten.
  bool needs_refill() const;
  EngineResult<void> refill(const Database& database);

  /// Removes a few expired records. How many must not depend on what happens to be in memory:
  /// needs_refill() is false when this is called.
  void expire(std::uint64_t now_ms, Changes& changes);

  /// The live record of a key.
  EngineResult<std::optional<IdempotencyRecord>> find(std::uint64_t principal, std::string_view key,
                                                      std::uint64_t now_ms,
                                                      const Database& database,
                                                      const Changes& changes);
  /// After find() has found none.
  bool full(std::uint32_t records_max) const;
  void record(std::uint64_t principal, std::string_view key, const IdempotencyRecord& record,
              Changes& changes);

  std::uint32_t size() const { return count_; }

 private:
  void remove_from_index(const std::string& suffix, Changes& changes);

  std::string record_prefix_;
  std::string index_prefix_;
  std::uint32_t count_ = 0;
  std::optional<std::uint64_t> replaces_expiry_ms_;  // of the expired record find() came upon
  /// The lowest entries of the index; all of them if `whole_index_`.
  std::set<std::string> next_to_expire_;
  bool whole_index_ = true;
  std::string refill_from_;  // no index entry is below it: spares a walk over removed ones
};

/// What makes two requests the same.
[[nodiscard]] Hash128 request_hash(const Command& command);

}  // namespace cairn::kv
