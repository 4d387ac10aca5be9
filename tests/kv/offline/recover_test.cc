// A quorum is lost for good: the survivors go on together, with the best log of each partition.
#include "kv/offline/recover.h"

#include <algorithm>

#include "tests/kv/offline/disk_tools.h"

namespace cairn::kv::sim {
namespace {

using Image = wal::MemoryFileSystem::Image;

std::string moved(const std::string& path, const std::string& from, const std::string& to) {
  return path.starts_with(from) ? to + path.substr(from.size()) : path;
}

/// The nodes' directories on one machine, as an operator gathers them, and back.
class Workbench {
 public:
  void take(World& world, NodeId id) {
    const Image image = world.disk(id).image();
    for (const std::string& path : image.directories)
      all_.directories.push_back(moved(path, "node", name(id)));
    for (const auto& [path, bytes] : image.files) all_.files[moved(path, "node", name(id))] = bytes;
    dirs_.push_back(name(id));
  }
  Result<Recovery> recover(bool carry_out) {
    wal::MemoryFileSystem disk;
    disk.load(all_);
    auto result = kv::recover(disk, dirs_, carry_out);
    const Image after = disk.image();
    for (const auto& [path, bytes] : all_.files) {
      const auto now = after.files.find(path);
      changed_ = changed_ || now == after.files.end() || now->second != bytes;
    }
    all_ = after;
    return result;
  }
  void give_back(World& world, NodeId id) {
    Image image;
    for (const std::string& path : all_.directories)
      if (path == name(id) || path.starts_with(name(id) + "/"))
        image.directories.push_back(moved(path, name(id), "node"));
    for (const auto& [path, bytes] : all_.files)
      if (path.starts_with(name(id) + "/")) image.files[moved(path, name(id), "node")] = bytes;
    world.disk(id).load(image);
  }
  [[nodiscard]] bool changed() const { return changed_; }

 private:
  static std::string name(NodeId id) { return "n" + std::to_string(id); }
  Image all_;
  std::vector<std::string> dirs_;
  bool changed_ = false;
};

TEST(Recover, TwoOfFive_GoOnTogether_WithTheBetterLog) {
  for (const std::uint64_t seed : seeds(5)) {
    Story story(seed, 5, [](Options& o) {
      o.replicas = 5;
      o.partitions = 2;
      o.segment_bytes = 64u << 10;
    });
    ASSERT_TRUE(story.up());
    for (int i = 0; i < 20; ++i)
      ASSERT_TRUE(story.put_until_ok(1, "k" + std::to_string(i), "v" + std::to_string(i)));
    story.converge();
    // Node 5 falls behind: what comes now, 4 alone of the survivors has.
    story.world.isolate(5);
    for (int i = 20; i < 30; ++i)
      ASSERT_TRUE(story.put_until_ok(4, "k" + std::to_string(i), "v" + std::to_string(i)));
    for (NodeId id = 1; id <= 5; ++id) story.world.crash(id, CrashKind::kPower);
    for (NodeId id = 1; id <= 3; ++id) story.world.wipe(id);

    Workbench bench;
    bench.take(story.world, 4);
    bench.take(story.world, 5);
    const auto looked = bench.recover(false);
    ASSERT_TRUE(looked) << looked.error().message();
    EXPECT_FALSE(bench.changed()) << "a look changes nothing";
    EXPECT_EQ(looked->dead, (std::vector<NodeNumber>{1, 2, 3}));
    ASSERT_EQ(looked->parts.size(), 3u);
    const auto told = [&](const std::string& key) {
      return std::any_of(looked->parts.begin(), looked->parts.end(), [&](const auto& p) {
        return std::find(p.last_keys.begin(), p.last_keys.end(), key) != p.last_keys.end();
      });
    };
    EXPECT_TRUE(told("k29"));

    ASSERT_TRUE(bench.recover(true));
    ASSERT_TRUE(bench.recover(true)) << "once more does no harm";
    story.world.rejoin(5);
    for (const NodeId id : {4, 5}) {
      bench.give_back(story.world, id);
      ASSERT_TRUE(story.world.start(id));
    }
    ASSERT_TRUE(story.ready());
    for (int i = 0; i < 30; ++i)
      EXPECT_EQ(story.get(5, "k" + std::to_string(i)), "v" + std::to_string(i));
    ASSERT_TRUE(story.put_until_ok(5, "after", "v"));
    story.converge();
    for (const NodeId id : {4, 5})
      for (const NodeView& node : story.world.node(id).cluster().nodes)
        EXPECT_TRUE(node.id >= 4 || node.membership == "removed" || node.membership.empty())
            << node.id << " " << node.membership;
    // The two are a cluster of two: neither is a majority.
    story.world.crash(4, CrashKind::kProcess);
    story.world.run_for(seconds{3});
    EXPECT_FALSE(story.finish(story.world.put(5, "k", "w")));
  }
}

TEST(Recover, DeadMembersThatComeBack_AreHeardByNobody) {
  for (const std::uint64_t seed : seeds(5)) {
    Story story(seed);
    ASSERT_TRUE(story.up());
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(story.put_until_ok(1, "k" + std::to_string(i), "v"));
    story.converge();
    for (NodeId id = 1; id <= 3; ++id) story.world.crash(id, CrashKind::kPower);
    Workbench bench;
    bench.take(story.world, 3);
    ASSERT_TRUE(bench.recover(true));
    bench.give_back(story.world, 3);
    ASSERT_TRUE(story.world.start(3));
    ASSERT_TRUE(story.ready());
    ASSERT_TRUE(story.put_until_ok(3, "k0", "recovered"));
    // One of the dead, with the votes and the log that it had.
    ASSERT_TRUE(story.world.start(1));
    story.world.run_for(seconds{10});
    EXPECT_EQ(story.world.leader(), 3u);
    EXPECT_FALSE(story.world.node(1).not_ready_reasons().empty());
    EXPECT_EQ(story.get(3, "k0"), "recovered");
    EXPECT_FALSE(story.finish(story.world.put(1, "k0", "from the dead")));
  }
}

TEST(Recover, WhatIsNotOneClustersSurvivors_IsRefused) {
  Story one(7), other(8);
  ASSERT_TRUE(one.up());
  ASSERT_TRUE(other.up());
  ASSERT_TRUE(one.put(1, "k", "v"));
  ASSERT_TRUE(other.put(1, "k", "v"));
  for (NodeId id = 1; id <= 3; ++id) {
    one.world.crash(id, CrashKind::kPower);
    other.world.crash(id, CrashKind::kPower);
  }
  Workbench mixed;
  mixed.take(one.world, 1);
  mixed.take(other.world, 2);
  const auto refused = mixed.recover(true);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kForeign);
  wal::MemoryFileSystem empty;
  ASSERT_TRUE(empty.create_directories("d"));
  EXPECT_FALSE(kv::recover(empty, {"d"}, true));
  EXPECT_FALSE(kv::recover(empty, {}, true));
}

}  // namespace
}  // namespace cairn::kv::sim
