// The bytes of a backup: a header, then each partition's state as a snapshot stream cut into
// blocks, then an end. kv/FORMAT.md says it in words; the two change together.
//
// Everything is chained by checks, so that a file that was cut, spliced or flipped anywhere is
// known as such; no length is believed before its own check has held, and none beyond
// kBackupBlockMax.
#pragma once

#include <boost/system/result.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace cairn::kv {

struct StreamHead;

inline constexpr std::string_view kBackupMagic = "CAIRNBAK";
inline constexpr std::uint32_t kBackupVersion = 1;
inline constexpr std::size_t kBackupHeaderBytes = 72;
inline constexpr std::size_t kBackupBlockHeadBytes = 24;
inline constexpr std::size_t kBackupBlockMax = 16u << 20;
inline constexpr std::uint32_t kBackupBlockMagic = 0x4b4c4243;  // "CBLK" as bytes
inline constexpr std::uint32_t kBackupChunk = 1;                // kinds of blocks
inline constexpr std::uint32_t kBackupEnd = 2;

struct BackupHeader {
  std::uint64_t cluster = 0;  // whose state this is
  std::uint32_t partitions = 0;
  std::uint32_t hash_id = 0;
  std::uint64_t hash_seed = 0;
  std::uint64_t moment = 0;   // the revision at which all partitions were read; 0: each at its own
  std::uint64_t wall_ms = 0;  // when it was begun, Unix time
  std::uint64_t id = 0;       // random: names this backup
  friend bool operator==(const BackupHeader&, const BackupHeader&) = default;
};

[[nodiscard]] std::string encode_backup_header(const BackupHeader& header);

/// Makes the pieces of one backup, in order: begin(), for each partition from 0 on its chunks,
/// finish().
class BackupWriter {
 public:
  [[nodiscard]] std::string begin(const BackupHeader& header);
  /// A chunk of the partition's snapshot stream; at most kBackupBlockMax bytes.
  [[nodiscard]] std::string chunk(std::uint32_t partition, std::string_view bytes);
  [[nodiscard]] std::string finish();
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  std::string block(std::uint32_t kind, std::uint32_t partition, std::string_view payload);

  std::uint64_t chain_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t blocks_ = 0;
  std::uint32_t partitions_ = 0;
};

/// What is wrong with a backup, for people.
struct BackupFault {
  std::uint64_t offset = 0;
  std::string what;
  bool newer = false;  // made by a newer version, not damaged
};

/// What a walk over a backup meets. A visitor that answers false ends the walk.
class BackupVisitor {
 public:
  virtual ~BackupVisitor() = default;
  [[nodiscard]] virtual bool header(const BackupHeader&) { return true; }
  [[nodiscard]] virtual bool partition_begin(std::uint32_t /*partition*/, const StreamHead&) {
    return true;
  }
  /// Its key begins with the space.
  [[nodiscard]] virtual bool entry(std::uint32_t /*partition*/, std::string_view /*key*/,
                                   std::string_view /*value*/) {
    return true;
  }
  /// The partition's digest was found to hold.
  [[nodiscard]] virtual bool partition_end(std::uint32_t /*partition*/) { return true; }
  /// After each block: how far the walk is.
  virtual void progress(std::uint64_t /*bytes*/) {}
};

struct BackupSummary {
  BackupHeader header;
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
  std::uint64_t items = 0;         // keys
  std::uint64_t revision_max = 0;  // of last revisions and ceilings
};

/// Gives `out.size()` bytes at `offset`, fewer at the end.
using BackupBytes =
    std::function<boost::system::result<std::size_t>(std::uint64_t offset, std::span<char> out)>;

/// Walks a whole backup and checks everything: blocks, chunks, order of keys, counts and digests.
/// Holds one block at a time. nullopt: something is wrong, and `*fault` says what and where.
[[nodiscard]] std::optional<BackupSummary> walk_backup(const BackupBytes& source,
                                                       BackupVisitor& visitor, BackupFault* fault);

}  // namespace cairn::kv
