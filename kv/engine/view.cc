#include "kv/engine/view.h"

#include <utility>

#include "kv/engine/digest.h"

namespace cairn::kv {
namespace {

using Page = EngineView::Page;
using Range = EngineView::Range;

bool within(const Range& range, std::string_view key) {
  return key >= range.start && (range.end.empty() || key < range.end);
}

void go_to_first(Cursor& cursor, const Range& range) {
  if (range.reverse) {
    cursor.seek_below(range.end);
  } else {
    cursor.seek(range.start);
  }
}

/// Notes the record under the cursor in the page; its bytes, or nullopt if it is damaged.
std::optional<std::size_t> visit(const Cursor& cursor, const Range& range, Page& page) {
  const std::string_view key = cursor.key();
  const std::string_view record = cursor.value();
  page.last_key.assign(key);
  ++page.count;
  if (range.count_only) return key.size() + record.size();
  if (range.keys_only) {
    const std::optional<ItemMeta> meta = parse_item_trailer(record);
    if (!meta) return std::nullopt;
    Item& item = page.items.emplace_back();
    item.key.assign(key);
    item.create_revision = meta->create_revision;
    item.mod_revision = meta->mod_revision;
    item.version = meta->version;
    return key.size() + kItemTrailerBytes;
  }
  std::optional<Item> item = to_item(key, std::string(record));
  if (!item) return std::nullopt;
  page.items.push_back(std::move(*item));
  return key.size() + record.size();
}

}  // namespace

EngineResult<std::optional<Item>> read_item_at(const Database& database, const Moment& moment,
                                               raft::GroupId group, std::uint64_t generation,
                                               std::string_view key) {
  std::string full_key = space_prefix(group, generation, Space::kCurrent);
  full_key.append(key);
  std::string record;
  const EngineResult<bool> found = database.get(full_key, &record, moment);
  if (!found) return found.error();
  if (!*found) return std::optional<Item>();
  std::optional<Item> item = to_item(key, std::move(record));
  if (!item) return database.corrupt();
  return item;
}

EngineResult<GroupRecord> SnapshotView::head(raft::GroupId group) const {
  const std::lock_guard lock(mutex_);
  const auto known = heads_.find(group);
  if (known != heads_.end()) return known->second;
  EngineResult<GroupRecord> record = read_group(database_, moment_, group);
  if (record) heads_.emplace(group, *record);
  return record;
}

boost::system::result<std::optional<Item>> SnapshotView::get(raft::GroupId group,
                                                             std::string_view key) const {
  const EngineResult<GroupRecord> record = head(group);
  if (!record) return record.error();
  return read_item_at(database_, moment_, group, record->generation, key);
}

boost::system::result<Page> SnapshotView::scan(raft::GroupId group, const Range& range) const {
  const EngineResult<GroupRecord> record = head(group);
  if (!record) return record.error();
  Page page;
  std::size_t bytes = 0;
  // One step over a cold cache should not push everybody else's blocks out.
  const bool fill_cache = !range.count_only;
  Cursor cursor(database_, space_prefix(group, record->generation, Space::kCurrent), moment_,
                fill_cache);
  for (go_to_first(cursor, range); cursor.valid() && within(range, cursor.key());) {
    if ((range.limit != 0 && page.count == range.limit) || bytes > range.bytes_max) {
      page.more = true;
      break;
    }
    const std::optional<std::size_t> visited = visit(cursor, range, page);
    if (!visited) return database_.corrupt();
    bytes += *visited;
    range.reverse ? cursor.prev() : cursor.next();
  }
  if (auto done = cursor.status(); !done) return done.error();
  if (!page.more) page.last_key.clear();
  return page;
}

Revision SnapshotView::revision(raft::GroupId group) const {
  const EngineResult<GroupRecord> record = head(group);
  return record ? record->last_revision : 0;
}

raft::Index SnapshotView::applied(raft::GroupId group) const {
  const EngineResult<GroupRecord> record = head(group);
  return record ? record->applied : 0;
}

}  // namespace cairn::kv
