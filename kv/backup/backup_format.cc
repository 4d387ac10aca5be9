#include "kv/backup/backup_format.h"

#include <stdexcept>

#include "kv/engine/bytes.h"
#include "kv/engine/hash.h"

namespace cairn::kv {

std::string encode_backup_header(const BackupHeader& header) {
  std::string out(kBackupMagic);
  append_le(out, kBackupVersion);
  append_le(out, static_cast<std::uint32_t>(kBackupHeaderBytes));
  append_le(out, header.cluster);
  append_le(out, header.partitions);
  append_le(out, header.hash_id);
  append_le(out, header.hash_seed);
  append_le(out, header.moment);
  append_le(out, header.wall_ms);
  append_le(out, header.id);
  append_le(out, hash64(out));
  return out;
}

std::string BackupWriter::begin(const BackupHeader& header) {
  std::string out = encode_backup_header(header);
  partitions_ = header.partitions;
  chain_ = hash64(out);
  bytes_ = out.size();
  return out;
}

std::string BackupWriter::block(std::uint32_t kind, std::uint32_t partition,
                                std::string_view payload) {
  if (payload.size() > kBackupBlockMax) throw std::logic_error("backup: a block is too large");
  std::string out;
  out.reserve(kBackupBlockHeadBytes + payload.size() + 8);
  append_le(out, kBackupBlockMagic);
  append_le(out, kind);
  append_le(out, partition);
  append_le(out, static_cast<std::uint32_t>(payload.size()));
  chain_ = hash64(out, chain_);
  append_le(out, chain_);
  chain_ = hash64(payload, chain_);
  out.append(payload);
  append_le(out, chain_);
  bytes_ += out.size();
  ++blocks_;
  return out;
}

std::string BackupWriter::chunk(std::uint32_t partition, std::string_view bytes) {
  return block(kBackupChunk, partition, bytes);
}

std::string BackupWriter::finish() {
  std::string payload;
  append_le(payload, blocks_);
  append_le(payload, bytes_);
  append_le(payload, partitions_);
  return block(kBackupEnd, 0, payload);
}

}  // namespace cairn::kv
