#include "raft/config_log.h"

#include <algorithm>
#include <utility>

#include "raft/check.h"
#include "raft/quorum.h"

namespace cairn::raft {

ConfigLog::ConfigLog(Index index, Configuration first, std::vector<ConfigEntry> later) {
  entries_.push_back(ConfigEntry{index, std::move(first)});
  for (ConfigEntry& entry : later) append(entry.index, std::move(entry.config));
}

const ConfigEntry* ConfigLog::at(Index index) const {
  for (auto it = entries_.rbegin(); it != entries_.rend(); ++it) {
    if (it->index <= index) return &*it;
  }
  return nullptr;
}

void ConfigLog::append(Index index, Configuration config) {
  require(index > entries_.back().index, "configurations out of order");
  entries_.push_back(ConfigEntry{index, std::move(config)});
}

bool ConfigLog::truncate_from(Index index) {
  bool changed = false;
  while (entries_.back().index >= index) {
    require(entries_.size() > 1, "the first configuration is truncated");
    entries_.pop_back();
    changed = true;
  }
  return changed;
}

void ConfigLog::compact(Index index) {
  auto keep = entries_.begin();
  while (std::next(keep) != entries_.end() && std::next(keep)->index <= index) ++keep;
  entries_.erase(entries_.begin(), keep);
}

void ConfigLog::reset(Index index, Configuration config) {
  entries_.clear();
  entries_.push_back(ConfigEntry{index, std::move(config)});
}

bool ConfigLog::votes_since(Index commit, NodeId id) const {
  for (auto it = entries_.rbegin(); it != entries_.rend(); ++it) {
    if (is_voter(it->config, id)) return true;
    if (it->index <= commit) return false;
  }
  return false;
}

Index ConfigLog::member_since(NodeId id) const {
  Index since = entries_.back().index;
  for (auto it = entries_.rbegin(); it != entries_.rend() && is_member(it->config, id); ++it) {
    since = it->index;
  }
  return since;
}

}  // namespace cairn::raft
