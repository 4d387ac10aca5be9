#include "wal/replay.h"

#include <string_view>

#include "wal/record_codec.h"

namespace cairn::wal {
namespace {

std::string_view text(std::span<const char> bytes) {
  return {bytes.data(), bytes.size()};
}

void drop_up_to(GroupLog* group, std::uint64_t index) {
  while (group->base < index && !group->slots.empty()) {
    group->slots.pop_front();
    ++group->base;
  }
  if (group->slots.empty()) group->base = index;
}

}  // namespace

void Replay::begin_segment(std::uint32_t sequence, std::uint64_t birth_end) {
  segment_ = sequence;
  birth_end_ = birth_end;
  last_terms_.clear();
}

Slot Replay::place(const ScannedRecord& record) const {
  Slot slot;
  slot.term = record.header.term;
  slot.segment = segment_;
  slot.offset_units = static_cast<std::uint32_t>(record.offset / kAlignment);
  slot.length = record.header.length;
  return slot;
}

bool Replay::apply(const ScannedRecord& record) {
  const bool in_birth = record.offset < birth_end_;
  switch (record.header.kind) {
    case RecordKind::kEntry:
      return !in_birth && entry(record);
    case RecordKind::kCopiedEntry:
      return copied_entry(record);
    case RecordKind::kHardState:
      return !in_birth && hard_state(record);
    case RecordKind::kConfig:
      return !in_birth && config(record);
    case RecordKind::kReset:
      return !in_birth && reset(record);
    case RecordKind::kTrim:
      return !in_birth && trim(record);
    case RecordKind::kCheckpoint:
      return in_birth && checkpoint(record);
    case RecordKind::kBirthEnd:
      return in_birth && birth_end(record);
    case RecordKind::kCleanStop:
      return !in_birth && record.header.length == 0 && record.header.last_of_batch();
  }
  return false;
}

bool Replay::entry(const ScannedRecord& record) {
  GroupLog& group = groups_[record.header.group];
  const std::uint64_t index = record.header.index;
  if (index <= group.start || index > group.last() + 1) return false;
  group.slots.resize(index - group.base - 1);
  group.slots.push_back(place(record));
  return true;
}

bool Replay::copied_entry(const ScannedRecord& record) {
  const auto found = groups_.find(record.header.group);
  if (found == groups_.end() || !found->second.holds(record.header.index)) return false;
  Slot& slot = found->second.slot(record.header.index);
  // Those of a birth stand for a segment that is not replayed, whatever older ones say.
  const bool in_birth = record.offset < birth_end_;
  if (!in_birth && slot.known() && slot.term != record.header.term) return false;
  slot = place(record);
  return true;
}

bool Replay::hard_state(const ScannedRecord& record) {
  LogHardState& state = groups_[record.header.group].hard_state;
  state.term = record.header.term;
  state.commit = record.header.index;
  return decode_vote(text(record.payload), &state.vote);
}

bool Replay::config(const ScannedRecord& record) {
  groups_[record.header.group].config = text(record.payload);
  return true;
}

bool Replay::reset(const ScannedRecord& record) {
  GroupLog& group = groups_[record.header.group];
  group.slots.clear();
  group.base = group.start = record.header.index;
  group.start_term = record.header.term;
  group.config = text(record.payload);
  return true;
}

bool Replay::trim(const ScannedRecord& record) {
  const auto found = groups_.find(record.header.group);
  if (found == groups_.end()) return false;
  GroupLog& group = found->second;
  const std::uint64_t index = record.header.index;
  if (index < group.start || index > group.last()) return false;
  if (group.holds(index)) {
    const Slot& slot = group.slot(index);
    if (slot.known() && slot.term != record.header.term) return false;
  }
  drop_up_to(&group, index);
  group.start = index;
  group.start_term = record.header.term;
  return true;
}

/// Sets all of a group but its entries. Those that are in it and were not seen are expected to
/// come: copied, cut off, or trimmed by a later record; what does not come is missed in finish().
bool Replay::checkpoint(const ScannedRecord& record) {
  CheckpointPayload payload;
  if (!decode_checkpoint(text(record.payload), &payload)) return false;
  const std::uint64_t start = record.header.index;
  if (payload.last_index < start || payload.last_index - start > kGroupEntriesMax) return false;
  GroupLog& group = groups_[record.header.group];
  if (start < group.base) {  // a segment that is not replayed reset the group to an earlier index
    group.slots.clear();
    group.base = start;
  }
  drop_up_to(&group, start);
  group.start = start;
  group.start_term = record.header.term;
  group.slots.resize(payload.last_index - start);
  group.hard_state = payload.hard_state;
  group.config = payload.config;
  last_terms_[record.header.group] = payload.last_term;
  return true;
}

bool Replay::birth_end(const ScannedRecord& record) {
  if (record.header.length != 0 || record.offset + record_bytes(0) != birth_end_) return false;
  for (const auto& [id, term] : last_terms_) {
    const GroupLog& group = groups_[id];
    const bool known = group.slots.empty() || group.slots.back().known();
    if (known && group.last_term() != term) return false;
  }
  return true;
}

bool Replay::finish(std::string* what) {
  for (auto& [id, group] : groups_) {
    drop_up_to(&group, group.start);
    for (std::uint64_t index = group.start + 1; index <= group.last(); ++index) {
      if (group.slot(index).known()) continue;
      *what = "entry " + std::to_string(index) + " of group " + std::to_string(id) +
              " is in no segment";
      return false;
    }
    group.base = group.start;
    for (const Slot& slot : group.slots) group.live_bytes += slot.bytes();
  }
  return true;
}

}  // namespace cairn::wal
