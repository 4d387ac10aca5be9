// A new cluster out of a backup: one directory at a time, before its node is started for the first
// time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cairn/kv/options.h"
#include "cairn/kv/store.h"
#include "kv/identity/identity.h"
#include "kv/offline/backup_file.h"

namespace cairn::kv {

struct RestoreOptions {
  std::string backup;
  std::string data_dir;           // absent or empty
  std::uint64_t node_id = 0;      // 0 with an empty `cluster`: a store of one node
  std::vector<Member> cluster{};  // the new cluster's members; the same list for each of them
  std::uint32_t replicas = 3;
  /// Two restores of the same backup to the same members are two clusters if this differs.
  std::string token{};
  /// New revisions are above this one too; for clocks that were wrong.
  Revision revisions_past = 0;
};

struct Restored {
  std::uint64_t cluster_id = 0;
  std::uint32_t partitions = 0;       // of the cluster
  std::uint32_t partitions_here = 0;  // with a replica in this directory
  std::uint64_t items = 0;            // in those
  Revision revision = 0;              // every new write gets a higher one
};

/// Checks the whole backup first, then writes. The members' directories are made one by one, each
/// by a call of its own, with nothing but the backup and the options in common: what must be equal
/// in all of them is a function of these. New cluster id and incarnations; items keep their
/// revisions; sessions and idempotency records come along.
/// The directory is a data directory only once all is durable; a restore that failed or was cut off
/// leaves one that no node starts from.
/// Errors: kConfiguration, kLocked, kCorrupt, kNewerFormat, kIo.
[[nodiscard]] Result<Restored> restore_backup(wal::FileSystem& files, const RestoreOptions& options,
                                              const Random64& random, const Progress& progress);

}  // namespace cairn::kv
