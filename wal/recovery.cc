#include "wal/recovery.h"

#include <algorithm>
#include <utility>

#include "wal/birth.h"
#include "wal/log_read.h"
#include "wal/record_codec.h"
#include "wal/replay.h"

namespace cairn::wal {
namespace {

using boost::system::error_code;

constexpr std::uint64_t kFlushBytes = 4ull << 20;

/// A segment on the chain that ends in the newest one.
struct Link {
  SegmentHeader header;
  SegmentFilePtr file;
};

class Recovery {
 public:
  Recovery(SegmentStore& store, const WalOptions& options, std::string* detail)
      : store_(store), options_(options), detail_(detail) {}

  Result<RecoveredLog> run() {
    if (auto ready = store_.prepare_directory(); !ready) return ready.error();
    if (auto found = find_segments(); !found) return found.error();
    if (chain_.empty()) {
      if (auto made = begin_new_log(); !made) return made.error();
      return std::move(log_);
    }
    ScanEnd end;
    if (auto sound = replay(&end); !sound) return sound.error();
    if (auto ready = settle(end); !ready) return ready.error();
    drop_what_is_not_needed();
    return std::move(log_);
  }

  Result<GroupMap> look() {
    if (auto found = find_segments(); !found) return found.error();
    ScanEnd end;
    if (!chain_.empty()) {
      if (auto sound = replay(&end); !sound) return sound.error();
    }
    return std::move(log_.groups);
  }

 private:
  Result<void> find_segments();
  Result<Link> load(std::uint64_t sequence);
  const char* fault_in(const SegmentHeader& header, std::uint64_t sequence,
                       std::uint64_t file_size) const;
  Result<void> replay(ScanEnd* end);
  Result<void> settle(const ScanEnd& end);
  Result<void> begin_new_log();
  Result<void> rewrite_newest(std::uint64_t next_batch);
  Result<void> bear(BirthWriter* writer, std::uint32_t copied_from);
  Result<void> copy_entries(File& to, BirthWriter* writer, std::uint32_t from);
  void count_pins();
  void drop_what_is_not_needed();
  SegmentHeader header_of_next(std::uint64_t sequence, std::uint64_t batch) const;
  WalError refuse(WalError error, const std::string& name, std::uint64_t offset, const char* what);

  SegmentStore& store_;
  const WalOptions& options_;
  std::string* detail_;
  std::vector<std::uint64_t> sequences_;  // by file name, ascending
  std::vector<Link> chain_;               // oldest first
  RecoveredLog log_;
};

WalError Recovery::refuse(WalError error, const std::string& name, std::uint64_t offset,
                          const char* what) {
  if (detail_ != nullptr) {
    *detail_ = store_.path_of(name) + " at " + std::to_string(offset) + ": " + what;
  }
  return error;
}

const char* Recovery::fault_in(const SegmentHeader& header, std::uint64_t sequence,
                               std::uint64_t file_size) const {
  if (header.sequence != sequence) return "the header is of another segment";
  if (header.file_bytes > kSegmentFileBytesMax) return "the header's size is out of bounds";
  if (file_size < header.file_bytes) return "the file is shorter than its header says";
  if (header.previous_sequence >= sequence) return "the previous segment is not an older one";
  if (header.birth_end % kAlignment != 0 ||
      header.birth_end < kSegmentHeaderBytes + kRecordHeaderBytes ||
      header.birth_end > header.file_bytes) {
    return "the birth's end is out of bounds";
  }
  return nullptr;
}

Result<Link> Recovery::load(std::uint64_t sequence) {
  const std::string name = segment_name(sequence);
  Link link;
  link.file = std::make_shared<SegmentFile>();
  link.file->path = store_.path_of(name);
  auto file = store_.files().open(link.file->path, OpenMode::kReadWrite);
  if (!file) return file.error();
  const auto size = (*file)->size();
  if (!size) return size.error();
  char bytes[kSegmentHeaderBytes];
  const auto got = (*file)->read_at(0, bytes);
  if (!got) return got.error();
  const auto header = decode_segment_header({bytes, *got});
  if (!header) {
    const bool newer = header.error() == make_error_code(WalError::kNewerFormat);
    return refuse(newer ? WalError::kNewerFormat : WalError::kCorrupt, name, 0,
                  newer ? "made by a newer version" : "bad segment header");
  }
  if (header->cluster_id != options_.cluster_id || header->node_id != options_.node_id) {
    return refuse(WalError::kForeign, name, 0, "belongs to another cluster or node");
  }
  if (const char* what = fault_in(*header, sequence, *size)) {
    return refuse(WalError::kCorrupt, name, 0, what);
  }
  link.header = *header;
  link.file->sequence = sequence;
  link.file->seed = header->check;
  link.file->file_bytes = header->file_bytes;
  link.file->file = std::move(*file);
  return link;
}

/// The newest segment is whole up to its birth's end whatever happened. Those that it does not lead
/// to, link by link, were given up: replaced, or dropped and come back after a power cut.
Result<void> Recovery::find_segments() {
  const auto names = store_.files().list(store_.path_of(""));
  if (!names) return names.error();
  for (const std::string& name : *names) {
    const auto sequence = parse_segment_name(name);
    if (!sequence) continue;
    if (*sequence == 0 || *sequence > kSegmentSequenceMax) {
      return refuse(WalError::kCorrupt, name, 0, "no segment has this number");
    }
    sequences_.push_back(*sequence);
  }
  std::uint64_t next = sequences_.empty() ? 0 : sequences_.back();
  while (next != 0 && std::binary_search(sequences_.begin(), sequences_.end(), next)) {
    auto link = load(next);
    if (!link) return link.error();
    next = link->header.previous_sequence;
    chain_.push_back(std::move(*link));
  }
  std::reverse(chain_.begin(), chain_.end());
  return {};
}

Result<void> Recovery::replay(ScanEnd* end) {
  Replay replay;
  const RecordVisitor visit = [&replay](const ScannedRecord& record) {
    return replay.apply(record);
  };
  for (std::size_t i = 0; i < chain_.size(); ++i) {
    const Link& link = chain_[i];
    replay.begin_segment(static_cast<std::uint32_t>(link.file->sequence), link.header.birth_end);
    SegmentScan scan(*link.file->file, link.header, options_.record_bytes_max);
    ScanFault fault;
    const Link* next = i + 1 < chain_.size() ? &chain_[i + 1] : nullptr;
    const auto scanned = next != nullptr ? scan.until(next->header.previous_end,
                                                      next->header.previous_check, visit, &fault)
                                         : scan.to_tail(visit, &fault);
    if (!scanned) {
      if (*fault.what == '\0') return scanned.error();
      return refuse(fault.error, segment_name(link.file->sequence), fault.offset, fault.what);
    }
    *end = *scanned;
  }
  std::string what;
  if (!replay.finish(&what)) {
    return refuse(WalError::kCorrupt, segment_name(chain_.back().file->sequence), 0, what.c_str());
  }
  log_.groups = replay.take_groups();
  return {};
}

SegmentHeader Recovery::header_of_next(std::uint64_t sequence, std::uint64_t batch) const {
  SegmentHeader header;
  header.cluster_id = options_.cluster_id;
  header.node_id = options_.node_id;
  header.sequence = sequence;
  header.birth_batch = batch;
  return header;
}

Result<void> Recovery::begin_new_log() {
  if (auto tidied = store_.tidy(); !tidied) return tidied;
  BirthWriter writer(header_of_next(1, 1), {}, 0, 0, options_.segment_bytes);
  return bear(&writer, 0);
}

/// From a sound log to one that can be appended to.
Result<void> Recovery::settle(const ScanEnd& end) {
  for (const Link& link : chain_) {
    SegmentInfo& info = log_.segments[static_cast<std::uint32_t>(link.file->sequence)];
    info.file = link.file;
    info.file_bytes = link.file->file_bytes;
  }
  if (auto tidied = store_.tidy(); !tidied) return tidied;
  if (!end.clean) return rewrite_newest(end.batch);
  // The mark was written when all before it was durable. It may itself be nowhere but in the page
  // cache, so nothing is put behind it: the next batch takes its place and its number.
  const Link& newest = chain_.back();
  log_.tail.segment = static_cast<std::uint32_t>(newest.file->sequence);
  log_.tail.seed = newest.file->seed;
  log_.tail.file_bytes = newest.file->file_bytes;
  log_.tail.offset = end.mark_offset;
  log_.tail.last_check = end.mark_previous;
  log_.tail.next_batch = end.batch - 1;
  count_pins();
  return {};
}

/// What is in the newest segment may be in the page cache alone; whatever is older was synced
/// before that one began. A new segment takes its place in the chain. Dying on the way leaves the
/// old one the newest, dying after it leaves the new one, whole.
Result<void> Recovery::rewrite_newest(std::uint64_t next_batch) {
  const Link old = std::move(chain_.back());
  chain_.pop_back();
  if (old.file->sequence == kSegmentSequenceMax) {
    return refuse(WalError::kTooLarge, segment_name(old.file->sequence), 0, "no number is left");
  }
  const auto old_sequence = static_cast<std::uint32_t>(old.file->sequence);
  std::uint64_t copied = 0;
  for (const auto& [id, group] : log_.groups) {
    for (const Slot& slot : group.slots) {
      if (slot.segment == old_sequence) copied += slot.bytes();
    }
  }
  SegmentHeader header = header_of_next(old.file->sequence + 1, next_batch);
  header.previous_sequence = old.header.previous_sequence;
  header.previous_end = old.header.previous_end;
  header.previous_check = old.header.previous_check;
  header.replaces = old.file->sequence;
  BirthWriter writer(header, log_.groups, copied, 0, options_.segment_bytes);
  if (auto born = bear(&writer, old_sequence); !born) return born;
  log_.segments.erase(old_sequence);
  return {};
}

Result<void> Recovery::bear(BirthWriter* writer, std::uint32_t copied_from) {
  const SegmentHeader header = writer->header();
  const auto outcome =
      store_.bear(header, [&](File& to) { return copy_entries(to, writer, copied_from); });
  if (outcome.kind != WriteOutcome::Kind::kDurable) return outcome.error;
  SegmentInfo& info = log_.segments[static_cast<std::uint32_t>(header.sequence)];
  info.file = outcome.born;
  info.file_bytes = header.file_bytes;
  log_.tail.segment = static_cast<std::uint32_t>(header.sequence);
  log_.tail.seed = header.check;
  log_.tail.file_bytes = header.file_bytes;
  log_.tail.offset = header.birth_end;
  log_.tail.last_check = writer->last_check();
  log_.tail.next_batch = header.birth_batch + 1;
  count_pins();
  return {};
}

Result<void> Recovery::copy_entries(File& to, BirthWriter* writer, std::uint32_t from) {
  const auto flush = [&to, writer]() {
    const std::uint64_t at = writer->offset() - writer->encoded_bytes();
    return to.write_at(at, writer->take());
  };
  for (auto& [id, group] : log_.groups) {
    for (std::uint64_t index = group.start + 1; from != 0 && index <= group.last(); ++index) {
      Slot& slot = group.slot(index);
      if (slot.segment != from) continue;
      const auto entries = read_entries(
          {{log_.segments[from].file, slot.offset(), slot.length, id, index, slot.term}});
      if (!entries) return entries.error();
      slot.segment = static_cast<std::uint32_t>(writer->header().sequence);
      slot.offset_units = static_cast<std::uint32_t>(writer->offset() / kAlignment);
      const LogEntry& entry = entries->front();
      writer->add(id, index, entry.term, entry.kind, entry.data);
      if (writer->encoded_bytes() < kFlushBytes) continue;
      if (auto flushed = flush(); !flushed) return flushed;
    }
  }
  writer->finish();
  return flush();
}

void Recovery::count_pins() {
  for (const auto& [id, group] : log_.groups) {
    for (const Slot& slot : group.slots) {
      SegmentInfo& info = log_.segments[slot.segment];
      ++info.pins;
      info.live_bytes += slot.bytes();
    }
  }
}

void Recovery::drop_what_is_not_needed() {
  while (log_.segments.begin()->first != log_.tail.segment &&
         log_.segments.begin()->second.pins == 0) {
    const auto oldest = log_.segments.begin();
    SegmentFilePtr file = std::move(oldest->second.file);
    log_.segments.erase(oldest);
    for (Link& link : chain_) {
      if (link.file == file) link.file.reset();
    }
    store_.retire(std::move(file));
  }
  for (const std::uint64_t sequence : sequences_) {
    const bool on_chain = log_.segments.count(static_cast<std::uint32_t>(sequence)) != 0 ||
                          std::any_of(chain_.begin(), chain_.end(), [&](const Link& link) {
                            return link.header.sequence == sequence;
                          });
    if (!on_chain) store_.remove_segment(sequence);
  }
}

}  // namespace

Result<RecoveredLog> recover_log(SegmentStore& store, const WalOptions& options,
                                 std::string* detail) {
  return Recovery(store, options, detail).run();
}

Result<GroupMap> look_at_log(SegmentStore& store, const WalOptions& options, std::string* detail) {
  return Recovery(store, options, detail).look();
}

std::vector<RecoveredGroup> recovered_groups(const GroupMap& groups) {
  std::vector<RecoveredGroup> all;
  for (const auto& [id, group] : groups)
    all.push_back({id, group.hard_state, group.config, group.start, group.start_term, group.last(),
                   group.last_term()});
  return all;
}

}  // namespace cairn::wal
