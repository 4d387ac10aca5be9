// What two replicas of a group compare when their hashes differ: words of keys at one moment, and
// records as they stand in the database.
#pragma once

#include <leveldb/write_batch.h>

#include <memory>
#include <span>
#include <string>

#include "kv/engine/database.h"
#include "kv/engine/engine.h"

namespace cairn::kv {

[[nodiscard]] EngineResult<std::unique_ptr<StateView>> take_state_view(const Database& database,
                                                                       raft::GroupId group);

/// Adds them to the batch, behind `prefix`; false, and the batch is of no use, where one is no
/// sound record of an item.
[[nodiscard]] bool add_records(std::span<const ItemRecord> items, const std::string& prefix,
                               leveldb::WriteBatch& batch);

}  // namespace cairn::kv
