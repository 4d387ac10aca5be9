// Data that must not be used any more: damaged, a copy, rolled back. They are never repaired in
// place and not deleted: they go into a folder of `quarantine` in the data directory, with a note
// for people, and the node begins anew in the same place. What it must know of the life that ended
// stays behind: whom to ask for its place, and that this directory must never found a cluster.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cairn/kv/error.h"
#include "kv/placement/cluster_record.h"
#include "net/wire.h"
#include "wal/file_system.h"

namespace cairn::kv {

/// So many folders are kept; with one more the oldest goes.
inline constexpr std::size_t kQuarantinesKept = 4;

/// A life of this directory that ended with its data set aside.
struct FormerLife {
  net::FoundingRecord founding;  // of the cluster that it belonged to
  ClusterRecord record;          // the newest that it had seen
  std::string why;               // file, offset and reason, where there are such
  std::uint64_t wall_ms = 0;     // when that was found
  std::uint64_t folder = 0;      // of `quarantine`; chosen by mark_for_setting_aside()
};

/// Durable when it returns: the next start sets the directory's content aside. An executor's task.
[[nodiscard]] Result<void> mark_for_setting_aside(wal::FileSystem& files, const std::string& dir,
                                                  FormerLife life);
[[nodiscard]] Result<bool> is_marked_for_setting_aside(wal::FileSystem& files,
                                                       const std::string& dir);
/// Moves everything of the node into a folder of `quarantine`, if the directory is marked, and
/// takes the mark off last: after a crash on the way it goes on. The folder's path; empty: not
/// marked.
[[nodiscard]] Result<std::string> set_aside_if_marked(wal::FileSystem& files,
                                                      const std::string& dir);
/// The last life of this directory whose data were set aside; nullopt: there was none.
[[nodiscard]] Result<std::optional<FormerLife>> read_former_life(wal::FileSystem& files,
                                                                 const std::string& dir);

/// Moves the database alone aside: the log has all of it. The folder's path.
[[nodiscard]] Result<std::string> set_engine_aside(wal::FileSystem& files, const std::string& dir,
                                                   const std::string& why, std::uint64_t wall_ms);

/// How many folders there are.
[[nodiscard]] std::size_t quarantines(wal::FileSystem& files, const std::string& dir);

}  // namespace cairn::kv
