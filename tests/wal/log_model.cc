#include "tests/wal/log_model.h"

#include <algorithm>

namespace cairn::wal::test {

bool LogModel::equal_group(const ModelGroup& group, const RecoveredGroup& found, Wal& wal) {
  if (!(found.hard_state == group.hard_state) || found.config != group.config) return false;
  if (found.last_index != group.last() || found.last_term != group.last_term()) return false;
  // A trim is on disk some time after it was asked for, or never, but never before.
  std::uint64_t index = found.start_index + 1;
  while (index <= found.last_index) {
    const auto got = wal.read_now(found.group, index, found.last_index, 1 << 20);
    if (!got || got->empty()) return false;
    for (const LogEntry& entry : *got) {
      const auto want = group.entries.find(index);
      if (want == group.entries.end() || entry.index != index) return false;
      if (entry.term != want->second.first || entry.data != want->second.second) return false;
      ++index;
    }
  }
  return true;
}

bool LogModel::equal(const ModelState& state, Wal& wal) {
  std::map<GroupId, const RecoveredGroup*> found;
  for (const RecoveredGroup& group : wal.recovered()) found[group.group] = &group;
  for (const auto& [id, group] : state) {
    const auto at = found.find(id);
    if (at == found.end()) {
      if (!group.trivial()) return false;
      continue;
    }
    if (!equal_group(group, *at->second, wal)) return false;
    found.erase(at);
  }
  return std::all_of(found.begin(), found.end(), [](const auto& extra) {
    return extra.second->last_index == 0 && extra.second->config.empty() &&
           extra.second->hard_state == LogHardState{};
  });
}

std::optional<std::size_t> LogModel::match(Wal& wal) const {
  for (std::size_t at = acked_; at < history_.size(); ++at) {
    if (equal(history_[at], wal)) return at;
  }
  return std::nullopt;
}

void LogModel::adopt(std::size_t at, Wal& wal) {
  now_ = history_[at];
  for (const RecoveredGroup& found : wal.recovered()) {
    now_[found.group].start = found.start_index;
    now_[found.group].start_term = found.start_term;
  }
  history_ = {now_};
  acked_ = 0;
}

std::string LogModel::describe(Wal& wal) const {
  std::string out = "acked " + std::to_string(acked_) + " of " + std::to_string(issued());
  for (const RecoveredGroup& g : wal.recovered()) {
    out += "\n  found group " + std::to_string(g.group) + ": (" + std::to_string(g.start_index) +
           ", " + std::to_string(g.last_index) + "] last term " + std::to_string(g.last_term) +
           " hard state " + std::to_string(g.hard_state.term) + "/" +
           std::to_string(g.hard_state.vote) + "/" + std::to_string(g.hard_state.commit) +
           " config '" + g.config + "'";
  }
  for (const auto& [id, g] : history_[acked_]) {
    out += "\n  acked group " + std::to_string(id) + ": (" + std::to_string(g.start) + ", " +
           std::to_string(g.last()) + "] last term " + std::to_string(g.last_term()) +
           " hard state " + std::to_string(g.hard_state.term) + "/" +
           std::to_string(g.hard_state.vote) + "/" + std::to_string(g.hard_state.commit) +
           " config '" + g.config + "'";
  }
  return out;
}

}  // namespace cairn::wal::test
