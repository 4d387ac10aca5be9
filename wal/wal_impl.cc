#include "wal/wal_impl.h"

#include <stdexcept>
#include <utility>

#include "wal/birth.h"

namespace cairn::wal {
namespace {

void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

}  // namespace

WalImpl::WalImpl(std::shared_ptr<SegmentStore> store, RecoveredLog log, const WalOptions& options,
                 Executor& home, Executor& disk)
    : store_(std::move(store)),
      options_(options),
      home_(home),
      disk_(disk),
      groups_(std::move(log.groups)),
      segments_(std::move(log.segments)),
      tail_(log.tail),
      durable_segment_(tail_.segment),
      durable_end_(tail_.offset),
      durable_batch_(tail_.next_batch - 1),
      alive_(std::make_shared<WalImpl*>(this)) {
  recovered_ = recovered_groups(groups_);
  want_spare();
}

WalImpl::~WalImpl() {
  store_->abandon();
}

bool WalImpl::accepts() const {
  require(!closed_, "wal: a record after close()");
  return !fenced_;
}

/// Encodes the record at the tail. State that it changes must be changed after this call: it may
/// begin a segment, whose checkpoint says what was true before it.
Slot WalImpl::put(RecordHeader record, std::string_view payload) {
  require(payload.size() <= options_.record_bytes_max, "wal: a record over record_bytes_max");
  const std::uint64_t bytes = record_bytes(payload.size());
  Batch& batch = batch_with_room(bytes);
  std::string& out = batch.write->bytes;
  batch.last_offset = out.size();
  record.batch = batch.number;
  record.previous = tail_.last_check;
  append_record(tail_.seed, &record, payload, &out);
  batch.last = record;
  ++batch.records;
  Slot slot;
  slot.term = record.term;
  slot.segment = tail_.segment;
  slot.offset_units = static_cast<std::uint32_t>(tail_.offset / kAlignment);
  slot.length = record.length;
  tail_.last_check = record.check;
  tail_.offset += bytes;
  pending_bytes_ += bytes;
  return slot;
}

Batch& WalImpl::batch_with_room(std::uint64_t bytes) {
  if (!queue_.empty() && !queue_.back()->sealed &&
      queue_.back()->write->bytes.size() >= options_.batch_bytes_max) {
    seal(*queue_.back());
    queue_.back()->wanted = true;  // bounded whether or not somebody commits
    kick();
  }
  if (bytes > tail_.file_bytes - tail_.offset) begin_segment(bytes);
  if (!queue_.empty() && !queue_.back()->sealed) return *queue_.back();
  return new_batch();
}

Batch& WalImpl::new_batch() {
  auto batch = std::make_unique<Batch>();
  batch->number = tail_.next_batch++;
  batch->segment = tail_.segment;
  batch->write->offset = tail_.offset;
  batch->write->bytes = std::exchange(spare_buffer_, {});
  queue_.push_back(std::move(batch));
  return *queue_.back();
}

/// The next record opens a new segment. What is before it goes out as a batch of its own.
void WalImpl::begin_segment(std::uint64_t need) {
  if (!queue_.empty() && !queue_.back()->sealed) {
    seal(*queue_.back());
    queue_.back()->wanted = true;
  }
  require(tail_.segment < kSegmentSequenceMax, "wal: no segment number is left");
  SegmentHeader header;
  header.cluster_id = options_.cluster_id;
  header.node_id = options_.node_id;
  header.sequence = tail_.segment + 1;
  header.previous_sequence = tail_.segment;
  header.previous_end = tail_.offset;
  header.previous_check = tail_.last_check;
  header.birth_batch = tail_.next_batch++;
  BirthWriter writer(header, groups_, 0, need, options_.segment_bytes);
  writer.finish();

  tail_.segment = static_cast<std::uint32_t>(header.sequence);
  tail_.seed = writer.header().check;
  tail_.file_bytes = writer.header().file_bytes;
  tail_.offset = writer.header().birth_end;
  tail_.last_check = writer.last_check();
  SegmentInfo& info = segments_[tail_.segment];
  info.file_bytes = tail_.file_bytes;

  Batch& batch = new_batch();
  batch.write->birth = writer.header();
  batch.write->birth_bytes = writer.take();
  pending_bytes_ += batch.write->birth_bytes.size();
  note_trimmed(batch);
}

/// Remembers the log starts that are on disk once this batch is.
void WalImpl::note_trimmed(Batch& batch) {
  for (const auto& [id, group] : groups_) {
    if (group.base < group.start) batch.trimmed.push_back({id, group.start, group.resets});
  }
}

void WalImpl::seal(Batch& batch) {
  batch.sealed = true;
  if (batch.records == 0) return;
  batch.last.flags |= kLastOfBatch;
  encode_record_header(tail_.seed, &batch.last, batch.write->bytes.data() + batch.last_offset);
  tail_.last_check = batch.last.check;
}

void WalImpl::add_slot(GroupLog& group, const Slot& slot) {
  group.slots.push_back(slot);
  group.live_bytes += slot.bytes();
  SegmentInfo& info = segments_[slot.segment];
  ++info.pins;
  info.live_bytes += slot.bytes();
}

/// The slot is superseded. Its segment stays pinned until what supersedes it is durable.
void WalImpl::drop_slot(Batch& batch, GroupLog& group, std::uint64_t index) {
  const Slot& slot = group.slot(index);
  if (index > group.start) {
    group.live_bytes -= slot.bytes();
    segments_[slot.segment].live_bytes -= slot.bytes();
  }
  batch.unpinned.push_back(slot.segment);
}

void WalImpl::append(GroupId group_id, std::uint64_t index, std::uint64_t term, std::uint8_t kind,
                     std::string_view data) {
  if (!accepts()) return;
  const auto found = groups_.find(group_id);
  const std::uint64_t start = found == groups_.end() ? 0 : found->second.start;
  const std::uint64_t last = found == groups_.end() ? 0 : found->second.last();
  require(index > start && index <= last + 1, "wal: an entry that does not join its log");
  RecordHeader record;
  record.kind = RecordKind::kEntry;
  record.group = group_id;
  record.index = index;
  record.term = term;
  record.entry_kind = kind;
  const Slot slot = put(record, data);
  GroupLog& group = groups_[group_id];
  while (group.last() >= index) {
    drop_slot(*queue_.back(), group, group.last());
    group.slots.pop_back();
  }
  add_slot(group, slot);
}

void WalImpl::set_hard_state(GroupId group, const LogHardState& state) {
  if (!accepts()) return;
  RecordHeader record;
  record.kind = RecordKind::kHardState;
  record.group = group;
  record.index = state.commit;
  record.term = state.term;
  put(record, encode_vote(state.vote));
  groups_[group].hard_state = state;
}

void WalImpl::set_config(GroupId group, std::string_view config) {
  if (!accepts()) return;
  RecordHeader record;
  record.kind = RecordKind::kConfig;
  record.group = group;
  put(record, config);
  groups_[group].config = config;
}

void WalImpl::reset(GroupId group_id, std::uint64_t index, std::uint64_t term,
                    std::string_view config) {
  if (!accepts()) return;
  RecordHeader record;
  record.kind = RecordKind::kReset;
  record.group = group_id;
  record.index = index;
  record.term = term;
  put(record, config);
  GroupLog& group = groups_[group_id];
  for (std::uint64_t i = group.base + 1; i <= group.last(); ++i) {
    drop_slot(*queue_.back(), group, i);
  }
  group.slots.clear();
  group.base = group.start = index;
  group.start_term = term;
  group.config = config;
  ++group.resets;
}

void WalImpl::trim(GroupId group_id, std::uint64_t index, std::uint64_t term) {
  if (fenced_ || closed_) return;  // a flush may end after that; nothing is lost by forgetting it
  const auto found = groups_.find(group_id);
  if (found == groups_.end() || index <= found->second.start) return;
  GroupLog& group = found->second;
  require(group.holds(index) && group.slot(index).term == term,
          "wal: trim at an entry that the log does not hold");
  for (std::uint64_t i = group.start + 1; i <= index; ++i) {
    const Slot& slot = group.slot(i);
    group.live_bytes -= slot.bytes();
    segments_[slot.segment].live_bytes -= slot.bytes();
  }
  group.start = index;
  group.start_term = term;
  upkeep();
}

std::optional<std::uint64_t> WalImpl::term_at(GroupId group, std::uint64_t index) const {
  const auto found = groups_.find(group);
  if (found != groups_.end()) return found->second.term_at(index);
  if (index == 0) return 0;
  return std::nullopt;
}

std::uint64_t WalImpl::live_bytes(GroupId group) const {
  const auto found = groups_.find(group);
  return found == groups_.end() ? 0 : found->second.live_bytes;
}

WalMetrics WalImpl::metrics() const {
  WalMetrics m = counters_;
  m.segments = segments_.size();
  m.pending_bytes = pending_bytes_;
  return m;
}

}  // namespace cairn::wal
