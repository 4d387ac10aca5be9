// A directory that must not speak for its node any more: a copy, or rolled back. Its data are never
// deleted; they are moved aside, and the node begins anew in the same place.
#pragma once

#include <string>

#include "cairn/kv/error.h"
#include "wal/file_system.h"

namespace cairn::kv {

/// Durable when it returns: the next start sets the directory's content aside. An executor's task.
[[nodiscard]] Result<void> mark_for_setting_aside(wal::FileSystem& files, const std::string& dir);

/// Moves everything of the node into a folder beside it, if the directory is marked, and takes the
/// mark off last: after a crash on the way it goes on. The folder's path; empty: not marked.
[[nodiscard]] Result<std::string> set_aside_if_marked(wal::FileSystem& files,
                                                      const std::string& dir);

}  // namespace cairn::kv
