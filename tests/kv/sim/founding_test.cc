// How a cluster comes to be, and who does not belong to it.
#include <set>

#include "tests/kv/sim/story.h"

namespace cairn::kv::sim {
namespace {

std::string cluster_id(Story& story, NodeId id) {
  return story.world.node(id).cluster().cluster_id;
}

bool founded(Story& story, NodeId id) {
  return story.world.node(id).cluster().partitions.size() > 0;
}

bool all_founded(Story& story) {
  for (const NodeId id : {1, 2, 3})
    if (!founded(story, id)) return false;
  return true;
}

TEST(SimFounding, TwoOfThree_Started_WaitForTheThird) {
  for (const std::uint64_t seed : seeds(5)) {
    Story story(seed);
    ASSERT_TRUE(story.world.start(1));
    ASSERT_TRUE(story.world.start(2));
    story.world.run_for(seconds{10});
    EXPECT_FALSE(story.world.node(1).not_ready_reasons().empty());
    const auto refused = story.finish(story.world.put(1, "k", "v"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().committed, Committed::kNo);
    ASSERT_TRUE(story.up());
    EXPECT_TRUE(story.put(1, "k", "v"));
  }
}

TEST(SimFounding, Unfounded_Stopped_EndsInTime) {
  for (const std::uint64_t seed : seeds(5)) {
    Story story(seed);
    ASSERT_TRUE(story.world.start(1));
    story.world.run_for(seconds{1});
    EXPECT_TRUE(story.world.stop(1));
  }
}

TEST(SimFounding, PowerCut_AtEachChangeOfTheDisk_LeavesOneCluster) {
  // Every founder's every step of the founding, one a world.
  for (std::uint64_t kth = 1; kth <= 60; ++kth) {
    const NodeId victim = 1 + kth % 3;
    SCOPED_TRACE("change " + std::to_string(kth) + " of node " + std::to_string(victim));
    Story story(1000 + kth);
    story.world.crash_at_change(victim, kth, CrashKind::kPowerTorn);
    for (const NodeId id : {1, 2, 3}) (void)story.world.start(id);
    story.world.run_until([&] { return !story.world.running(victim); }, seconds{3});
    story.world.crash(victim, CrashKind::kPowerTorn);
    story.world.run_for(milliseconds{200});
    ASSERT_TRUE(story.up());
    std::set<std::string> ids;
    for (const NodeId id : {1, 2, 3}) ids.insert(cluster_id(story, id));
    EXPECT_EQ(ids.size(), 1u);
    EXPECT_TRUE(story.put(victim, "k", "v"));
    story.converge();
  }
}

TEST(SimFounding, AllCrash_WhileFounding_LeaveOneCluster) {
  for (const std::uint64_t seed : seeds(30)) {
    Story story(seed);
    raft::Random random = story.world.random("founding");
    for (int round = 0; round < 3; ++round) {
      for (const NodeId id : {1, 2, 3}) {
        if (!story.world.running(id)) (void)story.world.start(id);
      }
      story.world.run_for(Time(static_cast<std::int64_t>(random.between(100, 300'000))));
      for (const NodeId id : {1, 2, 3}) {
        if (chance(random, 600)) story.world.crash(id, CrashKind::kPowerTorn);
      }
    }
    ASSERT_TRUE(story.up());
    EXPECT_EQ(cluster_id(story, 1), cluster_id(story, 2));
    EXPECT_EQ(cluster_id(story, 1), cluster_id(story, 3));
    story.converge();
  }
}

TEST(SimFounding, FreshCluster_IsFoundedInAFewRoundTrips) {
  for (const std::uint64_t seed : seeds(10)) {
    Story story(seed);
    const Time begun = story.world.now();
    story.world.start_all();
    ASSERT_TRUE(story.world.run_until([&] { return all_founded(story); }, seconds{5}));
    EXPECT_LT(story.world.now() - begun, milliseconds{500});
  }
}

/// One founder loses its directory while another may have founded, and a third hears nothing of it.
TEST(SimFounding, FounderLost_WhileOneMayHaveFounded_LeavesOneRecord) {
  int founded_early = 0;
  for (const std::uint64_t seed : seeds(60)) {
    Story story(seed);
    raft::Random random = story.world.random("founding");
    const auto some = [&](std::uint64_t us) {
      story.world.run_for(Time(static_cast<std::int64_t>(random.between(1, us))));
    };
    const NodeId lost = random.between(1, 3), one = 1 + lost % 3, other = 1 + one % 3;
    story.world.start_all();
    some(30'000);
    story.world.network().cut(one, other);
    story.world.network().cut(other, one);
    some(30'000);
    if (founded(story, one) || founded(story, other)) ++founded_early;
    story.world.crash(lost, CrashKind::kProcess);
    story.world.wipe(lost);
    story.world.network().cut(one, lost);
    story.world.network().cut(lost, one);
    ASSERT_TRUE(story.world.start(lost));
    story.world.run_for(seconds{2});
    std::set<std::string> ids;
    for (const NodeId id : {1, 2, 3})
      if (founded(story, id)) ids.insert(cluster_id(story, id));
    EXPECT_LE(ids.size(), 1u) << replay(seed);
    story.world.network().heal_all();
    ASSERT_TRUE(story.ready(seconds{40}));
    EXPECT_EQ(cluster_id(story, 1), cluster_id(story, 2));
    EXPECT_EQ(cluster_id(story, 1), cluster_id(story, 3));
    EXPECT_TRUE(story.put_until_ok(lost, "k", "v"));
  }
  EXPECT_GT(founded_early, 3) << "else nothing was at stake";
}

}  // namespace
}  // namespace cairn::kv::sim
