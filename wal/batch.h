// Batches: what one write and one fdatasync carry.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "wal/record_codec.h"
#include "wal/segment_store.h"

namespace cairn::wal {

/// What the disk executor writes. The home side does not touch it while it is under way.
struct BatchWrite {
  std::string bytes;
  std::uint64_t offset = 0;
  SegmentFilePtr segment;  // null: the one that is born with this batch, or the batch before
  std::optional<SegmentHeader> birth;
  std::string birth_bytes;
};

/// A batch from its first record to its completion; home side. Never without a record or a birth.
struct Batch {
  struct Trimmed {
    GroupId group = 0;
    std::uint64_t start = 0;
    std::uint64_t resets = 0;
  };

  std::uint64_t number = 0;
  std::uint32_t segment = 0;
  bool sealed = false;  // no record is added any more
  bool wanted = false;  // somebody waits for it
  std::shared_ptr<BatchWrite> write = std::make_shared<BatchWrite>();
  std::uint64_t records = 0;
  RecordHeader last;            // to be flagged as the batch's last
  std::size_t last_offset = 0;  // in write->bytes

  std::vector<Wal::Done> dones;
  // What becomes true when it is durable:
  std::vector<std::uint32_t> unpinned;  // segments that a superseded slot lay in, once for each
  std::vector<Trimmed> trimmed;         // log starts that are on disk then

  std::uint64_t bytes() const { return write->bytes.size() + write->birth_bytes.size(); }
};

}  // namespace cairn::wal
