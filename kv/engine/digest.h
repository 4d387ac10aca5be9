// The digest of a group's replicated state: its head and every record of its generation, in order.
// Replicas that have applied the same log agree on it; snapshots carry it.
#pragma once

#include <string_view>

#include "kv/engine/database.h"
#include "kv/engine/hash.h"
#include "kv/engine/keyspace.h"

namespace cairn::kv {

class StateDigest {
 public:
  explicit StateDigest(std::string_view replicated_head);
  /// `key`: without the generation's prefix, so it begins with the space. In rising order.
  void add(std::string_view key, std::string_view value);
  Hash128 value() const { return hasher_.value(); }

 private:
  Hasher hasher_;
};

EngineResult<Hash128> digest_of(const Database& database, const Moment& moment,
                                raft::GroupId group);

/// The group's record as of `moment`; kNoGroup.
EngineResult<GroupRecord> read_group(const Database& database, const Moment& moment,
                                     raft::GroupId group);

}  // namespace cairn::kv
