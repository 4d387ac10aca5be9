#include "kv/engine/applier.h"

#include <algorithm>
#include <string>

#include "raft/core.h"

namespace cairn::kv {
namespace {

// Of decoded commands: at most 1 MiB in all between two calls.
constexpr std::size_t kDecodedKept = 256;
constexpr std::size_t kDecodedBytesKept = 4096;

}  // namespace

EngineResult<std::vector<ApplyResult>> Applier::apply(std::span<const ApplyItem> items) {
  if (auto done = decode(items); !done) return done.error();
  fetch_metadata(items);
  std::vector<ApplyResult> results;
  results.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    Group* const group = groups_.find(items[i].group);
    if (group == nullptr) throw BrokenInvariant("apply: an entry of a group that is not here");
    if (items[i].entry.index != group->record.applied + 1) {
      throw BrokenInvariant("apply: entry " + std::to_string(items[i].entry.index) + " after " +
                            std::to_string(group->record.applied));
    }
    if (auto done = settle_before(*group, decoded_[i]); !done) return done.error();
    EngineResult<ApplyResult> result = apply_entry(*group, items[i], decoded_[i]);
    if (!result) return result.error();
    results.push_back(std::move(*result));
  }
  if (auto done = write_out(); !done) return done.error();
  counters_.entries += items.size();
  release_large(items.size());
  return results;
}

/// The buffers of small commands serve again; what is large or many is given back.
void Applier::release_large(std::size_t used) {
  if (decoded_.size() > kDecodedKept) decoded_.resize(kDecodedKept);
  for (std::size_t i = 0; i < std::min(used, decoded_.size()); ++i) {
    Command& command = decoded_[i].command;
    std::size_t held = command.prefix.capacity() + command.record.capacity() +
                       command.operations.capacity() * sizeof(Operation);
    for (const Operation& o : command.operations) held += o.key.capacity() + o.value.capacity();
    if (held > kDecodedBytesKept) command = Command();
  }
}

EngineResult<void> Applier::decode(std::span<const ApplyItem> items) {
  // All of them before the first is applied: a command of a newer version must leave no trace.
  if (decoded_.size() < items.size()) decoded_.resize(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    Decoded& out = decoded_[i];
    out.readable = false;
    const raft::Entry& entry = items[i].entry;
    if (entry.kind != raft::EntryKind::kCommand || !entry.data) continue;
    const auto split = split_entry(*entry.data);
    if (!split) {
      if (split.error() == CommandError::kNewerVersion) return EngineError::kUnknownCommand;
      continue;
    }
    if (const auto decoded = decode_command(split->command, out.command); !decoded) {
      if (decoded.error() == CommandError::kNewerVersion) return EngineError::kUnknownCommand;
      continue;
    }
    out.stamp = split->stamp;
    out.readable = true;
  }
  return {};
}

/// The look-ups of a batch wait for memory side by side, not one after the other.
void Applier::fetch_metadata(std::span<const ApplyItem> items) {
  hashes_.clear();
  const Group* group = nullptr;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!decoded_[i].readable) continue;
    if (group == nullptr || group->id != items[i].group) group = groups_.find(items[i].group);
    if (group == nullptr) return;  // apply() will say so
    for (const Operation& o : decoded_[i].command.operations)
      hashes_.push_back(table_.fetch_bucket(group->id, group->record.generation, o.key));
  }
  for (const std::uint64_t hash : hashes_) table_.fetch_entry(hash);
}

EngineResult<void> Applier::settle_before(Group& group, const Decoded& decoded) {
  const Command& command = decoded.command;
  bool reads_database = group.idempotency.needs_refill();
  if (decoded.readable &&
      (command.kind == CommandKind::kRemovePrefix || command.kind == CommandKind::kSetCluster)) {
    reads_database = true;
  }
  if (decoded.readable && command.return_previous && !command.operations.empty()) {
    const MetadataTable::Entry* const entry =
        table_.find(group.id, group.record.generation, command.operations.front().key);
    if (entry != nullptr && entry->batch == batch_) reads_database = true;
  }
  if (!reads_database) return {};
  if (auto done = write_out(); !done) return done;
  if (group.idempotency.needs_refill()) return group.idempotency.refill(database_);
  return {};
}

EngineResult<ApplyResult> Applier::apply_entry(Group& group, const ApplyItem& item,
                                               const Decoded& decoded) {
  const raft::Entry& entry = item.entry;
  ApplyResult result;
  result.group = group.id;
  result.index = entry.index;
  result.term = entry.term;
  touch(group);
  if (entry.kind == raft::EntryKind::kConfig && entry.data) {
    // Raft refuses what does not decode before it is in a log.
    if (auto config = raft::decode_configuration(*entry.data)) {
      group.record.config = std::move(*config);
      group.record.config_index = entry.index;
    }
  } else if (entry.kind == raft::EntryKind::kCommand) {
    if (decoded.readable) {
      EngineResult<Answer> answer = apply_command(group, decoded.stamp, decoded.command);
      if (!answer) return answer.error();
      result.answer = std::move(*answer);
    } else {
      result.answer.emplace().error = Errc::kBadRequest;
    }
  }
  group.record.applied = entry.index;
  group.marks.pass(entry.index, group.hash);
  group.record.applied_term = entry.term;
  // Its own entries are applied again: the WAL was reset to the snapshot that was installed.
  group.record.installed_index = 0;
  group.record.installed_term = 0;
  return result;
}

void Applier::touch(Group& group) {
  if (group.touched) return;
  group.touched = true;
  touched_.push_back(&group);
}

EngineResult<void> Applier::write_out() {
  if (touched_.empty()) return {};
  std::vector<AppliedIndex> applied;
  applied.reserve(touched_.size());
  for (Group* group : touched_) {
    group->sessions.write_heads(changes_);
    group->record.sessions = group->sessions.size();
    group->record.idempotency_records = group->idempotency.size();
    changes_.put(group_key(group->id), encode_group(group->record));
    changes_.put(state_hash_key(group->id), group->hash.encode(group->record));
    applied.emplace_back(group->id, group->record.applied);
  }
  if (auto done = database_.write(changes_.batch(), applied); !done) return done;
  for (Group* group : touched_) {
    group->publish();
    group->touched = false;
  }
  touched_.clear();
  changes_.clear();
  table_.trim();
  ++batch_;
  ++counters_.batches;
  return {};
}

}  // namespace cairn::kv
