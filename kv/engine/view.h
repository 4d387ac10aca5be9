// A frozen moment of all groups. Everything it says comes from one LevelDB snapshot, the groups'
// heads included, so applied index and content agree without any lock.
#pragma once

#include <map>
#include <mutex>

#include "kv/engine/database.h"
#include "kv/engine/keyspace.h"

namespace cairn::kv {

class SnapshotView final : public EngineView {
 public:
  explicit SnapshotView(const Database& database)
      : database_(database), moment_(database.moment()) {}

  boost::system::result<std::optional<Item>> get(raft::GroupId group,
                                                 std::string_view key) const override;
  boost::system::result<Page> scan(raft::GroupId group, const Range& range) const override;
  Revision revision(raft::GroupId group) const override;
  raft::Index applied(raft::GroupId group) const override;

 private:
  EngineResult<GroupRecord> head(raft::GroupId group) const;

  const Database& database_;
  const Moment moment_;
  mutable std::mutex mutex_;
  mutable std::map<raft::GroupId, GroupRecord> heads_;  // read so far
};

/// An item by its full key, as of `moment` or now.
EngineResult<std::optional<Item>> read_item_at(const Database& database, const Moment& moment,
                                               raft::GroupId group, std::uint64_t generation,
                                               std::string_view key);

}  // namespace cairn::kv
