// A hash of a group's items that is kept current at each put and delete: an item adds one word, by
// exclusive or, to the bucket that its key belongs to. Replicas that have applied the same entries
// have the same words; where they differ, the buckets say among which keys.
//
// It stands beside the group's record, written with it, and is made anew from the items where it is
// not of that very record. It is no part of snapshots: who installs one counts for itself.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kv/engine/database.h"
#include "kv/engine/keyspace.h"

namespace cairn::kv {

class StateHash {
 public:
  /// Of the key alone: names its bucket, and seeds its word.
  [[nodiscard]] static std::uint64_t key_hash(std::string_view key) noexcept;
  /// What an item adds, and, added again, takes away. Never 0: that is no item.
  [[nodiscard]] static std::uint64_t word_of(std::uint64_t key_hash, const ItemMeta& meta) noexcept;
  [[nodiscard]] static std::uint64_t word_of(std::string_view key, const ItemMeta& meta) noexcept {
    return word_of(key_hash(key), meta);
  }
  [[nodiscard]] static std::size_t bucket_of(std::uint64_t key_hash) noexcept {
    return key_hash % kStateBuckets;
  }

  void toggle(std::uint64_t key_hash, std::uint64_t word) noexcept {
    buckets_[bucket_of(key_hash)] ^= word;
    total_ ^= word;
  }
  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
  [[nodiscard]] const StateBuckets& buckets() const noexcept { return buckets_; }
  void set_buckets(const StateBuckets& buckets) noexcept;

  /// Where a majority found that these items are not what the log makes of them; 0: nowhere. It
  /// stays with the items until others take their place.
  raft::Index odd_at = 0;

  /// Bound to the record that it belongs to.
  [[nodiscard]] std::string encode(const GroupRecord& record) const;
  /// nullopt: damaged, or of another record.
  [[nodiscard]] static std::optional<StateHash> decode(std::string_view bytes,
                                                       const GroupRecord& record);
  /// From the items themselves.
  [[nodiscard]] static EngineResult<StateHash> count(const Database& database, raft::GroupId group,
                                                     std::uint64_t generation);

 private:
  StateBuckets buckets_{};
  std::uint64_t total_ = 0;  // of all buckets
};

/// What the hash was at some applied indexes, for comparing with replicas that are ahead or behind:
/// at the last few, and at every kGrid-th before. Every kCoarse-th is told apart: under load the
/// replicas meet only there. Written by the apply thread, read by any.
class StateMarks {
 public:
  static constexpr raft::Index kGrid = 64;
  static constexpr raft::Index kCoarse = 4096;

  /// Seen by others once the batch is written: publish().
  void pass(raft::Index index, const StateHash& hash) { fresh_.push_back({index, hash.total()}); }
  void publish(raft::Index index, const StateHash& hash);
  /// Earlier marks are of another history.
  void reset();
  /// nullopt: it is not remembered.
  [[nodiscard]] std::optional<std::uint64_t> at(raft::Index index) const;
  /// The newest, and the last of the grid and of the coarse one.
  [[nodiscard]] std::vector<StateMark> newest() const;
  [[nodiscard]] StateBuckets buckets(raft::Index* index) const;

 private:
  static constexpr std::size_t kRecent = 64;
  static constexpr std::size_t kKept = 128;
  void keep(const StateMark& mark);

  std::vector<StateMark> fresh_;  // of the batch that is being built; apply thread
  mutable std::mutex mutex_;
  std::array<StateMark, kRecent> recent_{};  // by index
  std::array<StateMark, kKept> grid_{};      // by index / kGrid
  StateMark newest_;
  StateMark last_grid_;
  StateMark last_coarse_;
  StateBuckets buckets_{};
};

}  // namespace cairn::kv
