// A quorum is lost for good: a cluster goes on with the members whose directories survived. What
// only the others had is lost, and this says how much that may be before anything is changed.
//
// For each group the survivor with the best log is given one more entry, a configuration of
// survivors alone, in a term far above all it knows: with it, it can lead. The others are in no
// cluster record any more, so their words, votes and acknowledgements count for nothing again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kv/placement/cluster_record.h"
#include "wal/file_system.h"

namespace cairn::kv {

struct RecoveredPart {
  raft::GroupId group = 0;
  NodeNumber survivor = 0;  // whose log is taken
  std::uint64_t last = 0, last_term = 0;
  /// Known by it to be committed: what follows may never have been, and is kept.
  std::uint64_t commit = 0;
  std::vector<std::string> last_keys;  // written last, the newest first; a few
};

struct Recovery {
  std::uint64_t cluster = 0;
  std::vector<NodeNumber> survivors, dead;
  std::uint64_t epoch = 0;           // of the cluster record that leaves the dead out
  std::vector<RecoveredPart> parts;  // by group
};

/// `carry_out` false: nothing is changed. The directories are those of stopped nodes; all their
/// locks are held meanwhile. kForeign (of several clusters, or no member's), kConfiguration (a
/// partition has no replica in any of them), kLocked, kCorrupt, kIo. May be repeated after a crash.
[[nodiscard]] Result<Recovery> recover(wal::FileSystem& files, const std::vector<std::string>& dirs,
                                       bool carry_out);

}  // namespace cairn::kv
