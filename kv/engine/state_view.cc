#include "kv/engine/state_view.h"

#include <utility>

#include "kv/engine/digest.h"
#include "kv/engine/state_hash.h"

namespace cairn::kv {
namespace {

class GroupStateView final : public StateView {
 public:
  GroupStateView(const Database& database, Moment moment, raft::GroupId group,
                 const GroupRecord& record, const StateHash& hash)
      : database_(database),
        moment_(std::move(moment)),
        prefix_(space_prefix(group, record.generation, Space::kCurrent)),
        applied_(record.applied),
        generation_(record.generation),
        buckets_(hash.buckets()) {}

  raft::Index applied() const override { return applied_; }
  std::uint64_t generation() const override { return generation_; }
  const StateBuckets& buckets() const override { return buckets_; }

  boost::system::result<Page> page(const Range& range) const override {
    Page page;
    std::size_t bytes = 0;
    Cursor cursor(database_, prefix_, moment_, false);
    if (!range.after.empty()) cursor.seek(range.after + '\0');
    for (; cursor.valid(); cursor.next()) {
      const std::string_view key = cursor.key();
      if (!range.until.empty() && key > range.until) break;
      if (bytes > range.bytes_max) {
        page.more = true;
        break;
      }
      page.last_key.assign(key);
      bytes += key.size() + cursor.value().size();
      const std::uint64_t hash = StateHash::key_hash(key);
      if ((range.buckets >> StateHash::bucket_of(hash) & 1) == 0) continue;
      const auto meta = parse_item_trailer(cursor.value());
      if (!meta) return database_.corrupt();
      page.entries.push_back(
          {std::string(key), StateHash::word_of(hash, *meta), meta->mod_revision});
    }
    if (auto done = cursor.status(); !done) return done.error();
    if (!page.more) page.last_key.clear();
    return page;
  }

  boost::system::result<std::optional<std::string>> record(std::string_view key) const override {
    std::string bytes;
    std::string full_key = prefix_;
    full_key.append(key);
    const EngineResult<bool> found = database_.get(full_key, &bytes, moment_);
    if (!found) return found.error();
    if (!*found) return std::optional<std::string>();
    return std::optional(std::move(bytes));
  }

 private:
  const Database& database_;
  const Moment moment_;
  const std::string prefix_;
  const raft::Index applied_;
  const std::uint64_t generation_;
  const StateBuckets buckets_;
};

}  // namespace

EngineResult<std::unique_ptr<StateView>> take_state_view(const Database& database,
                                                         raft::GroupId group) {
  Moment moment = database.moment();
  const EngineResult<GroupRecord> record = read_group(database, moment, group);
  if (!record) return record.error();
  std::string bytes;
  const EngineResult<bool> found = database.get(state_hash_key(group), &bytes, moment);
  if (!found) return found.error();
  const auto hash = *found ? StateHash::decode(bytes, *record) : std::nullopt;
  return std::unique_ptr<StateView>(std::make_unique<GroupStateView>(
      database, std::move(moment), group, *record, hash ? *hash : StateHash()));
}

bool add_records(std::span<const ItemRecord> items, const std::string& prefix,
                 leveldb::WriteBatch& batch) {
  for (const ItemRecord& item : items) {
    if (item.key.empty()) return false;
    const std::string full_key = prefix + item.key;
    if (!item.record) {
      batch.Delete(full_key);
      continue;
    }
    if (!to_item(item.key, std::string(*item.record))) return false;
    batch.Put(full_key, *item.record);
  }
  return true;
}

}  // namespace cairn::kv
