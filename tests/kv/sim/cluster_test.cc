// A cluster's ordinary life.
#include <set>

#include "tests/kv/sim/story.h"

namespace cairn::kv::sim {
namespace {

TEST(SimCluster, ThreeNodes_Started_FoundOneClusterAndServe) {
  for (const std::uint64_t seed : seeds(10)) {
    Story story(seed);
    ASSERT_TRUE(story.up());
    std::set<std::string> ids;
    for (const NodeId id : {1, 2, 3}) ids.insert(story.world.node(id).cluster().cluster_id);
    EXPECT_EQ(ids.size(), 1u);
    EXPECT_NE(*ids.begin(), std::string(16, '0'));
    EXPECT_NE(story.leader_up(), 0u);
  }
}

TEST(SimCluster, Put_AtAnyNode_IsReadAtAnyNode) {
  for (const std::uint64_t seed : seeds(5)) {
    Story story(seed);
    ASSERT_TRUE(story.up());
    for (const NodeId at : {1, 2, 3}) {
      const std::string key = "from-" + std::to_string(at);
      ASSERT_TRUE(story.put(at, key, "v" + std::to_string(at)));
      for (const NodeId reader : {1, 2, 3}) {
        EXPECT_EQ(story.get(reader, key), "v" + std::to_string(at)) << "read at " << reader;
      }
    }
    story.converge();
  }
}

TEST(SimCluster, ManyPartitions_KeysEverywhere_ScanSeesAllInOrder) {
  for (const std::uint64_t seed : seeds(3)) {
    Story story(seed, 3, [](Options& o) { o.partitions = 5; });
    ASSERT_TRUE(story.up());
    std::vector<CallPtr<PutResult>> calls;
    for (int i = 100; i < 160; ++i) {
      calls.push_back(
          story.world.put(1 + static_cast<NodeId>(i % 3), "k" + std::to_string(i), "v"));
    }
    for (const auto& call : calls) ASSERT_TRUE(story.finish(call));
    ScanOptions all;
    all.prefix = "k";
    all.limit = 1000;
    const auto result = story.finish(story.world.scan(2, all));
    ASSERT_TRUE(result) << result.error().message();
    ASSERT_EQ(result->items.size(), 60u);
    for (int i = 0; i < 60; ++i) {
      EXPECT_EQ(result->items[static_cast<std::size_t>(i)].key, "k" + std::to_string(100 + i));
    }
    story.converge();
  }
}

TEST(SimCluster, Leader_StoppedInOrder_WritesGoOnAtOnce) {
  for (const std::uint64_t seed : seeds(10)) {
    Story story(seed);
    ASSERT_TRUE(story.up());
    ASSERT_TRUE(story.put(1, "k", "before"));
    const NodeId leader = story.leader_up();
    EXPECT_TRUE(story.world.stop(leader)) << "not in time";
    const NodeId other = story.other_than(leader);
    EXPECT_TRUE(story.put(other, "k", "after"));
    ASSERT_TRUE(story.up());
    EXPECT_EQ(story.get(leader, "k"), "after");
    story.converge();
  }
}

TEST(SimCluster, Leader_Crashed_WritesGoOn) {
  for (const CrashKind kind : {CrashKind::kProcess, CrashKind::kPowerTorn}) {
    for (const std::uint64_t seed : seeds(10)) {
      Story story(seed);
      ASSERT_TRUE(story.up());
      ASSERT_TRUE(story.put(1, "k", "before"));
      const NodeId leader = story.leader_up();
      story.world.crash(leader, kind);
      const NodeId other = story.other_than(leader);
      EXPECT_TRUE(story.put_until_ok(other, "k", "after"));
      EXPECT_EQ(story.get(other, "k"), "after");
      ASSERT_TRUE(story.up());
      EXPECT_EQ(story.get(leader, "k"), "after");
      story.converge();
    }
  }
}

TEST(SimCluster, OneOfThree_Alone_RefusesWithinItsTime) {
  Story story(1);
  ASSERT_TRUE(story.up());
  ASSERT_TRUE(story.put(1, "k", "v"));
  story.converge();
  story.world.crash(2, CrashKind::kProcess);
  story.world.crash(3, CrashKind::kProcess);
  story.world.run_for(seconds{2});
  const Time asked = story.world.now();
  const auto put = story.finish(story.world.put(1, "k", "w"));
  ASSERT_FALSE(put);
  EXPECT_TRUE(put.error().code == Errc::kNoLeader || put.error().code == Errc::kOutcomeUnknown)
      << put.error().message();
  EXPECT_FALSE(story.finish(story.world.get(1, "k")));
  EXPECT_LE(story.world.now() - asked, seconds{11}) << "two calls of five seconds";
  ReadOptions eventual;
  eventual.consistency = Consistency::kEventual;
  EXPECT_EQ(story.get(1, "k", eventual), "v");
}

TEST(SimCluster, NodeAlone_StoppedAndKilled_KeepsWhatItAnswered) {
  for (const std::uint64_t seed : seeds(5)) {
    Story story(seed, 1);
    ASSERT_TRUE(story.up());
    ASSERT_TRUE(story.put(1, "a", "1"));
    EXPECT_TRUE(story.world.stop(1));
    ASSERT_TRUE(story.up());
    EXPECT_EQ(story.get(1, "a"), "1");
    ASSERT_TRUE(story.put(1, "b", "2"));
    story.world.crash(1, CrashKind::kLoseUnsynced);
    ASSERT_TRUE(story.up());
    EXPECT_EQ(story.get(1, "a"), "1");
    EXPECT_EQ(story.get(1, "b"), "2");
  }
}

TEST(SimCluster, Calls_WhileStopping_AreAllAnswered) {
  for (const std::uint64_t seed : seeds(10)) {
    Story story(seed);
    ASSERT_TRUE(story.up());
    raft::Random when = story.world.random("stop");
    std::vector<CallPtr<PutResult>> calls;
    for (int i = 0; i < 50; ++i) {
      story.world.at(story.world.now() + Time(static_cast<std::int64_t>(when.between(0, 20'000))),
                     [&, i] { calls.push_back(story.world.put(2, "k" + std::to_string(i), "v")); });
    }
    story.world.run_for(Time(10'000));
    EXPECT_TRUE(story.world.stop(2));
    story.world.run_for(seconds{1});
    ASSERT_EQ(calls.size(), 50u);
    for (const auto& call : calls) EXPECT_TRUE(call->done());
  }
}

TEST(SimCluster, Idempotency_RetriedElsewhere_GivesTheFirstAnswer) {
  for (const std::uint64_t seed : seeds(5)) {
    Story story(seed);
    ASSERT_TRUE(story.up());
    WriteOptions once;
    once.idempotency_key = "once";
    const auto first = story.finish(story.world.put(1, "k", "v", once));
    ASSERT_TRUE(first) << first.error().message();
    story.world.crash(story.leader_up(), CrashKind::kPower);
    const NodeId at = story.world.running().front();
    story.leader_up();
    const auto again = story.finish(story.world.put(at, "k", "v", once));
    ASSERT_TRUE(again) << again.error().message();
    EXPECT_TRUE(again->replayed);
    EXPECT_EQ(again->revision, first->revision);
  }
}

}  // namespace
}  // namespace cairn::kv::sim
