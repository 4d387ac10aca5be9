// Under crashes, cuts and stalls the store is one register a key.
#include "tests/kv/sim/story.h"
#include "tests/kv/sim/workload.h"

namespace cairn::kv::sim {
namespace {

/// Some seeds have many partitions, some tiny logs, some five nodes.
WorldOptions swarm(std::uint64_t seed) {
  raft::Random random = stream(seed, "swarm");
  const std::uint64_t partitions = chance(random, 300) ? 4 : 1;
  const bool tiny = chance(random, 500);
  WorldOptions options = Story::options(seed, chance(random, 200) ? 5 : 3, [=](Options& o) {
    o.partitions = static_cast<std::uint32_t>(partitions);
    if (tiny) {
      o.log_entries_kept = 100;
      o.log_bytes_kept = 1u << 20;
      o.segment_bytes = 64u << 10;
    }
  });
  options.network.corrupt_per_million = chance(random, 300) ? 500 : 0;
  return options;
}

TEST(SimLinearizability, ClientsUnderTrouble_EveryHistory_IsLinearizable) {
  std::uint64_t operations = 0;
  for (const std::uint64_t seed : seeds(100)) {
    Story story(swarm(seed));
    ASSERT_TRUE(story.up());
    Workload workload(story.world, {});
    Trouble trouble(story.world);
    story.world.run_for(seconds{5});
    trouble.end();
    story.world.run_for(seconds{2});
    workload.stop();
    ASSERT_TRUE(story.world.run_until([&] { return workload.idle(); }, seconds{10}));
    ASSERT_TRUE(story.ready());
    const std::string verdict = workload.history().check();
    EXPECT_EQ(verdict, "");
    EXPECT_GT(workload.succeeded(), 20u);
    operations += workload.history().size();
    story.converge();
    if (testing::Test::HasFailure()) return;
  }
  RecordProperty("operations", std::to_string(operations));
}

}  // namespace
}  // namespace cairn::kv::sim
