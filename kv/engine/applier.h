// The apply stage: entries in, answers out, one WriteBatch that also carries every group's applied
// index. Deterministic: what it does is a function of the group's state and the entry, whatever the
// metadata table holds, however entries are cut into batches, and whenever the process restarted.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kv/engine/changes.h"
#include "kv/engine/database.h"
#include "kv/engine/groups.h"
#include "kv/engine/metadata_table.h"

namespace cairn::kv {

/// Bytes of keys and values that one step of a prefix removal may visit. Part of what apply does:
/// another number is another feature level.
inline constexpr std::size_t kRemovePrefixBytesMax = 16u << 20;

struct ApplyCounters {
  std::atomic<std::uint64_t> entries{0}, batches{0}, table_misses{0};
};

class Applier {
 public:
  Applier(Database& database, MetadataTable& table, Groups& groups, ApplyCounters& counters)
      : database_(database), table_(table), groups_(groups), counters_(counters) {}

  /// kUnknownCommand: nothing was applied. Throws BrokenInvariant for entries that are not the next
  /// ones of their group.
  EngineResult<std::vector<ApplyResult>> apply(std::span<const ApplyItem> items);

 private:
  struct Decoded {
    Stamp stamp;
    Command command;
    bool readable = false;
  };

  EngineResult<void> decode(std::span<const ApplyItem> items);
  void fetch_metadata(std::span<const ApplyItem> items);
  EngineResult<ApplyResult> apply_entry(Group& group, const ApplyItem& item,
                                        const Decoded& decoded);
  /// Makes LevelDB know everything that this entry reads there.
  EngineResult<void> settle_before(Group& group, const Decoded& decoded);
  /// Writes what has been decided, with the applied indexes; only between two entries.
  EngineResult<void> write_out();
  void touch(Group& group);
  void release_large(std::size_t used);

  // commands.cc
  EngineResult<Answer> apply_command(Group& group, const Stamp& stamp, const Command& command);
  Answer open_session(Group& group, const Stamp& stamp, const Command& command);
  EngineResult<Answer> apply_once(Group& group, const Stamp& stamp, const Command& command);
  EngineResult<Answer> apply_keyed(Group& group, const Stamp& stamp, const Command& command,
                                   bool* keep);
  EngineResult<Answer> execute(Group& group, const Stamp& stamp, const Command& command);
  EngineResult<Answer> write(Group& group, const Stamp& stamp, const Command& command);
  EngineResult<Answer> remove_prefix(Group& group, const Stamp& stamp, const Command& command);
  EngineResult<Answer> found(Group& group, const Stamp& stamp, const Command& command);
  EngineResult<Answer> set_cluster(Group& group, const Stamp& stamp, const Command& command);
  /// What is known of a key, with the effects of this batch; reads LevelDB if the table has not.
  EngineResult<MetadataTable::Entry*> look_up(Group& group, std::string_view key);
  EngineResult<Item> read_item(Group& group, std::string_view key);
  void put(Group& group, const Stamp& stamp, std::string_view key, std::string_view value,
           MetadataTable::Entry& entry);
  void remove(Group& group, std::string_view key, MetadataTable::Entry& entry);
  /// The full key, valid until the next call.
  std::string_view item_key(const Group& group, std::string_view key);

  Database& database_;
  MetadataTable& table_;
  Groups& groups_;
  ApplyCounters& counters_;
  Changes changes_;
  std::vector<Group*> touched_;
  std::uint64_t batch_ = 1;            // number of the batch that is being built
  std::vector<Decoded> decoded_;       // of the items of this call
  std::vector<std::uint64_t> hashes_;  // of their keys
  std::string key_, value_;            // scratch
};

}  // namespace cairn::kv
