// Reading a backup: bytes that may be anything until they are checked.
#include <algorithm>
#include <span>

#include "kv/backup/backup_format.h"
#include "kv/engine/bytes.h"
#include "kv/engine/digest.h"
#include "kv/engine/hash.h"
#include "kv/engine/keyspace.h"
#include "kv/engine/snapshot_chunk.h"

namespace cairn::kv {
namespace {

constexpr std::size_t kHeaderBytesMax = 4096;
constexpr const char* kStopped = "its reader could not go on";

class Walk {
 public:
  Walk(const BackupBytes& source, BackupVisitor& visitor, BackupFault* fault)
      : source_(source), visitor_(visitor), fault_(fault) {}

  std::optional<BackupSummary> run() {
    if (!read_header()) return std::nullopt;
    for (;;) {
      Block block;
      if (!read_block(&block)) return std::nullopt;
      if (block.kind == kBackupEnd) {
        if (!read_end(block)) return std::nullopt;
        return summary_;
      }
      if (!read_chunk(block)) return std::nullopt;
    }
  }

 private:
  struct Block {
    std::uint64_t at = 0;
    std::uint32_t kind = 0;
    std::uint32_t partition = 0;
    std::string payload;
  };

  bool wrong(std::uint64_t at, std::string what, bool newer = false) {
    if (fault_ != nullptr) *fault_ = {at, std::move(what), newer};
    return false;
  }
  bool read(std::size_t size, std::string* out);
  bool read_header();
  bool read_block(Block* block);
  bool read_chunk(const Block& block);
  bool read_entries(const Block& block);
  bool read_end(const Block& block);

  const BackupBytes& source_;
  BackupVisitor& visitor_;
  BackupFault* fault_;
  BackupSummary summary_;
  std::uint64_t at_ = 0;
  std::uint64_t chain_ = 0;
  std::uint64_t blocks_ = 0;
  // Of the partition that is being read:
  std::uint32_t partition_ = 0;
  ChunkReader reader_;
  std::optional<StateDigest> digest_;
  std::optional<GroupRecord> record_;
  std::string last_key_;
  std::uint64_t entries_ = 0;
};

bool Walk::read(std::size_t size, std::string* out) {
  out->resize(size);
  const auto got = source_(at_, {out->data(), size});
  if (!got) return wrong(at_, "cannot be read: " + got.error().message());
  if (*got < size) return wrong(at_ + *got, "the backup ends too early");
  at_ += size;
  return true;
}

bool Walk::read_header() {
  std::string bytes;
  if (!read(kBackupHeaderBytes, &bytes)) return false;
  if (!bytes.starts_with(kBackupMagic)) return wrong(0, "this is not a backup");
  FieldReader in(std::string_view(bytes).substr(kBackupMagic.size()));
  const auto version = in.le<std::uint32_t>();
  const auto size = in.le<std::uint32_t>();
  // Every version keeps magic, version, size and the check at its end in these places, so that
  // "newer" is believed only when the check holds.
  if (size < kBackupHeaderBytes || size > kHeaderBytesMax) return wrong(0, "the header is damaged");
  std::string rest;
  if (!read(size - kBackupHeaderBytes, &rest)) return wrong(0, "the header is damaged");
  const std::string whole = bytes + rest;
  const std::string_view checked = std::string_view(whole).substr(0, size - 8);
  if (FieldReader(std::string_view(whole).substr(size - 8)).le<std::uint64_t>() !=
      hash64(checked)) {
    return wrong(0, "the header is damaged");
  }
  if (version > kBackupVersion) {
    return wrong(0,
                 "made by a newer version (format " + std::to_string(version) +
                     ", this one reads " + std::to_string(kBackupVersion) + "): use that one",
                 true);
  }
  BackupHeader& header = summary_.header;
  header.cluster = in.le<std::uint64_t>();
  header.partitions = in.le<std::uint32_t>();
  header.hash_id = in.le<std::uint32_t>();
  header.hash_seed = in.le<std::uint64_t>();
  header.moment = in.le<std::uint64_t>();
  header.wall_ms = in.le<std::uint64_t>();
  header.id = in.le<std::uint64_t>();
  if (version == 0 || size != kBackupHeaderBytes) {
    return wrong(0, "the header is damaged");
  }
  if (header.partitions == 0) return wrong(24, "it has no partition");
  chain_ = hash64(bytes);
  return visitor_.header(header) || wrong(0, kStopped);
}

bool Walk::read_block(Block* block) {
  block->at = at_;
  std::string head;
  if (!read(kBackupBlockHeadBytes, &head)) return false;
  FieldReader in(head);
  const auto magic = in.le<std::uint32_t>();
  block->kind = in.le<std::uint32_t>();
  block->partition = in.le<std::uint32_t>();
  const auto length = in.le<std::uint32_t>();
  const auto check = in.le<std::uint64_t>();
  chain_ = hash64(std::string_view(head).substr(0, kBackupBlockHeadBytes - 8), chain_);
  if (magic != kBackupBlockMagic || check != chain_) {
    return wrong(block->at, "the head of a block is damaged");
  }
  if (length > kBackupBlockMax) return wrong(block->at, "a block is too large");
  if (!read(length, &block->payload)) return false;
  chain_ = hash64(block->payload, chain_);
  std::string tail;
  if (!read(8, &tail)) return false;
  if (FieldReader(tail).le<std::uint64_t>() != chain_) {
    return wrong(block->at, "the content of a block is damaged");
  }
  if (block->kind != kBackupChunk && block->kind != kBackupEnd) {
    return wrong(block->at, "a block of an unknown kind");
  }
  ++blocks_;
  visitor_.progress(at_);
  return true;
}

bool Walk::read_chunk(const Block& block) {
  if (block.partition != partition_ || partition_ >= summary_.header.partitions) {
    return wrong(block.at, "a block of another partition than the next one");
  }
  if (!reader_.read(block.payload)) return wrong(block.at, "a chunk is damaged");
  if (!digest_) {
    const StreamHead& head = *reader_.head();
    record_ = decode_replicated(head.replicated);
    if (!record_ || head.cluster != summary_.header.cluster || head.group != partition_ + 1) {
      return wrong(block.at, "a partition's head is not what it must be");
    }
    digest_.emplace(head.replicated);
    summary_.revision_max =
        std::max({summary_.revision_max, record_->last_revision, record_->ceiling});
    if (!visitor_.partition_begin(partition_, head)) return wrong(block.at, kStopped);
  }
  if (!read_entries(block)) return false;
  if (!reader_.tail()) return true;
  const StreamTail& tail = *reader_.tail();
  if (tail.entries != entries_ || tail.digest != digest_->value()) {
    return wrong(block.at, "a partition's digest does not hold");
  }
  if (!visitor_.partition_end(partition_)) return wrong(block.at, kStopped);
  summary_.entries += entries_;
  ++partition_;
  reader_ = ChunkReader();
  digest_.reset();
  last_key_.clear();
  entries_ = 0;
  return true;
}

bool Walk::read_entries(const Block& block) {
  for (;;) {
    const auto more = reader_.next();
    if (!more) return wrong(block.at, "an entry is cut off");
    if (!*more) return true;
    const std::string_view key = reader_.key();
    if (key.size() < 2 || key <= last_key_) return wrong(block.at, "keys are out of order");
    if (!acceptable_record(key, reader_.value())) {
      return wrong(block.at, "a record is not what its space allows");
    }
    last_key_.assign(key);
    digest_->add(key, reader_.value());
    ++entries_;
    if (key.front() == static_cast<char>(Space::kCurrent)) ++summary_.items;
    if (!visitor_.entry(partition_, key, reader_.value())) return wrong(block.at, kStopped);
  }
}

bool Walk::read_end(const Block& block) {
  FieldReader in(block.payload);
  const auto blocks = in.le<std::uint64_t>();
  const auto bytes = in.le<std::uint64_t>();
  const auto partitions = in.le<std::uint32_t>();
  if (!in.done() || blocks + 1 != blocks_ || bytes != block.at ||
      partitions != summary_.header.partitions) {
    return wrong(block.at, "the end does not fit what came before it");
  }
  if (partition_ != partitions) return wrong(block.at, "a partition is missing or not complete");
  char more = 0;
  const auto got = source_(at_, {&more, 1});
  if (!got) return wrong(at_, "cannot be read: " + got.error().message());
  if (*got != 0) return wrong(at_, "there are bytes after the end");
  summary_.bytes = at_;
  return true;
}

}  // namespace

std::optional<BackupSummary> walk_backup(const BackupBytes& source, BackupVisitor& visitor,
                                         BackupFault* fault) {
  return Walk(source, visitor, fault).run();
}

}  // namespace cairn::kv
