// Worlds whose stores are backed up, and whole disks that are looked at byte by byte.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "kv/offline/backup_file.h"
#include "kv/sim/world.h"
#include "tests/kv/sim/story.h"

namespace cairn::kv::sim {

/// All bytes of a backup, read at `at`; an error ends it.
inline Result<std::string> take_backup(Story& story, NodeId at) {
  const auto handle = story.finish(story.world.call<std::uint64_t>(
      at, [](Node& node, Callback<std::uint64_t> done) { node.backup(std::move(done)); }));
  if (!handle) return handle.error();
  std::string all;
  for (;;) {
    using Piece = std::optional<std::string>;
    const auto piece = story.finish(
        story.world.call<Piece>(at, [handle = *handle](Node& node, Callback<Piece> done) {
          node.backup_next(handle, std::move(done));
        }));
    if (!piece) return piece.error();
    if (!piece->has_value()) return all;
    all += **piece;
  }
}

using Items = std::map<std::string, Item>;

inline Items all_items(Story& story, NodeId at) {
  Items items;
  ScanOptions options;
  options.limit = 1'000;
  for (;;) {
    const auto page = story.finish(story.world.scan(at, options));
    EXPECT_TRUE(page) << page.error().message();
    if (!page) return items;
    for (const Item& item : page->items) items[item.key] = item;
    if (!page->next) return items;
    options.cursor = *page->next;
  }
}

inline void expect_same(const Items& a, const Items& b) {
  ASSERT_EQ(a.size(), b.size());
  for (auto i = a.begin(), j = b.begin(); i != a.end(); ++i, ++j) {
    ASSERT_EQ(i->first, j->first);
    EXPECT_EQ(i->second.value, j->second.value) << i->first;
    EXPECT_EQ(i->second.mod_revision, j->second.mod_revision) << i->first;
    EXPECT_EQ(i->second.create_revision, j->second.create_revision) << i->first;
    EXPECT_EQ(i->second.version, j->second.version) << i->first;
  }
}

}  // namespace cairn::kv::sim
