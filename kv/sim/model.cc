#include "kv/sim/model.h"

#include <algorithm>

namespace cairn::kv::sim {

Model::Model(raft::GroupId group, const std::vector<CommittedEntry>& log) : group_(group) {
  for (const CommittedEntry& entry : log) apply(entry.entry.index, entry);
  last_ = log.size();
}

void Model::fail(raft::Index index, const std::string& what) {
  failures_.push_back("MODEL: " + where(group_, index) + ": " + what);
}

const Item* Model::current(const std::string& key) const {
  const auto at = keys_.find(key);
  if (at == keys_.end() || !at->second.back().item) return nullptr;
  return &*at->second.back().item;
}

void Model::set(const std::string& key, raft::Index index, std::optional<Item> item) {
  keys_[key].push_back({index, std::move(item)});
}

void Model::apply(raft::Index index, const CommittedEntry& committed) {
  const raft::Entry& entry = committed.entry;
  if (entry.kind != raft::EntryKind::kCommand || !entry.data) return;
  const auto split = split_entry(*entry.data);
  const auto command =
      split ? decode_command(split->command) : boost::system::result<Command>(split.error());
  if (!command) return fail(index, "a command that does not decode was committed");
  const Stamp& stamp = split->stamp;
  if (!revisions_.empty() && stamp.revision <= revisions_.rbegin()->first) {
    fail(index, "revision " + std::to_string(stamp.revision) + " after " +
                    std::to_string(revisions_.rbegin()->first));
  }
  revisions_[stamp.revision] = index;
  commands_.insert(index);
  if (!executes(stamp, *command, committed.answer)) return;
  ++effects_;
  Answer answer = committed.answer.value_or(Answer{});
  if (!committed.answer) answer.revision = stamp.revision;
  if (command->kind == CommandKind::kWrite) {
    write(index, stamp, *command, answer);
  } else if (command->kind == CommandKind::kRemovePrefix) {
    remove_prefix(index, *command, answer);
  }
}

/// Does it take effect: for the first time, with its condition met? Where the answer is known it
/// says so, and is checked; of an entry whose answers all died with their nodes the model decides.
bool Model::executes(const Stamp& stamp, const Command& command,
                     const std::optional<Answer>& answer) {
  const raft::Index index = revisions_.rbegin()->second;
  const bool writes = command.kind == CommandKind::kWrite && !command.operations.empty();
  bool met = true;
  Revision current_revision = 0;
  if (writes) {
    const Item* item = current(command.operations.front().key);
    current_revision = item ? item->mod_revision : 0;
    if (command.condition.if_absent) met = item == nullptr;
    const Revision wanted = command.condition.if_revision;
    if (wanted != 0 && wanted != current_revision) met = false;
  }
  const std::pair session(command.session.client, command.session.sequence);
  const bool numbered = session.first != 0 && command.kind != CommandKind::kOpenSession;
  const bool again = numbered && executed_.contains(session);
  const bool keyed_again =
      !command.idempotency_key.empty() && keyed_.contains(command.idempotency_key);
  bool executed = met && !again && !keyed_again;
  if (answer) {
    executed = !answer->error && !answer->replayed && answer->revision == stamp.revision;
    if (executed && again) {
      fail(index, "command " + std::to_string(session.second) + " of session " +
                      std::to_string(session.first) + " was executed twice, first at " +
                      std::to_string(executed_.at(session)));
    }
    if (executed && keyed_again) fail(index, "an idempotency key was executed twice");
    if (executed && !met) fail(index, "executed, though its condition does not hold");
    const bool refused = answer->error == Errc::kRevisionMismatch;
    if (refused && writes && !again && !keyed_again) {
      if (met) fail(index, "refused, though its condition holds");
      if (answer->revision != current_revision) fail(index, "a mismatch names a wrong revision");
    }
  }
  if (numbered && (executed || !met)) executed_.emplace(session, index);
  if (!command.idempotency_key.empty() && (executed || !met))
    keyed_.insert(command.idempotency_key);
  return executed;
}

void Model::write(raft::Index index, const Stamp& stamp, const Command& command,
                  const Answer& answer) {
  bool first = true;
  std::uint64_t deleted = 0;
  for (const Operation& o : command.operations) {
    const Item* before = current(o.key);
    if (o.kind == Operation::Kind::kRemove) {
      if (before) {
        ++deleted;
        set(o.key, index, std::nullopt);
      }
    } else {
      Item item{o.key, o.value, before ? before->create_revision : stamp.revision, stamp.revision,
                before ? before->version + 1 : 1};
      if (first && answer.version != 0 &&
          (answer.version != item.version || answer.created != (before == nullptr))) {
        fail(index, "a put was answered with version " + std::to_string(answer.version) +
                        ", the model says " + std::to_string(item.version));
      }
      writes_[o.value].push_back(index);
      set(o.key, index, std::move(item));
    }
    first = false;
  }
  if (answer.deleted != deleted && (answer.version != 0 || answer.deleted != 0)) {
    fail(index,
         "deleted " + std::to_string(deleted) + ", answered " + std::to_string(answer.deleted));
  }
}

void Model::remove_prefix(raft::Index index, const Command& command, const Answer& answer) {
  std::vector<std::string> gone;
  for (const auto& [key, versions] : keys_) {
    if (gone.size() >= command.limit) break;
    if (key.starts_with(command.prefix) && key > command.start_after && versions.back().item) {
      gone.push_back(key);
    }
  }
  for (const std::string& key : gone) set(key, index, std::nullopt);
  if (answer.deleted != gone.size() && answer.deleted != 0) {
    fail(index, "a prefix delete removed " + std::to_string(answer.deleted) + " keys, the model " +
                    std::to_string(gone.size()));
  }
}

// --- questions -----------------------------------------------------------------------------------

raft::Index Model::index_of(Revision revision) const {
  const auto at = revisions_.find(revision);
  return at == revisions_.end() ? 0 : at->second;
}

raft::Index Model::next_command(raft::Index index) const {
  const auto at = commands_.upper_bound(index);
  return at == commands_.end() ? last_ + 1 : *at;
}

std::optional<Item> Model::at(const std::string& key, raft::Index index) const {
  const auto versions = keys_.find(key);
  if (versions == keys_.end()) return std::nullopt;
  const auto after = std::upper_bound(versions->second.begin(), versions->second.end(), index,
                                      [](raft::Index i, const Version& v) { return i < v.index; });
  if (after == versions->second.begin()) return std::nullopt;
  return std::prev(after)->item;
}

std::vector<Item> Model::at_prefix(const std::string& prefix, raft::Index index) const {
  std::vector<Item> items;
  for (auto at_key = keys_.lower_bound(prefix);
       at_key != keys_.end() && at_key->first.starts_with(prefix); ++at_key) {
    if (auto item = at(at_key->first, index)) items.push_back(std::move(*item));
  }
  return items;
}

std::vector<raft::Index> Model::writes_of(const std::string& value) const {
  const auto at = writes_.find(value);
  return at == writes_.end() ? std::vector<raft::Index>() : at->second;
}

std::vector<raft::Index> Model::removals_of(const std::string& key) const {
  std::vector<raft::Index> removals;
  const auto versions = keys_.find(key);
  if (versions == keys_.end()) return removals;
  for (const Version& v : versions->second) {
    if (!v.item) removals.push_back(v.index);
  }
  return removals;
}

bool Model::had_revision(const std::string& key, Revision revision, raft::Index from,
                         raft::Index to) const {
  const auto held = [revision](const std::optional<Item>& item) {
    return (item ? item->mod_revision : 0) == revision;
  };
  if (held(at(key, from))) return true;
  const auto versions = keys_.find(key);
  if (versions == keys_.end()) return false;
  return std::any_of(versions->second.begin(), versions->second.end(), [&](const Version& v) {
    return v.index > from && v.index <= to && held(v.item);
  });
}

}  // namespace cairn::kv::sim
