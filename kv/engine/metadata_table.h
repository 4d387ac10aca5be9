// What apply knows of keys without reading LevelDB: for each (group, generation, key) its metadata,
// or that it is absent. Written through by the apply thread, which alone uses it; bounded in bytes.
//
// It is a cache and nothing else: with any size the applied state is the same. One duty makes it
// more than that: between two calls of trim() nothing is evicted, so that the entries changed by
// the batch that is being built, which LevelDB does not know yet, stay until it is written.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "cairn/kv/store.h"
#include "raft/types.h"

namespace cairn::kv {

class MetadataTable {
 public:
  /// Stays where it is until the next trim().
  struct Entry {
   private:
    friend class MetadataTable;
    std::string_view key() const;
    std::uint64_t hash() const;
    bool is(raft::GroupId g, std::uint64_t gen, std::string_view k) const;

    // What a look-up touches stands together, at the end: a miss of the processor's cache is most
    // of what it costs. There is one of these a key: its hash is computed anew where it is needed.
    Entry* after = nullptr;  // in the clock's ring
    Entry* chain = nullptr;  // in its bucket
    std::uint64_t generation = 0;
    raft::GroupId group = 0;
    std::uint32_t key_size : 31 = 0;
    std::uint32_t used : 1 = 0;  // since the hand passed

   public:
    Revision create_revision = 0;
    Revision mod_revision = 0;
    std::uint64_t version = 0;
    std::uint64_t word = 0;        // that the item adds to the state's hash; while it is present
    std::uint64_t batch : 63 = 0;  // the last one that changed the key; the applier counts them
    std::uint64_t present : 1 = 0;
    // The key's bytes follow.
  };

  explicit MetadataTable(std::size_t bytes_max);
  ~MetadataTable();
  MetadataTable(const MetadataTable&) = delete;
  MetadataTable& operator=(const MetadataTable&) = delete;

  /// Says that find() is to come: the memory that it will touch may be fetched meanwhile. First the
  /// one for all the keys of a batch, then the other.
  [[nodiscard]] std::uint64_t fetch_bucket(raft::GroupId group, std::uint64_t generation,
                                           std::string_view key) const;
  void fetch_entry(std::uint64_t hash) const;

  /// Null: not known.
  Entry* find(raft::GroupId group, std::uint64_t generation, std::string_view key);
  /// A key that is not in the table; absent until it is filled in.
  Entry& add(raft::GroupId group, std::uint64_t generation, std::string_view key);
  /// Evicts down to the bound. Entries given out before are gone.
  void trim();
  /// Drops one entry, if it is there: what LevelDB holds of the key was changed otherwise.
  void forget(raft::GroupId group, std::uint64_t generation, std::string_view key);
  /// Drops every entry of a generation.
  void forget(raft::GroupId group, std::uint64_t generation);

  std::size_t bytes() const noexcept { return bytes_; }  // any thread

 private:
  static std::size_t cost(const Entry& entry);
  void grow();
  void leave_bucket(Entry* entry);
  void evict_after(Entry* before);

  const std::size_t bytes_max_;
  std::vector<Entry*> buckets_;  // a power of two of them
  std::size_t size_ = 0;
  std::atomic<std::size_t> bytes_{0};
  Entry* newest_ = nullptr;  // of the ring; the clock's hand stands after it
};

}  // namespace cairn::kv
