#include "wal/log_read.h"

#include <span>
#include <string>

#include "wal/record_codec.h"

namespace cairn::wal {
namespace {

bool is_what_was_asked(const ReadItem& item, const RecordHeader& header) {
  const bool entry = header.kind == RecordKind::kEntry || header.kind == RecordKind::kCopiedEntry;
  return entry && header.group == item.group && header.index == item.index &&
         header.term == item.term && header.length == item.length;
}

Result<LogEntry> read_entry(const ReadItem& item, std::string* buffer) {
  buffer->resize(kRecordHeaderBytes + item.length);
  const auto got = item.segment->file->read_at(item.offset, {buffer->data(), buffer->size()});
  if (!got) return got.error();
  if (*got != buffer->size()) return WalError::kCorrupt;
  RecordHeader header;
  if (!decode_record_header(item.segment->seed, buffer->data(), &header) ||
      !is_what_was_asked(item, header)) {
    return WalError::kCorrupt;
  }
  const std::span<const char> payload(buffer->data() + kRecordHeaderBytes, item.length);
  if (!payload_matches(item.segment->seed, header, payload)) return WalError::kCorrupt;
  return LogEntry{header.index, header.term, header.entry_kind,
                  std::string(payload.data(), payload.size())};
}

}  // namespace

Result<std::vector<LogEntry>> read_entries(const std::vector<ReadItem>& items, std::string* where) {
  std::vector<LogEntry> entries;
  entries.reserve(items.size());
  std::string buffer;
  for (const ReadItem& item : items) {
    auto entry = read_entry(item, &buffer);
    if (!entry) {
      if (where != nullptr && entry.error() == WalError::kCorrupt)
        *where = item.segment->path + " at " + std::to_string(item.offset) +
                 ": not the entry that was written there";
      return entry.error();
    }
    entries.push_back(std::move(*entry));
  }
  return entries;
}

}  // namespace cairn::wal
