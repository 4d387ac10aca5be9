// The log's reader: a directory with one segment of the input's bytes is opened, and read. With an
// even first byte the checks of header and records are made right, so that what is behind them is
// reached.
#include <algorithm>

#include "tests/fuzz/fuzz.h"
#include "wal/manual_executor.h"
#include "wal/memory_file_system.h"
#include "wal/record_codec.h"
#include "wal/segment.h"

namespace {

using namespace cairn;

constexpr std::size_t kSegmentBytes = 4096;

template <class T>
T number_at(const std::string& bytes, std::size_t at) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(
        value |
        static_cast<T>(static_cast<T>(static_cast<unsigned char>(bytes[at + i])) << (8 * i)));
  }
  return value;
}

/// Encodes anew what the bytes say, as far as they say anything.
void seal(std::string& bytes) {
  wal::SegmentHeader header;
  header.cluster_id = 1;
  header.node_id = 1;
  header.sequence = 1;
  header.file_bytes = std::min<std::uint64_t>(number_at<std::uint64_t>(bytes, 40),
                                              std::max(bytes.size(), kSegmentBytes));
  header.birth_end = number_at<std::uint64_t>(bytes, 48);
  header.birth_batch = number_at<std::uint64_t>(bytes, 88);
  wal::encode_segment_header(&header, bytes.data());
  std::uint64_t previous = header.check;
  std::size_t at = wal::kSegmentHeaderBytes;
  while (at + wal::kRecordHeaderBytes <= bytes.size()) {
    wal::RecordHeader record;
    record.previous = previous;
    record.batch = number_at<std::uint64_t>(bytes, at + 24);
    record.index = number_at<std::uint64_t>(bytes, at + 32);
    record.term = number_at<std::uint64_t>(bytes, at + 40);
    record.length = number_at<std::uint32_t>(bytes, at + 48);
    record.group = number_at<std::uint32_t>(bytes, at + 52);
    record.kind = static_cast<wal::RecordKind>(bytes[at + 60]);
    record.flags = static_cast<std::uint8_t>(bytes[at + 61]);
    record.entry_kind = static_cast<std::uint8_t>(bytes[at + 62]);
    const std::size_t room = bytes.size() - at - wal::kRecordHeaderBytes;
    const std::size_t length = std::min<std::size_t>(record.length, room);
    std::string encoded;
    const std::uint32_t said = record.length;
    wal::append_record(header.check, &record,
                       std::string_view(bytes).substr(at + wal::kRecordHeaderBytes, length),
                       &encoded);
    if (said != length) {  // a length beyond the file, under a check that holds
      record.length = said;
      wal::encode_record_header(header.check, &record, encoded.data());
    }
    encoded.resize(std::min(encoded.size(), bytes.size() - at));
    bytes.replace(at, encoded.size(), encoded);
    previous = record.check;
    at += wal::record_bytes(length);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1 + wal::kSegmentHeaderBytes || size > (1u << 16)) return 0;
  std::string bytes(fuzz::view_of(data + 1, size - 1));
  if (data[0] % 2 == 0) seal(bytes);
  bytes.resize(std::max(bytes.size(), kSegmentBytes), '\0');
  wal::MemoryFileSystem files;
  wal::MemoryFileSystem::Image image;
  image.directories = {"/log"};
  image.files["/log/" + wal::segment_name(1)] = bytes;
  files.load(image);
  wal::ManualExecutor home, disk;
  wal::WalOptions options;
  options.cluster_id = 1;
  options.node_id = 1;
  options.segment_bytes = kSegmentBytes;
  options.record_bytes_max = 1u << 16;
  {
    // The disk in memory holds what is written; beyond that, a window of a megabyte.
    const fuzz::AllocationCap cap(16 * bytes.size() + (4u << 20));
    std::string detail;
    const auto log = wal::Wal::open(files, "log", options, home, disk, &detail);
    if (log) {
      for (const wal::RecoveredGroup& group : (*log)->recovered()) {
        if (group.last_index <= group.start_index) continue;
        fuzz::require((*log)
                          ->read_now(group.group, group.start_index + 1, group.last_index, 1u << 16)
                          .has_value());
      }
    } else {
      fuzz::require(!detail.empty() || log.error().failed());
    }
  }
  disk.drop_all();
  home.drop_all();
  return 0;
}
