// One seed is one run, to the last byte.
#include "tests/kv/sim/story.h"

namespace cairn::kv::sim {
namespace {

std::uint64_t trace_of(std::uint64_t seed) {
  Story story(seed);
  story.world.start_all();
  for (int i = 0; i < 40; ++i) {
    (void)story.world.put(1 + static_cast<NodeId>(i % 3), "k" + std::to_string(i % 7), "v");
    story.world.run_for(milliseconds{50});
    if (i == 20) story.world.crash(2, CrashKind::kPowerTorn);
    if (i == 25) story.world.isolate(1);
    if (i == 30) {
      EXPECT_TRUE(story.world.start(2));
    }
    if (i == 35) story.world.rejoin(1);
  }
  return story.world.trace_hash();
}

TEST(SimReplay, SameSeed_TwoWorlds_HaveTheSameTrace) {
  for (const std::uint64_t seed : seeds(5)) {
    const std::uint64_t first = trace_of(seed);
    // Other addresses from the allocator: order by pointer would show.
    std::vector<std::unique_ptr<std::string>> clutter;
    for (int i = 0; i < 1000; ++i) {
      clutter.push_back(std::make_unique<std::string>(static_cast<std::size_t>(i % 97) * 8, 'x'));
      if (i % 3 == 0) clutter.erase(clutter.begin() + i / 7);
    }
    EXPECT_EQ(first, trace_of(seed)) << replay(seed);
  }
}

TEST(SimReplay, OtherSeed_SameStory_HasAnotherTrace) {
  EXPECT_NE(trace_of(1), trace_of(2));
}

}  // namespace
}  // namespace cairn::kv::sim
