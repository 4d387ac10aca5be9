// Damaged data: found at a start or while a node runs, given back by the others, or refused. Never
// does a member speak whose log is shorter than what it acknowledged.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "kv/placement/member.h"
#include "tests/kv/sim/story.h"

namespace cairn::kv::sim {
namespace {

/// So that logs are cut all the time.
void short_log(Options& o) {
  o.log_entries_kept = 100;
  o.log_bytes_kept = 1u << 20;
  o.segment_bytes = 64u << 10;
}

class DamageStory : public Story {
 public:
  using Story::Story;

  /// In order: what it holds is in tables afterwards.
  bool restart(NodeId id) { return world.stop(id) && world.start(id) && ready(); }
  void put_many(NodeId at, int from, int to) {
    for (int i = from; i < to; ++i) put_until_ok(at, key(i), value(i));
  }
  void expect_all(NodeId at, int count) {
    for (int i = 0; i < count; ++i) ASSERT_EQ(get(at, key(i)), value(i)) << "at " << at;
  }
  std::vector<std::string> files(NodeId id, const std::string& part) {
    std::vector<std::string> found;
    for (const auto& [path, bytes] : world.disk(id).image().files)
      if (path.starts_with("node/" + part)) found.push_back(path);
    return found;
  }
  /// Flips bits all over these files.
  void flip(NodeId id, const std::string& part) {
    const auto image = world.disk(id).image();
    const auto paths = files(id, part);
    ASSERT_FALSE(paths.empty()) << part;
    for (const std::string& path : paths) {
      const std::size_t size = image.files.at(path).size();
      for (std::size_t at = size < 512 ? size / 2 : 256; at < size; at += 512)
        world.disk(id).flip_bit(path, at, 3);
    }
  }
  /// In the first record of the oldest segment.
  void flip_log(NodeId id) { world.disk(id).flip_bit(files(id, "wal/wal-").front(), 192, 0); }

  bool set_aside(NodeId id) { return !files(id, "quarantine/").empty(); }
  std::string note(NodeId id) {
    const auto image = world.disk(id).image();
    const auto at = image.files.find("node/quarantine/1/note");
    return at == image.files.end() ? "" : at->second;
  }
  raft::Index log_start(NodeId id) {
    for (const auto& g : world.node(id).groups())
      if (g.group == 1) return g.start;
    return 0;
  }
  raft::NodeId member(NodeId id) {
    const auto groups = world.node(id).groups();
    return groups.empty() ? 0 : groups.front().member;
  }
  /// No change is under way any more, at an epoch as late as this.
  bool settled(NodeId id, std::uint64_t epoch = 0) {
    for (int i = 0; i < 600; ++i) {
      const ClusterView view = world.node(id).cluster();
      if (view.epoch >= epoch && !view.change_under_way) return true;
      world.run_for(milliseconds{100});
    }
    return false;
  }
  /// It is ready again, as another member, with all data.
  void back_with_all(NodeId id, int count) {
    ASSERT_TRUE(world.run_until([&] { return member(id) != 0; }, seconds{30})) << reasons();
    ASSERT_TRUE(ready(seconds{30}));
    EXPECT_TRUE(settled(id));
    EXPECT_GT(generation_of(member(id)), 0u) << "as the member that it was, it must not speak";
    expect_all(id, count);
    converge();
    EXPECT_TRUE(set_aside(id));
  }

 private:
  static std::string key(int i) { return "k" + std::to_string(i); }
  static std::string value(int i) { return "value-" + std::to_string(i); }
};

TEST(SimDamage, LogOfAStoppedNode_IsSetAside_AndGivenBack) {
  for (const std::uint64_t seed : seeds(5)) {
    DamageStory story(seed, 3, [](Options& o) { o.partitions = 2; });
    ASSERT_TRUE(story.up());
    story.put_many(1, 0, 20);
    const NodeId damaged = 1 + seed % 3;
    seed % 2 == 0 ? story.world.crash(damaged, CrashKind::kPower) : void(story.world.stop(damaged));
    story.flip_log(damaged);
    ASSERT_TRUE(story.world.start(damaged)) << "it goes on in the same start";
    story.back_with_all(damaged, 20);
    EXPECT_NE(story.note(damaged).find("wal/wal-"), std::string::npos) << story.note(damaged);
    // And it counts again.
    story.world.crash(damaged == 1 ? 2 : 1, CrashKind::kProcess);
    EXPECT_TRUE(story.put_until_ok(damaged, "k20", "20"));
  }
}

TEST(SimDamage, DatabaseThatCannotBeOpened_IsGivenBack) {
  for (const char* part : {"engine/CURRENT", "engine/MANIFEST-"}) {
    for (const std::uint64_t seed : seeds(3)) {
      SCOPED_TRACE(part);
      DamageStory story(seed, 3, short_log);
      ASSERT_TRUE(story.up());
      story.put_many(1, 0, 20);
      const auto write = [&](int times) {
        for (int i = 0; i < times; ++i) story.put_until_ok(1, "k", std::string(1'000, 'v'));
      };
      for (int i = 0; i < 20 && story.log_start(2) < 100; ++i) {
        write(50);
        story.world.run_for(milliseconds{500});
      }
      ASSERT_GE(story.log_start(2), 100u);
      write(100);  // the next segment says so
      story.world.crash(2, CrashKind::kPower);
      story.flip(2, part);
      ASSERT_TRUE(story.world.start(2));
      story.back_with_all(2, 20);
    }
  }
}

TEST(SimDamage, TableFoundDamagedWhileItRuns_ComesBackWithoutARestart) {
  for (const std::uint64_t seed : seeds(5)) {
    DamageStory story(seed, 3);
    ASSERT_TRUE(story.up());
    story.put_many(1, 0, 60);
    const NodeId leader = story.leader_up();
    const NodeId damaged = seed % 2 == 0 ? leader : story.other_than(leader);
    ASSERT_TRUE(story.restart(damaged));
    story.flip(damaged, "engine/0");
    ReadOptions here;
    here.consistency = Consistency::kEventual;
    for (int i = 0; i < 60; ++i) {
      const std::string read = story.get(damaged, "k" + std::to_string(i), here);
      EXPECT_TRUE(read == "value-" + std::to_string(i) || read.starts_with("?")) << read;
    }
    story.world.run_for(milliseconds{500});
    story.back_with_all(damaged, 60);
    EXPECT_NE(story.note(damaged).find("engine/0"), std::string::npos)
        << "it names the file: " << story.note(damaged);
  }
}

TEST(SimDamage, RotThatNobodyAsksFor_IsFoundByTheScrub) {
  for (const char* part : {"wal/wal-", "engine/0"}) {
    for (const std::uint64_t seed : seeds(4)) {
      SCOPED_TRACE(part);
      DamageStory story(seed, 3);
      ASSERT_TRUE(story.up());
      story.put_many(1, 0, 60);
      const NodeId damaged = 1 + seed % 3;
      ASSERT_TRUE(story.restart(damaged));
      story.flip(damaged, part);
      story.world.run_for(seconds{8});
      story.back_with_all(damaged, 60);
      EXPECT_NE(story.note(damaged).find(part), std::string::npos) << story.note(damaged);
      EXPECT_NE(story.note(damaged).find(" at "), std::string::npos) << story.note(damaged);
    }
  }
}

TEST(SimDamage, RotAtAMajority_FoundByTheScrub_GoesOneNodeAfterTheOther) {
  for (const std::uint64_t seed : seeds(4)) {
    DamageStory story(seed, 3);
    ASSERT_TRUE(story.up());
    story.put_many(1, 0, 60);
    const NodeId whole = 1 + seed % 3;
    for (NodeId id = 1; id <= 3; ++id) {
      ASSERT_TRUE(story.world.stop(id));  // what it holds is in tables
      ASSERT_TRUE(story.world.start(id));
      ASSERT_TRUE(story.ready());
      if (id != whole) story.flip(id, "engine/0");
    }
    const auto new_members = [&] {
      int count = 0;
      for (NodeId id = 1; id <= 3; ++id) count += generation_of(story.member(id)) > 0 ? 1 : 0;
      return count;
    };
    ASSERT_TRUE(story.world.run_until([&] { return new_members() == 2; }, seconds{60}))
        << story.reasons();
    ASSERT_TRUE(story.ready(seconds{30}));
    for (NodeId id = 1; id <= 3; ++id) {
      story.expect_all(id, 60);
      EXPECT_EQ(story.set_aside(id), id != whole);
    }
    story.converge();
  }
}

TEST(SimDamage, RotFoundByTheScrub_WhileAnotherNodeIsGone_Waits) {
  DamageStory story(2, 3);
  ASSERT_TRUE(story.up());
  story.put_many(1, 0, 60);
  ASSERT_TRUE(story.world.stop(2));
  ASSERT_TRUE(story.world.start(2));
  ASSERT_TRUE(story.ready());
  story.world.crash(3, CrashKind::kProcess);
  story.flip(2, "engine/0");
  story.world.run_for(seconds{10});
  EXPECT_FALSE(story.set_aside(2)) << "its log is what makes a majority with node 1";
  EXPECT_TRUE(story.put_until_ok(1, "k60", "value-60"));
  ASSERT_TRUE(story.world.start(3));
  ASSERT_TRUE(
      story.world.run_until([&] { return generation_of(story.member(2)) > 0; }, seconds{30}));
  story.back_with_all(2, 61);
}

TEST(SimDamage, DiskThatRefusesReadsForAWhile_IsNotTakenForDamage) {
  for (const std::uint64_t seed : seeds(4)) {
    DamageStory story(seed, 3);
    ASSERT_TRUE(story.up());
    story.put_many(1, 0, 60);
    const NodeId troubled = 1 + seed % 3;
    ASSERT_TRUE(story.restart(troubled));
    story.world.allow_failure(troubled);
    story.world.disk(troubled).fail(wal::MemoryFileSystem::Call::kRead, 1, EIO, true);
    story.world.run_for(seconds{5});
    EXPECT_FALSE(story.set_aside(troubled)) << story.note(troubled);
    story.world.disk(troubled).clear_faults();
    story.world.crash(troubled, CrashKind::kProcess);
    ASSERT_TRUE(story.world.start(troubled));
    ASSERT_TRUE(story.ready());
    story.expect_all(troubled, 60);
  }
}

TEST(SimDamage, WithoutAScrub_NobodyLooks) {
  DamageStory story(3, 3, [](Options& o) { o.scrub_bytes_per_second = 0; });
  ASSERT_TRUE(story.up());
  story.put_many(1, 0, 20);
  ASSERT_TRUE(story.restart(2));
  story.flip(2, "engine/0");
  story.world.run_for(seconds{20});
  EXPECT_FALSE(story.set_aside(2)) << "else the other story proves nothing";
}

TEST(SimDamage, Alone_WhatTheScrubFinds_EndsItsService_WithFileAndOffset) {
  DamageStory story(4, 1);
  ASSERT_TRUE(story.up());
  story.put_many(1, 0, 60);
  ASSERT_TRUE(story.restart(1));
  story.world.allow_failure(1);
  story.flip(1, "engine/0");
  story.world.run_for(seconds{5});
  const auto refused = story.finish(story.world.put(1, "k", "v"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("engine/0"), std::string::npos) << refused.error().detail;
  EXPECT_FALSE(story.set_aside(1));
}

TEST(SimDamage, LogThatHoldsEverything_MakesTheDatabaseAgain) {
  for (const std::size_t nodes : {1u, 3u}) {
    DamageStory story(nodes, nodes);
    ASSERT_TRUE(story.up());
    story.put_many(1, 0, 20);
    ASSERT_TRUE(story.world.stop(1));
    story.flip(1, "engine/CURRENT");
    ASSERT_TRUE(story.world.start(1));
    ASSERT_TRUE(story.ready());
    story.expect_all(1, 20);
    EXPECT_EQ(story.member(1), 1u) << "vote and log are what they were";
    EXPECT_FALSE(story.files(1, "quarantine/1/engine/").empty());
    story.converge();
  }
}

TEST(SimDamage, AloneOrOfTwo_ItRefuses_AndChangesNothing) {
  for (const std::size_t nodes : {1u, 2u}) {
    DamageStory story(5, nodes);
    ASSERT_TRUE(story.up());
    story.put_many(1, 0, 5);
    const NodeId damaged = nodes;
    ASSERT_TRUE(story.world.stop(damaged));
    story.flip_log(damaged);
    const auto started = story.world.start(damaged);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Errc::kCorrupt);
    EXPECT_NE(started.error().detail.find("wal/wal-0000000000000001 at "), std::string::npos)
        << started.error().detail;
    EXPECT_NE(started.error().detail.find("backup"), std::string::npos);
    EXPECT_FALSE(story.set_aside(damaged));
  }
}

TEST(SimDamage, Majority_NobodyLeads_AndNothingIsFoundedAnew) {
  for (const std::size_t damaged : {2u, 3u}) {
    for (const std::uint64_t seed : seeds(3)) {
      DamageStory story(seed);
      ASSERT_TRUE(story.up());
      story.put_many(1, 0, 10);
      for (NodeId id = 1; id <= 3; ++id) ASSERT_TRUE(story.world.stop(id));
      for (NodeId id = 1; id <= damaged; ++id) story.flip_log(id);
      for (NodeId id = 1; id <= 3; ++id) ASSERT_TRUE(story.world.start(id));
      story.world.run_for(seconds{20});
      EXPECT_EQ(story.world.leader(), 0u) << "elected on less than what was acknowledged";
      for (NodeId id = 1; id <= 3; ++id) {
        EXPECT_FALSE(story.finish(story.world.put(id, "k", "w")));
        EXPECT_FALSE(story.world.node(id).not_ready_reasons().empty());
      }
      const auto reasons = story.world.node(1).not_ready_reasons();
      EXPECT_NE(reasons.front().find("quarantine/1"), std::string::npos) << reasons.front();
      // Nothing is lost: it lies in the folders.
      EXPECT_FALSE(story.files(1, "quarantine/1/wal/").empty());
    }
  }
}

TEST(SimDamage, AllThatItWasStartedWithHaveGone_ItFindsTheOthersAllTheSame) {
  for (const std::uint64_t seed : seeds(3)) {
    DamageStory story(seed);
    ASSERT_TRUE(story.up());
    story.put_many(1, 0, 10);
    MemberChange replace;
    for (int i = 0; i < 2; ++i) {
      const NodeId fresh = story.world.add_node();
      ASSERT_TRUE(story.world.start(fresh));
      replace.add.push_back({fresh, "127.0.0.1:" + std::to_string(9000 + fresh), false});
    }
    replace.remove = {1, 2};
    const auto plan = story.finish(
        story.world.call<MemberPlan>(3, [replace](Node& node, Callback<MemberPlan> done) {
          node.change_members(replace, std::move(done));
        }));
    ASSERT_TRUE(plan) << plan.error().message();
    ASSERT_TRUE(story.settled(3, 3));
    for (const NodeId gone : {1, 2}) story.world.crash(gone, CrashKind::kProcess);
    ASSERT_TRUE(story.world.stop(3));
    story.flip_log(3);
    ASSERT_TRUE(story.world.start(3)) << "its options list itself and two that are no more";
    story.back_with_all(3, 10);
  }
}

}  // namespace
}  // namespace cairn::kv::sim
