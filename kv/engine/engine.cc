#include "kv/engine/engine.h"

#include <atomic>
#include <utility>

#include "kv/engine/applier.h"
#include "kv/engine/database.h"
#include "kv/engine/digest.h"
#include "kv/engine/groups.h"
#include "kv/engine/install.h"
#include "kv/engine/metadata_table.h"
#include "kv/engine/snapshot.h"
#include "kv/engine/state_view.h"
#include "kv/engine/view.h"

namespace cairn::kv {
namespace {

class EngineImpl final : public Engine {
 public:
  EngineImpl(std::unique_ptr<Database> database, const EngineOptions& options,
             const EngineIdentity& identity)
      : options_(options),
        identity_(identity),
        database_(std::move(database)),
        table_(options.metadata_table_bytes),
        applier_(*database_, table_, groups_, counters_),
        installs_(*database_, table_, groups_, options_, identity.cluster) {}

  EngineResult<void> load(std::string* detail) {
    if (auto done = bind(detail); !done) return done;
    if (auto done = load_groups(); !done) return done;
    return installs_.load();
  }

  std::vector<EngineGroup> groups() const override {
    std::vector<EngineGroup> out;
    groups_.for_each([&](const Group& group) {
      const GroupRecord& record = group.record;
      EngineGroup& one = out.emplace_back();
      one.group = group.id;
      one.generation = record.generation;
      one.applied = record.applied;
      one.applied_term = record.applied_term;
      one.config = record.config;
      one.config_index = record.config_index;
      one.last_revision = record.last_revision;
      one.ceiling = record.ceiling;
      one.installed_index = record.installed_index;
      one.installed_term = record.installed_term;
      one.odd_at = group.hash.odd_at;
    });
    return out;
  }

  boost::system::result<void> create_group(raft::GroupId group, const raft::Configuration& config,
                                           std::uint32_t epoch) override {
    if (database_->failed()) return EngineError::kFailed;
    if (groups_.find(group) != nullptr) return {};
    GroupRecord record;
    record.generation = installs_.first_generation(group);
    record.config = config;
    record.epoch = epoch;
    leveldb::WriteBatch batch;
    batch.Put(group_key(group), encode_group(record));
    const AppliedIndex applied{group, 0};
    if (auto done = database_->write(batch, std::span(&applied, 1)); !done) return done;
    auto fresh = std::make_unique<Group>(group, options_);
    if (auto done = fresh->adopt(record, StateHash(), *database_); !done) return done;
    groups_.add(std::move(fresh));
    return {};
  }

  boost::system::result<void> remove_group(raft::GroupId group) override {
    if (database_->failed()) return EngineError::kFailed;
    return installs_.remove(group);
  }

  std::uint64_t table_bytes(raft::GroupId group) const override {
    const Group* const known = groups_.find(group);
    if (known == nullptr) return 0;
    const std::uint64_t generation = known->published.generation.load(std::memory_order_acquire);
    return database_->table_bytes(generation_prefix(group, generation));
  }

  boost::system::result<std::vector<ApplyResult>> apply(std::span<const ApplyItem> items) override {
    if (database_->failed() || applier_broken_) return EngineError::kFailed;
    applier_broken_ = true;  // unless it comes back: what it holds is then half of something
    auto results = applier_.apply(items);
    applier_broken_ = !results && results.error() != EngineError::kUnknownCommand;
    return results;
  }

  void flush(std::function<void(boost::system::result<FlushPoint>)> done) override {
    database_->flush(std::move(done));
  }

  boost::system::result<std::optional<Item>> get(raft::GroupId group,
                                                 std::string_view key) const override {
    const Group* const known = groups_.find(group);
    if (known == nullptr) return EngineError::kNoGroup;
    for (;;) {
      const std::uint64_t generation = known->published.generation.load(std::memory_order_acquire);
      auto item = read_item_at(*database_, nullptr, group, generation, key);
      // A generation is taken apart only after the flip away from it was published, so what was
      // read is whole if the flip is not seen now.
      if (known->published.generation.load(std::memory_order_acquire) == generation) return item;
    }
  }

  std::unique_ptr<EngineView> view() const override {
    return std::make_unique<SnapshotView>(*database_);
  }

  Revision revision(raft::GroupId group) const override {
    const Group* const known = groups_.find(group);
    return known != nullptr ? known->published.revision.load(std::memory_order_acquire) : 0;
  }

  boost::system::result<std::unique_ptr<SnapshotSource>> snapshot(
      raft::GroupId group) const override {
    return GroupSnapshot::take(*database_, identity_.cluster, group);
  }

  boost::system::result<std::unique_ptr<SnapshotSink>> install(
      raft::GroupId group, const raft::SnapshotMeta& meta) override {
    if (database_->failed()) return EngineError::kFailed;
    return installs_.begin(group, meta);
  }

  boost::system::result<bool> maintain() override {
    if (database_->failed()) return EngineError::kFailed;
    return installs_.clean_up();
  }

  boost::system::result<std::string> digest(raft::GroupId group) const override {
    const EngineResult<Hash128> digest = digest_of(*database_, database_->moment(), group);
    if (!digest) return digest.error();
    return to_hex(*digest);
  }

  std::vector<StateMark> state_marks(raft::GroupId group) const override {
    const Group* const known = groups_.find(group);
    return known == nullptr ? std::vector<StateMark>() : known->marks.newest();
  }

  std::optional<std::uint64_t> state_mark_at(raft::GroupId group,
                                             raft::Index index) const override {
    const Group* const known = groups_.find(group);
    return known == nullptr ? std::nullopt : known->marks.at(index);
  }

  StateBuckets state_buckets(raft::GroupId group, raft::Index* index) const override {
    const Group* const known = groups_.find(group);
    *index = 0;
    return known == nullptr ? StateBuckets() : known->marks.buckets(index);
  }

  boost::system::result<std::unique_ptr<StateView>> state_view(raft::GroupId group) const override {
    return take_state_view(*database_, group);
  }

  boost::system::result<void> mark_odd(raft::GroupId group, raft::Index index) override {
    return change_state(group, [&](Group& g) -> EngineResult<void> {
      g.hash.odd_at = index;
      return {};
    });
  }

  boost::system::result<void> adjust_state(raft::GroupId group, std::uint64_t generation,
                                           const StateBuckets& by) override {
    return change_state(group, [&](Group& g) -> EngineResult<void> {
      if (g.record.generation != generation) return EngineError::kSuperseded;
      StateBuckets buckets = g.hash.buckets();
      for (std::size_t i = 0; i < kStateBuckets; ++i) buckets[i] ^= by[i];
      g.hash.set_buckets(buckets);
      return {};
    });
  }

  boost::system::result<void> repair(raft::GroupId group, raft::Index index,
                                     std::span<const ItemRecord> items) override {
    const Group* const known = groups_.find(group);
    if (known == nullptr) return EngineError::kNoGroup;
    if (database_->failed()) return EngineError::kFailed;
    if (known->record.applied != index) return EngineError::kSuperseded;
    leveldb::WriteBatch batch;
    if (!add_records(items, known->current_prefix, batch)) return EngineError::kBadChunk;
    for (const ItemRecord& item : items) table_.forget(group, known->record.generation, item.key);
    return database_->write(batch, {});
  }

  boost::system::result<void> end_repair(raft::GroupId group, raft::Index index,
                                         const StateBuckets& buckets) override {
    return change_state(group, [&](Group& g) -> EngineResult<void> {
      if (g.record.applied != index) return EngineError::kSuperseded;
      g.hash.set_buckets(buckets);
      g.hash.odd_at = 0;
      return {};
    });
  }

  EngineMetrics metrics() const override {
    EngineMetrics out;
    out.applied_entries = counters_.entries;
    out.batches = counters_.batches;
    out.metadata_table_misses = counters_.table_misses;
    out.metadata_table_bytes = table_.bytes();
    out.flushes = database_->flusher().flushes();
    out.unflushed_bytes = database_->flusher().unflushed_bytes();
    groups_.for_each([&](const Group& group) {
      out.sessions += group.published.sessions.load(std::memory_order_relaxed);
      out.idempotency_records +=
          group.published.idempotency_records.load(std::memory_order_relaxed);
    });
    out.level0_files = static_cast<std::uint64_t>(database_->level0_files());
    out.failed = database_->failed() || applier_broken_;
    out.corrupt = database_->is_corrupt();
    return out;
  }

 private:
  /// What was remembered of earlier indexes was of the hash as it is no more.
  template <class Change>
  EngineResult<void> change_state(raft::GroupId id, Change change) {
    Group* const group = groups_.find(id);
    if (group == nullptr) return EngineError::kNoGroup;
    if (database_->failed()) return EngineError::kFailed;
    if (auto done = change(*group); !done) return done;
    leveldb::WriteBatch batch;
    const std::string bytes = group->hash.encode(group->record);
    batch.Put(state_hash_key(id), bytes);
    if (auto done = database_->write(batch, {}); !done) return done;
    group->marks.reset();
    group->publish();
    return {};
  }

  /// Checks whose database this is; an empty one becomes ours.
  EngineResult<void> bind(std::string* detail) {
    std::string bytes;
    const EngineResult<bool> found = database_->get(identity_key(), &bytes);
    if (!found) return found.error();
    if (!*found) {
      Cursor anything(*database_, {}, nullptr, false);
      if (auto done = anything.status(); !done) return done;
      if (anything.valid()) {
        *detail = "the database has records but does not say whose it is";
        return database_->corrupt();
      }
      leveldb::WriteBatch batch;
      batch.Put(identity_key(), encode_identity(identity_));
      return database_->write(batch, {});
    }
    const std::optional<EngineIdentity> identity = decode_identity(bytes);
    if (!identity || identity->format == 0) {
      *detail = "the database's identity record is damaged";
      return database_->corrupt();
    }
    if (identity->format > kEngineFormat) {
      *detail = "the database has format " + std::to_string(identity->format) + ", this program " +
                std::to_string(kEngineFormat);
      return EngineError::kNewerFormat;
    }
    if (identity->cluster != identity_.cluster || identity->node != identity_.node) {
      *detail = "the database belongs to node " + std::to_string(identity->node) +
                " of another cluster or is another node's";
      return EngineError::kForeign;
    }
    return {};
  }

  /// Counted anew where it was not written with this very record: by an earlier version, say.
  EngineResult<StateHash> load_hash(raft::GroupId id, const GroupRecord& record) {
    std::string bytes;
    const EngineResult<bool> found = database_->get(state_hash_key(id), &bytes);
    if (!found) return found.error();
    if (*found)
      if (const auto hash = StateHash::decode(bytes, record)) return *hash;
    EngineResult<StateHash> counted = StateHash::count(*database_, id, record.generation);
    if (!counted) return counted;
    leveldb::WriteBatch batch;  // that it need not be counted at every start
    batch.Put(state_hash_key(id), counted->encode(record));
    if (auto done = database_->write(batch, {}); !done) return done.error();
    return counted;
  }

  EngineResult<void> load_groups() {
    std::vector<AppliedIndex> applied;
    Cursor cursor(*database_, groups_prefix(), nullptr, false);
    for (; cursor.valid(); cursor.next()) {
      const std::string key = groups_prefix() + std::string(cursor.key());
      const std::optional<GroupRecord> record = decode_group(cursor.value());
      raft::GroupId id = 0;
      for (const char c : cursor.key()) id = (id << 8) | static_cast<unsigned char>(c);
      if (!record || key != group_key(id)) return database_->corrupt();
      auto group = std::make_unique<Group>(id, options_);
      const EngineResult<StateHash> items = load_hash(id, *record);
      if (!items) return items.error();
      if (auto done = group->adopt(*record, *items, *database_); !done) return done;
      groups_.add(std::move(group));
      applied.emplace_back(id, record->applied);
    }
    if (auto done = cursor.status(); !done) return done;
    database_->flusher().seed(std::move(applied));
    return {};
  }

  const EngineOptions options_;
  const EngineIdentity identity_;
  const std::unique_ptr<Database> database_;
  MetadataTable table_;
  Groups groups_;
  ApplyCounters counters_;
  Applier applier_;
  Installs installs_;
  std::atomic<bool> applier_broken_{false};
};

// Boost's base class has no virtual destructor and needs none: this object is never deleted.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "cairn.kv.engine"; }
  std::string message(int value) const override {
    switch (static_cast<EngineError>(value)) {
      case EngineError::kCorrupt:
        return "the database is corrupt";
      case EngineError::kNewerFormat:
        return "written in a newer format";
      case EngineError::kForeign:
        return "the database belongs to another cluster or node";
      case EngineError::kFailed:
        return "the database failed";
      case EngineError::kUnknownCommand:
        return "a command of a newer version";
      case EngineError::kBadChunk:
        return "a snapshot chunk is damaged or out of place";
      case EngineError::kSuperseded:
        return "a newer install began";
      case EngineError::kNoGroup:
        return "no such group here";
    }
    return "unknown error";
  }
};
#pragma GCC diagnostic pop

}  // namespace

boost::system::error_code make_error_code(EngineError e) noexcept {
  static const Category category;
  return {static_cast<int>(e), category};
}

boost::system::result<std::unique_ptr<Engine>> Engine::open(
    wal::FileSystem& files, const std::string& directory, std::uint64_t cluster_id,
    std::uint64_t node_id, const EngineOptions& options, wal::Executor* background,
    std::string* detail) {
  std::string ignored;
  if (detail == nullptr) detail = &ignored;
  EngineResult<std::unique_ptr<Database>> database =
      Database::open(files, directory, options, background, detail);
  if (!database) return database.error();
  EngineIdentity identity;
  identity.cluster = cluster_id;
  identity.node = node_id;
  auto engine = std::make_unique<EngineImpl>(std::move(*database), options, identity);
  if (auto done = engine->load(detail); !done) {
    if (detail->empty()) *detail = directory + ": " + done.error().message();
    return done.error();
  }
  return std::unique_ptr<Engine>(std::move(engine));
}

}  // namespace cairn::kv
