// The receiving side of a snapshot, and what it leaves behind: streams are written into a new
// generation that nobody sees, one batch flips the group to it, and generations that are nobody's
// (flipped away from, superseded, or cut off by a crash) are removed in small steps.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "kv/engine/database.h"
#include "kv/engine/digest.h"
#include "kv/engine/groups.h"
#include "kv/engine/metadata_table.h"
#include "kv/engine/snapshot_chunk.h"

namespace cairn::kv {

/// Which generations exist besides the groups' own. Apply thread.
class Installs {
 public:
  Installs(Database& database, MetadataTable& table, Groups& groups, const EngineOptions& options,
           std::uint64_t cluster)
      : database_(database), table_(table), groups_(groups), options_(options), cluster_(cluster) {}

  /// Finds what earlier runs left behind.
  EngineResult<void> load();
  /// The generation that a new group begins with.
  std::uint64_t first_generation(raft::GroupId group) const;
  EngineResult<std::unique_ptr<SnapshotSink>> begin(raft::GroupId group,
                                                    const raft::SnapshotMeta& meta);
  /// The group is dropped, and its generation becomes nobody's.
  EngineResult<void> remove(raft::GroupId group);
  /// Removes some of what is nobody's; true: there is more.
  EngineResult<bool> clean_up();

 private:
  friend class GroupInstall;
  using Generation = std::pair<raft::GroupId, std::uint64_t>;

  std::uint64_t next_generation(raft::GroupId group) const;
  bool building(const Generation& generation) const;
  EngineResult<void> flip(raft::GroupId group, std::uint64_t generation, GroupRecord record,
                          const StateHash& items);

  Database& database_;
  MetadataTable& table_;
  Groups& groups_;
  const EngineOptions& options_;
  const std::uint64_t cluster_;
  std::set<Generation> garbage_;  // each has its mark in LevelDB; those being built too
  std::map<raft::GroupId, std::uint64_t> building_;
  std::string clean_from_;  // in the first generation that is removed: nothing is below
};

class GroupInstall final : public SnapshotSink {
 public:
  GroupInstall(Installs& installs, raft::GroupId group, std::uint64_t generation,
               raft::SnapshotMeta meta);
  ~GroupInstall() override;
  GroupInstall(const GroupInstall&) = delete;
  GroupInstall& operator=(const GroupInstall&) = delete;

  boost::system::result<void> add(std::string_view chunk) override;
  boost::system::result<void> finish() override;

 private:
  bool current() const;
  EngineResult<void> accept_head();
  EngineResult<void> accept_entry(leveldb::WriteBatch& batch);
  EngineResult<void> write(leveldb::WriteBatch& batch);

  Installs& installs_;
  const raft::GroupId group_;
  const std::uint64_t generation_;
  const raft::SnapshotMeta meta_;
  const std::string prefix_;
  ChunkReader reader_;
  GroupRecord record_;
  StateHash items_;
  std::optional<StateDigest> digest_;
  std::string last_key_;
  std::uint64_t entries_ = 0;
  std::uint32_t sessions_ = 0;
  std::uint32_t idempotency_records_ = 0;
  bool broken_ = false;  // a chunk was refused: only another stream can help
};

}  // namespace cairn::kv
