// Members so far behind that the log does not reach back to them.
#include <utility>
#include <vector>

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

/// Index of the group's last entry and of its newest applied one at a node.
std::pair<raft::Index, raft::Index> ends_of(Story& story, NodeId id) {
  for (const auto& g : story.world.node(id).groups()) {
    if (g.group == 1) return {g.last, g.applied};
  }
  return {0, 0};
}

TEST(SimSnapshot, PowerCut_BeforeTheTermOfASnapshotIsDurable_DoesNotStopALaterStart) {
  int flipped = 0;
  for (const std::uint64_t seed : seeds(5)) {
    Story story(seed, 3, short_log);
    ASSERT_TRUE(story.up());
    const NodeId old = story.leader_up();
    const NodeId down = old == 3 ? 2 : 3;
    story.world.crash(down, CrashKind::kPower);
    // A new term, which `down` hears of together with its snapshot.
    story.world.crash(old, CrashKind::kProcess);
    ASSERT_TRUE(story.world.start(old));
    story.world.run_for(seconds{3});
    write_much(story, old);
    story.world.run_for(seconds{10});
    // Its database takes the snapshot, its log takes nothing: neither the term nor the reset.
    ASSERT_TRUE(story.world.start(down));
    story.world.hang_disk(down, seconds{20});
    story.world.run_for(seconds{2});
    story.world.crash(down, CrashKind::kLoseUnsynced);
    // Now the start completes the reset. It becomes durable with what another group has to say.
    ASSERT_TRUE(story.world.start(down));
    flipped += ends_of(story, down).second > 1'000 ? 1 : 0;
    ASSERT_TRUE(story.ready());
    const NodeId four = story.world.add_node();
    MemberChange change;
    change.add.push_back({four, "127.0.0.1:9004", true});
    ASSERT_TRUE(story.finish(
        story.world.call<MemberPlan>(old, [change](Node& node, Callback<MemberPlan> done) {
          node.change_members(change, std::move(done));
        })));
    story.world.run_for(seconds{1});
    story.world.crash(down, CrashKind::kLoseUnsynced);
    ASSERT_TRUE(story.world.start(down));
    ASSERT_TRUE(story.put_until_ok(down, "more", "v"));
    story.converge();
  }
  EXPECT_GT(flipped, 3) << "the story is about snapshots that were taken";
}

TEST(SimSnapshot, PowerCut_WhileASnapshotReplacesALongerLog_LeavesTheSnapshot) {
  // The old leader's log reaches past the snapshot, with entries that nobody committed. Cut between
  // the flip of the engine and the reset of the log, the next start must not believe that log.
  int longer = 0;
  for (std::uint64_t kth = 1; kth <= 60; ++kth) {
    SCOPED_TRACE("change " + std::to_string(kth));
    Story story(kth, 3, short_log);
    ASSERT_TRUE(story.up());
    const NodeId old = story.leader_up();
    const NodeId other = story.other_than(old);
    story.world.isolate(old);
    for (int i = 0; i < 1'500; ++i) {
      (void)story.world.put(old, "lost" + std::to_string(i), "v");
    }
    story.world.run_for(seconds{2});
    for (int i = 0; i < 25; ++i) {
      std::vector<CallPtr<PutResult>> calls;
      for (int k = 0; k < 20; ++k) {
        calls.push_back(story.world.put(other, "kept" + std::to_string(i * 20 + k), "v"));
      }
      for (const auto& call : calls) ASSERT_TRUE(story.finish(call));
    }
    story.world.run_for(seconds{10});
    longer += ends_of(story, old).first > ends_of(story, other).first ? 1 : 0;
    story.world.crash_at_change(old, kth, CrashKind::kPower);
    story.world.rejoin(old);
    story.world.run_until([&] { return !story.world.running(old); }, seconds{5});
    story.world.crash(old, CrashKind::kPower);
    ASSERT_TRUE(story.up());
    ASSERT_TRUE(story.put(old, "more", "v"));
    story.converge();
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(longer, 30) << "the story is about logs that reach past the snapshot";
}

}  // namespace
}  // namespace cairn::kv::sim
