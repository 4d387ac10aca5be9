// Which configuration holds at which index: a pure function of where the log starts and what is in
// it (hazard M4). A configuration is in force from the moment its entry is in the log (4.1), so an
// entry that is truncated takes its configuration back.
#pragma once

#include <vector>

#include "raft/core.h"

namespace cairn::raft {

class ConfigLog {
 public:
  /// `first` holds from `index` on, which is committed; `later` has rising indexes past it.
  ConfigLog(Index index, Configuration first, std::vector<ConfigEntry> later);

  const ConfigEntry& effective() const { return entries_.back(); }
  /// The one in force at `index`; null when that is older than what is known.
  const ConfigEntry* at(Index index) const;

  void append(Index index, Configuration config);
  /// True if the effective configuration changed by it.
  bool truncate_from(Index index);
  /// What holds before `index` is not asked for any more.
  void compact(Index index);
  void reset(Index index, Configuration config);

  /// Votes in some configuration that may still decide: the committed one or a later one. A member
  /// that an uncommitted entry removes may be needed until that entry is committed (4.2.2).
  bool votes_since(Index commit, NodeId id) const;
  /// Every configuration from this index on names `id`.
  Index member_since(NodeId id) const;

 private:
  std::vector<ConfigEntry> entries_;  // never empty
};

}  // namespace cairn::raft
