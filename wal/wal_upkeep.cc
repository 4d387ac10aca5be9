// What lets old segments go: log starts that became durable, copies out of the oldest segment, and
// spares for the segments to come.
#include <algorithm>
#include <utility>

#include "wal/wal_impl.h"

namespace cairn::wal {
namespace {

constexpr std::uint64_t kCopyStepBytes = 1ull << 20;  // of one read and one batch

}  // namespace

void WalImpl::apply_when_durable(const Batch& batch) {
  for (const std::uint32_t segment : batch.unpinned) --segments_[segment].pins;
  for (const Batch::Trimmed& trimmed : batch.trimmed) {
    GroupLog& group = groups_[trimmed.group];
    if (group.resets != trimmed.resets) continue;  // those slots went with the reset
    while (group.base < trimmed.start && !group.slots.empty()) {
      --segments_[group.slots.front().segment].pins;
      group.slots.pop_front();
      ++group.base;
    }
  }
  retire_unpinned();
}

/// Oldest first, so that the chain of links never has a hole before what is needed. The newest
/// durable segment's checkpoint stands for hard states and configurations of all older ones.
void WalImpl::retire_unpinned() {
  while (segments_.begin()->first < durable_segment_ && segments_.begin()->second.pins == 0) {
    SegmentFilePtr file = std::move(segments_.begin()->second.file);
    segments_.erase(segments_.begin());
    // In a holder, emptied when it runs: the store then sees whether reads still share the file.
    auto holder = std::make_shared<SegmentFilePtr>(std::move(file));
    disk_.post([store = store_, holder] {
      if (!store->abandoned()) store->retire(std::move(*holder));
    });
  }
}

void WalImpl::upkeep() {
  if (fenced_ || closed_ || stalled_) return;
  if (segments_.begin()->first >= durable_segment_) return;
  write_trims();
  copy_forward();
}

/// The oldest segment holds nothing that is needed but entries whose trimming is not yet on disk:
/// now it is worth a few bytes.
void WalImpl::write_trims() {
  const SegmentInfo& oldest = segments_.begin()->second;
  if (oldest.live_bytes != 0 || trim_batch_ > durable_batch_) return;
  bool wrote = false;
  for (auto& [id, group] : groups_) {
    if (group.base == group.start) continue;
    RecordHeader record;
    record.kind = RecordKind::kTrim;
    record.group = id;
    record.index = group.start;
    record.term = group.start_term;
    put(record, {});
    queue_.back()->trimmed.push_back({id, group.start, group.resets});
    wrote = true;
  }
  if (!wrote) return;
  trim_batch_ = queue_.back()->number;
  queue_.back()->wanted = true;
  kick();
}

/// Copying pays only while it frees more than it writes: when the oldest segment is mostly dead, or
/// when at least half of the allowance is.
bool WalImpl::worth_copying(const SegmentInfo& oldest) const {
  if (oldest.live_bytes == 0 || oldest.copy_failed) return false;
  std::uint64_t total = 0;
  std::uint64_t live = 0;
  for (const auto& [sequence, info] : segments_) {
    total += info.file_bytes;
    live += info.live_bytes;
  }
  if (total <= options_.total_bytes_max) return false;
  return live <= options_.total_bytes_max / 2 || oldest.live_bytes <= oldest.file_bytes / 4;
}

void WalImpl::copy_forward() {
  if (copy_.reading || copy_.batch > durable_batch_) return;
  const auto oldest = segments_.begin();
  if (!worth_copying(oldest->second)) return;
  if (copy_.segment != oldest->first) {
    copy_ = CopyJob{};
    copy_.segment = oldest->first;
  }
  auto items = next_to_copy();
  if (items.empty()) return;
  copy_.reading = true;
  start_read(items, [this, items](const Result<std::vector<LogEntry>>& entries) {
    on_copy_read(items, entries);
  });
}

/// The next live entries of the segment, from where the last step stopped.
std::vector<ReadItem> WalImpl::next_to_copy() {
  std::vector<ReadItem> items;
  std::uint64_t bytes = 0;
  auto at = groups_.lower_bound(copy_.group);
  for (; at != groups_.end(); ++at) {
    const auto& [id, group] = *at;
    std::uint64_t index = group.start + 1;
    if (id == copy_.group) index = std::max(index, copy_.index);
    for (; index <= group.last(); ++index) {
      copy_.group = id;
      copy_.index = index;
      if (bytes >= kCopyStepBytes) return items;
      const Slot& slot = group.slot(index);
      if (slot.segment != copy_.segment) continue;
      items.push_back(
          {segments_[slot.segment].file, slot.offset(), slot.length, id, index, slot.term});
      bytes += slot.bytes();
    }
  }
  copy_.group = 0;  // once round: what was cut and written anew meanwhile is elsewhere
  copy_.index = 0;
  return items;
}

void WalImpl::on_copy_read(const std::vector<ReadItem>& items,
                           const Result<std::vector<LogEntry>>& entries) {
  copy_.reading = false;
  const std::uint32_t from = copy_.segment;
  const auto segment = segments_.find(from);
  if (fenced_ || closed_ || segment == segments_.end()) return;
  if (!entries) {
    segment->second.copy_failed = true;  // whoever reads the entry learns why
    return;
  }
  bool wrote = false;
  for (std::size_t i = 0; i < items.size(); ++i) {
    GroupLog& group = groups_[items[i].group];
    const std::uint64_t index = items[i].index;
    const auto still_there = [&] {
      return group.holds(index) && group.slot(index).segment == from &&
             group.slot(index).offset() == items[i].offset;
    };
    if (!still_there()) continue;
    const LogEntry& entry = (*entries)[i];
    RecordHeader record;
    record.kind = RecordKind::kCopiedEntry;
    record.group = items[i].group;
    record.index = index;
    record.term = entry.term;
    record.entry_kind = entry.kind;
    const Slot copy = put(record, entry.data);
    drop_slot(*queue_.back(), group, index);
    group.slot(index) = copy;
    group.live_bytes += copy.bytes();
    SegmentInfo& info = segments_[copy.segment];
    ++info.pins;
    info.live_bytes += copy.bytes();
    wrote = true;
  }
  if (!wrote) return;
  copy_.batch = queue_.back()->number;
  queue_.back()->wanted = true;
  kick();
}

void WalImpl::want_spare() {
  if (preparing_spare_ || options_.spare_segments == 0) return;
  preparing_spare_ = true;
  disk_.post([store = store_, home = &home_, alive = Weak(alive_)] {
    if (store->abandoned()) return;
    const bool more = store->prepare_spare_step();
    home->post([alive, more] {
      WalImpl* const self = living(alive);
      if (self == nullptr) return;
      self->preparing_spare_ = false;
      if (more) self->want_spare();
    });
  });
}

}  // namespace cairn::wal
