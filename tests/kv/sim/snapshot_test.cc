// Members so far behind that the log does not reach back to them.
#include "tests/kv/sim/story.h"

namespace cairn::kv::sim {
namespace {

void short_log(Options& o) {
  o.log_entries_kept = 100;
  o.log_bytes_kept = 1u << 20;
  o.segment_bytes = 64u << 10;
}

/// 2,000 writes, twenty under way at a time.
void write_much(Story& story, NodeId at) {
  for (int round = 0; round < 100; ++round) {
    std::vector<CallPtr<PutResult>> calls;
    for (int i = 0; i < 20; ++i) {
      const std::string n = std::to_string(round * 20 + i);
      calls.push_back(story.world.put(at, "key" + n, std::string(100, 'v') + n));
    }
    for (const auto& call : calls) {
      const auto result = story.finish(call);
      ASSERT_TRUE(result) << result.error().message();
    }
  }
}

TEST(SimSnapshot, FollowerDown_While2000Writes_CatchesUpBySnapshot) {
  for (const std::uint64_t seed : seeds(3)) {
    Story story(seed, 3, short_log);
    ASSERT_TRUE(story.up());
    const NodeId down = story.leader_up() == 3 ? 2 : 3;
    story.world.crash(down, CrashKind::kPower);
    write_much(story, 1);
    story.world.run_for(seconds{10});  // the log is flushed and cut
    raft::Index start = 0;
    for (const auto& g : story.world.node(1).groups()) {
      if (g.group == 1) start = g.start;
    }
    EXPECT_GT(start, 1000u) << "the log was not cut\n" << story.states();
    ASSERT_TRUE(story.up());
    story.converge();
    EXPECT_EQ(story.get(down, "key1999"), std::string(100, 'v') + "1999");
    // What was installed is durable, and the node goes on from it.
    story.world.crash(down, CrashKind::kLoseUnsynced);
    ASSERT_TRUE(story.up());
    ASSERT_TRUE(story.put(down, "more", "v"));
    story.converge();
  }
}

TEST(SimSnapshot, PowerCut_AtAnyMomentOfTheInstall_IsHarmless) {
  for (const std::uint64_t seed : seeds(12)) {
    Story story(seed, 3, short_log);
    ASSERT_TRUE(story.up());
    const NodeId down = story.leader_up() == 3 ? 2 : 3;
    story.world.crash(down, CrashKind::kPower);
    write_much(story, 1);
    story.world.run_for(seconds{10});
    raft::Random when = story.world.random("cut");
    for (int cut = 0; cut < 4; ++cut) {
      story.world.crash_at_change(down, when.between(5, 150), CrashKind::kPowerTorn);
      (void)story.world.start(down);
      story.world.run_until([&] { return !story.world.running(down); }, seconds{3});
      story.world.crash(down, CrashKind::kPowerTorn);
    }
    ASSERT_TRUE(story.up());
    story.converge();
  }
}

}  // namespace
}  // namespace cairn::kv::sim
