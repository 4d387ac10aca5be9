// Idle groups are quiet, and yet a node that is gone is noticed as soon as ever.
#include "tests/kv/sim/story.h"

namespace cairn::kv::sim {
namespace {

TEST(SimQuiet, ManyIdleGroups_CostAFrameAHeartbeatForAll) {
  for (const std::uint64_t seed : seeds(2)) {
    Story story(seed, 3, [](Options& o) { o.partitions = 24; });
    ASSERT_TRUE(story.up());
    story.world.run_for(seconds{5});
    const Network::Counters before = story.world.network().counters();
    story.world.run_for(seconds{10});
    const Network::Counters after = story.world.network().counters();
    // Six pairs, twenty heartbeats a second, and the gossip of each second.
    EXPECT_LE(after.frames - before.frames, 6u * (200 + 10) + 100);
    EXPECT_LE(after.bytes - before.bytes, 6u * 200 * 150 + 6u * 10 * 2'000);
    ASSERT_TRUE(story.put(2, "k", "v"));
    EXPECT_EQ(story.get(3, "k"), "v");
  }
}

TEST(SimQuiet, TheLeadersNodeStandsStill_AnotherLeadsSoon) {
  // Its connections stay open: only its silence tells.
  for (const std::uint64_t seed : seeds(6)) {
    Story story(seed);
    ASSERT_TRUE(story.up());
    ASSERT_TRUE(story.put(1, "k", "before"));
    story.world.run_for(seconds{5});
    const NodeId gone = story.leader_up();
    ASSERT_NE(gone, 0u);
    story.world.stall(gone, seconds{20});
    const Time stalled = story.world.now();
    const NodeId other = story.other_than(gone);
    ASSERT_TRUE(story.put_until_ok(other, "k", "after"));
    EXPECT_LT(story.world.now() - stalled, seconds{3});
    EXPECT_EQ(story.get(other, "k"), "after");
  }
}

TEST(SimQuiet, TheLeadersNodeLosesPower_AnotherLeadsSoon) {
  for (const std::uint64_t seed : seeds(6)) {
    Story story(seed);
    ASSERT_TRUE(story.up());
    story.world.run_for(seconds{5});
    const NodeId gone = story.leader_up();
    ASSERT_NE(gone, 0u);
    story.world.crash(gone, CrashKind::kPower);
    const Time crashed = story.world.now();
    ASSERT_TRUE(story.put_until_ok(story.other_than(gone), "k", "after"));
    EXPECT_LT(story.world.now() - crashed, seconds{3});
    ASSERT_TRUE(story.world.start(gone));
    ASSERT_TRUE(story.ready());
    story.converge();
  }
}

}  // namespace
}  // namespace cairn::kv::sim
