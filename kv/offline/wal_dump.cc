#include "kv/offline/wal_dump.h"

#include <utility>
#include <vector>

#include "kv/command/command.h"
#include "raft/types.h"
#include "wal/record_codec.h"
#include "wal/segment.h"
#include "wal/segment_scan.h"

namespace cairn::kv {
namespace {

constexpr std::uint64_t kRecordBytesMax = 64ull << 20;

const char* name_of(wal::RecordKind kind) {
  switch (kind) {
    case wal::RecordKind::kEntry:
      return "entry";
    case wal::RecordKind::kCopiedEntry:
      return "copied-entry";
    case wal::RecordKind::kHardState:
      return "hard-state";
    case wal::RecordKind::kConfig:
      return "config";
    case wal::RecordKind::kReset:
      return "reset";
    case wal::RecordKind::kTrim:
      return "trim";
    case wal::RecordKind::kCheckpoint:
      return "checkpoint";
    case wal::RecordKind::kBirthEnd:
      return "birth-end";
    case wal::RecordKind::kCleanStop:
      return "clean-stop";
  }
  return "unknown";
}

std::string entry_note(std::uint8_t entry_kind, std::string_view payload) {
  switch (static_cast<raft::EntryKind>(entry_kind)) {
    case raft::EntryKind::kNoop:
      return "no-op";
    case raft::EntryKind::kConfig:
      return "configuration";
    case raft::EntryKind::kCommand:
      break;
    default:
      return "unknown kind";
  }
  const auto entry = split_entry(payload);
  if (!entry) return "command that does not decode: " + entry.error().message();
  std::string note = "command, revision " + std::to_string(entry->stamp.revision);
  if (const auto command = decode_command(entry->command)) {
    note += ", " + std::to_string(command->operations.size()) + " operations";
  }
  return note;
}

std::string note_of(const wal::ScannedRecord& record) {
  const std::string_view payload(record.payload.data(), record.payload.size());
  switch (record.header.kind) {
    case wal::RecordKind::kEntry:
    case wal::RecordKind::kCopiedEntry:
      return entry_note(record.header.entry_kind, payload);
    case wal::RecordKind::kHardState: {
      std::uint64_t vote = 0;
      if (wal::decode_vote(payload, &vote)) return "vote " + std::to_string(vote);
      return {};
    }
    case wal::RecordKind::kCheckpoint: {
      wal::CheckpointPayload c;
      if (!wal::decode_checkpoint(payload, &c)) return {};
      return "term " + std::to_string(c.hard_state.term) + ", commit " +
             std::to_string(c.hard_state.commit) + ", last " + std::to_string(c.last_index);
    }
    default:
      return {};
  }
}

class Dump {
 public:
  Dump(wal::FileSystem& files, const std::function<void(const WalLine&)>& line)
      : files_(files), line_(line) {}

  void segment(const std::string& path) {
    WalLine head;
    head.file = path;
    const auto file = files_.open(path, wal::OpenMode::kRead);
    if (!file) return bad(path, 0, file.error().message());
    char bytes[wal::kSegmentHeaderBytes];
    const auto got = (*file)->read_at(0, bytes);
    if (!got) return bad(path, 0, got.error().message());
    const auto header = wal::decode_segment_header({bytes, *got});
    if (!header) return bad(path, 0, header.error().message());
    head.kind = "segment";
    head.batch = header->birth_batch;
    head.bytes = header->file_bytes;
    head.note = "sequence " + std::to_string(header->sequence) + ", node " +
                std::to_string(header->node_id) + ", follows " +
                std::to_string(header->previous_sequence) + ", replaces " +
                std::to_string(header->replaces);
    line_(head);
    if (header->file_bytes > wal::kSegmentFileBytesMax) return bad(path, 40, "size out of bounds");
    wal::SegmentScan scan(**file, *header, kRecordBytesMax);
    wal::ScanFault fault;
    const auto end =
        scan.to_tail([&](const wal::ScannedRecord& r) { return record(path, r); }, &fault);
    if (!end) bad(path, fault.offset, *fault.what != '\0' ? fault.what : end.error().message());
  }

 private:
  bool record(const std::string& path, const wal::ScannedRecord& record) {
    WalLine line;
    line.file = path;
    line.offset = record.offset;
    line.kind = name_of(record.header.kind);
    line.batch = record.header.batch;
    line.group = record.header.group;
    line.index = record.header.index;
    line.term = record.header.term;
    line.bytes = record.header.length;
    line.note = note_of(record);
    line_(line);
    return true;
  }
  void bad(const std::string& path, std::uint64_t offset, std::string what) {
    WalLine line;
    line.file = path;
    line.offset = offset;
    line.kind = "bad";
    line.note = std::move(what);
    line_(line);
  }

  wal::FileSystem& files_;
  const std::function<void(const WalLine&)>& line_;
};

std::vector<std::string> segments_in(wal::FileSystem& files, const std::string& dir) {
  std::vector<std::string> found;
  if (const auto names = files.list(dir)) {
    for (const std::string& name : *names) {
      if (wal::parse_segment_name(name)) found.push_back(dir + '/' + name);
    }
  }
  return found;
}

}  // namespace

Result<void> dump_wal(wal::FileSystem& files, const std::string& dir,
                      const std::function<void(const WalLine&)>& line) {
  std::vector<std::string> segments = segments_in(files, dir + "/wal");
  if (segments.empty()) segments = segments_in(files, dir);
  if (segments.empty()) return Error(Errc::kForeign, dir + " holds no log");
  Dump dump(files, line);
  for (const std::string& path : segments) dump.segment(path);
  return {};
}

}  // namespace cairn::kv
