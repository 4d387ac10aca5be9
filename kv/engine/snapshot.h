// The sending side of a snapshot: one frozen moment of one group, cut into chunks as they are asked
// for.
#pragma once

#include <memory>

#include "kv/engine/database.h"
#include "kv/engine/digest.h"
#include "kv/engine/snapshot_chunk.h"

namespace cairn::kv {

class GroupSnapshot final : public SnapshotSource {
 public:
  static EngineResult<std::unique_ptr<SnapshotSource>> take(const Database& database,
                                                            std::uint64_t cluster,
                                                            raft::GroupId group);

  const raft::SnapshotMeta& meta() const override { return meta_; }
  boost::system::result<std::optional<std::string>> next(std::size_t bytes_max) override;

 private:
  GroupSnapshot(const Database& database, Moment moment, std::uint64_t cluster, raft::GroupId group,
                const GroupRecord& record);

  raft::SnapshotMeta meta_;
  StateDigest digest_;
  ChunkWriter writer_;
  Cursor cursor_;
  std::uint64_t entries_ = 0;
  bool ended_ = false;
};

}  // namespace cairn::kv
