// A backup, restored into new clusters, holds the same keys; damaged, it is refused.
#include "kv/offline/restore.h"

#include "kv/offline/verify.h"
#include "tests/kv/offline/disk_tools.h"

namespace cairn::kv::sim {
namespace {

Random64 chance(std::uint64_t seed) {
  auto state = std::make_shared<raft::Random>(seed);
  return [state] { return state->next(); };
}

void four_partitions(Options& o) {
  o.partitions = 4;
}

void fill(Story& story) {
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(story.put(1, "k" + std::to_string(i), std::string(i * 97, 'v')));
  }
  for (int i = 0; i < 40; i += 5) ASSERT_TRUE(story.put(1, "k" + std::to_string(i), "second"));
  ASSERT_TRUE(story.finish(story.world.remove(1, "k3")));
  WriteOptions once;
  once.idempotency_key = "only-once";
  ASSERT_TRUE(story.finish(story.world.put(1, "once", "1", once)));
}

/// Puts the backup on each member's empty disk and restores it there.
void restore_into(Story& story, const std::string& backup, const std::string& token = {}) {
  for (NodeId id = 1; id <= story.world.nodes(); ++id) {
    wal::MemoryFileSystem& disk = story.world.disk(id);
    auto file = disk.open("backup", wal::OpenMode::kCreateTruncate);
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->write_at(0, backup));
    RestoreOptions options;
    options.backup = "backup";
    options.data_dir = story.world.options_of(id).data_dir;
    options.node_id = id;
    options.cluster = story.world.options_of(id).cluster;
    options.token = token;
    const auto restored = restore_backup(disk, options, chance(id), nullptr);
    ASSERT_TRUE(restored) << restored.error().message();
  }
}

std::string cluster_of(Story& story) {
  return story.world.node(1).cluster().cluster_id;
}

TEST(Restore, OneNodeToOne_KeepsEveryKeyAndGoesOn) {
  Story old(1, 1, four_partitions);
  ASSERT_TRUE(old.up());
  fill(old);
  const auto backup = take_backup(old, 1);
  ASSERT_TRUE(backup) << backup.error().message();
  const Items before = all_items(old, 1);
  EXPECT_EQ(before.size(), 40u);

  Story fresh(2, 1);
  restore_into(fresh, *backup);
  const auto report = verify_directory(fresh.world.disk(1), fresh.world.options_of(1).data_dir);
  ASSERT_TRUE(report) << report.error().message();
  for (const Finding& f : report->findings) ADD_FAILURE() << f.file << ' ' << f.what;
  ASSERT_TRUE(fresh.up());
  expect_same(before, all_items(fresh, 1));
  EXPECT_NE(cluster_of(old), cluster_of(fresh));
  const auto put = fresh.finish(fresh.world.put(1, "new", "v"));
  ASSERT_TRUE(put);
  for (const auto& [key, item] : before) EXPECT_GT(put->revision, item.mod_revision);
  WriteOptions once;
  once.idempotency_key = "only-once";
  const auto again = fresh.finish(fresh.world.put(1, "once", "1", once));
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->replayed) << "idempotency records come along";
  fresh.world.crash(1, CrashKind::kLoseUnsynced);
  ASSERT_TRUE(fresh.up());
  EXPECT_EQ(fresh.get(1, "new"), "v");
  EXPECT_EQ(fresh.get(1, "k7"), before.at("k7").value);
}

TEST(Restore, ThreeNodesToThree_AgreeAndServe) {
  Story old(3, 3, four_partitions);
  ASSERT_TRUE(old.up());
  fill(old);
  const auto backup = take_backup(old, 2);
  ASSERT_TRUE(backup) << backup.error().message();
  const Items before = all_items(old, 1);

  Story fresh(4, 3);
  restore_into(fresh, *backup);
  ASSERT_TRUE(fresh.up());
  for (const NodeId id : {1, 2, 3}) expect_same(before, all_items(fresh, id));
  ASSERT_TRUE(fresh.put_until_ok(2, "new", "v"));
  fresh.converge();
  for (const NodeId id : {1, 2, 3}) fresh.world.crash(id, CrashKind::kPower);
  ASSERT_TRUE(fresh.up());
  EXPECT_EQ(fresh.get(3, "new"), "v");
  fresh.converge();
}

TEST(Restore, PartitionsElsewhere_AreReadFromTheirNodes) {
  Story old(5, 5, [](Options& o) {
    o.partitions = 8;
    o.replicas = 3;
  });
  ASSERT_TRUE(old.up());
  fill(old);
  const auto backup = take_backup(old, 4);
  ASSERT_TRUE(backup) << backup.error().message();
  const Items before = all_items(old, 1);
  Story fresh(6, 3);
  restore_into(fresh, *backup);
  ASSERT_TRUE(fresh.up());
  expect_same(before, all_items(fresh, 2));
}

TEST(Restore, AnotherToken_IsAnotherCluster) {
  Story old(7, 3);
  ASSERT_TRUE(old.up());
  ASSERT_TRUE(old.put(1, "k", "v"));
  const auto backup = take_backup(old, 1);
  ASSERT_TRUE(backup);
  std::set<std::string> ids{cluster_of(old)};
  for (const char* token : {"", "second"}) {
    Story fresh(8, 3);
    restore_into(fresh, *backup, token);
    ASSERT_TRUE(fresh.up());
    EXPECT_TRUE(ids.insert(cluster_of(fresh)).second);
  }
}

TEST(Restore, DirectoryInUse_IsRefused) {
  Story old(9, 1);
  ASSERT_TRUE(old.up());
  ASSERT_TRUE(old.put(1, "k", "v"));
  const auto backup = take_backup(old, 1);
  ASSERT_TRUE(backup);
  wal::MemoryFileSystem& disk = old.world.disk(1);
  auto file = disk.open("backup", wal::OpenMode::kCreateTruncate);
  ASSERT_TRUE((*file)->write_at(0, *backup));
  RestoreOptions options;
  options.backup = "backup";
  options.data_dir = old.world.options_of(1).data_dir;
  const auto refused = restore_backup(disk, options, chance(1), nullptr);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kConfiguration);
  EXPECT_EQ(old.get(1, "k"), "v");
}

TEST(Restore, CutOffAnywhere_LeavesNothingThatStarts) {
  Story old(10, 1);
  ASSERT_TRUE(old.up());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(old.put(1, "k" + std::to_string(i), "v"));
  const auto backup = take_backup(old, 1);
  ASSERT_TRUE(backup);
  bool whole = false;
  for (std::uint64_t kth = 1; !whole; ++kth) {
    SCOPED_TRACE("power cut at change " + std::to_string(kth));
    ASSERT_LT(kth, 500u);
    Story fresh(11, 1);
    wal::MemoryFileSystem& disk = fresh.world.disk(1);
    auto file = disk.open("backup", wal::OpenMode::kCreateTruncate);
    ASSERT_TRUE((*file)->write_at(0, *backup));
    file->reset();
    RestoreOptions options;
    options.backup = "backup";
    options.data_dir = fresh.world.options_of(1).data_dir;
    disk.fail_changes(kth, EIO);
    whole = restore_backup(disk, options, chance(1), nullptr).has_value();
    disk.crash(wal::MemoryFileSystem::Crash::kRandom, kth);
    const auto started = fresh.world.start(1);
    if (!started) continue;  // refused: nobody is told an empty store
    if (!fresh.ready()) return;
    const auto found = all_items(fresh, 1);
    EXPECT_TRUE(found.size() == 5 || (!whole && found.empty())) << found.size();
    EXPECT_TRUE(!whole || found.size() == 5);
  }
}

}  // namespace
}  // namespace cairn::kv::sim
