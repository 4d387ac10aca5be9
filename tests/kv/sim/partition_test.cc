// Cut links: who may answer, and who must not.
#include "tests/kv/sim/story.h"

namespace cairn::kv::sim {
namespace {

TEST(SimPartition, Leader_Isolated_NeverAnswersWithTheOldValue) {
  for (const std::uint64_t seed : seeds(20)) {
    Story story(seed);
    ASSERT_TRUE(story.up());
    ASSERT_TRUE(story.put(1, "k", "old"));
    const NodeId leader = story.leader_up();
    const NodeId other = story.other_than(leader);
    story.world.isolate(leader);
    // Reads at the isolated leader all the while, before and after the others have written.
    std::vector<CallPtr<ReadResult>> reads;
    bool written = false;
    for (int i = 0; i < 40; ++i) {
      ReadOptions options;
      options.timeout = milliseconds{700};
      auto read = story.world.get(leader, "k", options);
      if (written) reads.push_back(read);
      if (i == 10) {
        ASSERT_TRUE(story.put_until_ok(other, "k", "new"));
        written = true;
      }
      story.world.run_for(milliseconds{50});
    }
    story.world.rejoin(leader);
    story.world.run_for(seconds{6});
    for (const auto& read : reads) {
      ASSERT_TRUE(read->done());
      if (read->ok()) {
        EXPECT_EQ((*read->answer)->item->value, "new");
      }
    }
    EXPECT_EQ(story.get(leader, "k"), "new");
    story.converge();
  }
}

TEST(SimPartition, WritesAtTheIsolatedLeader_NeverBothYesAndLost) {
  for (const std::uint64_t seed : seeds(20)) {
    Story story(seed);
    ASSERT_TRUE(story.up());
    const NodeId leader = story.leader_up();
    std::vector<CallPtr<PutResult>> calls;
    story.world.isolate(leader);
    for (int i = 0; i < 20; ++i) {
      calls.push_back(story.world.put(leader, "k" + std::to_string(i), "v"));
      story.world.run_for(milliseconds{20});
    }
    ASSERT_TRUE(story.put_until_ok(story.other_than(leader), "other", "v"));
    story.world.run_for(seconds{6});
    story.world.rejoin(leader);
    ASSERT_TRUE(story.ready());
    for (int i = 0; i < 20; ++i) {
      const auto& call = calls[static_cast<std::size_t>(i)];
      ASSERT_TRUE(call->done());
      const std::string seen = story.get(2, "k" + std::to_string(i));
      if (call->ok()) {
        EXPECT_EQ(seen, "v") << "acknowledged";
      } else if (call->answer->error().committed == Committed::kNo) {
        EXPECT_EQ(seen, "-") << "promised never to take effect";
      }
    }
    story.converge();
  }
}

TEST(SimPartition, RefusedWhileNobodyLeads_WritesRepeatedByTheNetwork_StayUndone) {
  std::size_t refused = 0;
  for (const std::uint64_t seed : seeds(10)) {
    Story story(seed, 5, [](Options& options) { options.replicas = 5; });
    ASSERT_TRUE(story.up());
    const NodeId leader = story.leader_up();
    std::vector<NodeId> ends = {leader}, stays;
    for (NodeId id = 1; id <= 5; ++id)
      if (id != leader) (ends.size() < 3 ? ends : stays).push_back(id);
    for (const NodeId at : stays) ASSERT_TRUE(story.put(at, "first", "v"));  // it has a session
    story.world.network().law().duplicate_per_mille = 1000;
    for (const NodeId id : ends) story.world.crash(id, CrashKind::kProcess);
    // Each of the two asks the other, which leads no more than itself.
    WriteOptions options;
    options.timeout = milliseconds{50};
    std::vector<std::pair<std::string, CallPtr<PutResult>>> calls;
    for (int i = 0; i < 20; ++i) {
      for (const NodeId at : stays) {
        const std::string key = "k" + std::to_string(i) + "-" + std::to_string(at);
        calls.emplace_back(key, story.world.put(at, key, "v", options));
      }
      story.world.run_for(milliseconds{20});
    }
    // A majority is back while the connection of the two lives, and with it all that comes again.
    ASSERT_TRUE(story.up());
    story.world.run_for(seconds{4});
    for (const auto& [key, call] : calls) {
      ASSERT_TRUE(call->done());
      if (call->ok() || call->answer->error().committed != Committed::kNo) continue;
      ++refused;
      EXPECT_EQ(story.get(leader, key), "-") << "promised never to take effect";
    }
    story.converge();
  }
  EXPECT_GT(refused, 20u);
}

TEST(SimPartition, PrefixDelete_ALaterStepUnknown_IsPartial) {
  for (const std::uint64_t seed : seeds(10)) {
    Story story(seed, 3, [](Options& options) { options.partitions = 3; });
    ASSERT_TRUE(story.up());
    const NodeId at = story.world.leader(1);
    ASSERT_NE(at, 0u);
    std::vector<bool> has_key(3);
    for (int i = 0; i < 30; ++i) {
      const std::string key = "p/" + std::to_string(i);
      ASSERT_TRUE(story.put(at, key, "v"));
      has_key[story.world.node(at).ring(key).partition] = true;
    }
    ASSERT_TRUE(has_key[0] && has_key[1] && has_key[2]);
    // The first step is done here; of the next one that another node leads, no answer comes back.
    NodeId silent = 0;
    for (const raft::GroupId group : {2u, 3u}) {
      const NodeId leader = story.world.leader(group);
      if (silent == 0 && leader != at) silent = leader;
    }
    ASSERT_NE(silent, 0u);
    story.world.network().cut(silent, at);
    RemovePrefixOptions options;
    options.timeout = milliseconds{400};
    const auto result = story.finish(story.world.remove_prefix(at, "p/", options));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().committed, Committed::kPartial) << result.error().message();
    story.world.network().heal_all();
    ASSERT_TRUE(story.ready());
    story.converge();
  }
}

TEST(SimPartition, LeaderHearsNobody_OneWay_TheOthersGoOn) {
  for (const std::uint64_t seed : seeds(10)) {
    Story story(seed);
    ASSERT_TRUE(story.up());
    const NodeId leader = story.leader_up();
    for (const NodeId id : {1, 2, 3}) {
      if (static_cast<NodeId>(id) != leader) story.world.network().cut(id, leader);
    }
    EXPECT_TRUE(story.put_until_ok(story.other_than(leader), "k", "v"));
    story.world.network().heal_all();
    ASSERT_TRUE(story.ready());
    EXPECT_EQ(story.get(leader, "k"), "v");
    story.converge();
  }
}

TEST(SimPartition, FollowerCutOff_Returns_WithoutDisturbingTheLeader) {
  for (const std::uint64_t seed : seeds(10)) {
    Story story(seed);
    ASSERT_TRUE(story.up());
    const NodeId leader = story.leader_up();
    const NodeId follower = story.other_than(leader);
    raft::Term term = 0;
    for (const auto& group : story.world.node(leader).groups()) {
      if (group.group == 1) term = group.term;
    }
    story.world.isolate(follower);
    story.world.run_for(seconds{5});
    ASSERT_TRUE(story.put(leader, "k", "v"));
    story.world.rejoin(follower);
    ASSERT_TRUE(story.ready());
    EXPECT_EQ(story.get(follower, "k"), "v");
    for (const auto& group : story.world.node(leader).groups()) {
      if (group.group == 1) {
        EXPECT_EQ(group.term, term) << "pre-vote keeps the leader";
      }
    }
    story.converge();
  }
}

TEST(SimPartition, OneLinkCut_BridgeNode_KeepsTheClusterWriting) {
  for (const std::uint64_t seed : seeds(10)) {
    Story story(seed);
    ASSERT_TRUE(story.up());
    story.world.network().cut(1, 2);
    story.world.network().cut(2, 1);
    story.world.run_for(seconds{3});
    EXPECT_TRUE(story.put_until_ok(3, "k", "v"));
    EXPECT_TRUE(story.put_until_ok(3, "k", "w"));
    story.world.network().heal_all();
    ASSERT_TRUE(story.ready());
    EXPECT_EQ(story.get(1, "k"), "w");
    EXPECT_EQ(story.get(2, "k"), "w");
    story.converge();
  }
}

TEST(SimPartition, FlippedBits_OnTheWire_AreNeverBelieved) {
  for (const std::uint64_t seed : seeds(5)) {
    WorldOptions options = Story::options(seed);
    options.network.corrupt_per_million = 3'000;
    Story story(options);
    story.world.start_all();
    story.world.run_for(seconds{5});
    for (int i = 0; i < 200; ++i) {
      (void)story.world.put(1 + static_cast<NodeId>(i % 3), "k" + std::to_string(i), "v");
      story.world.run_for(milliseconds{20});
    }
    EXPECT_GT(story.world.network().counters().corrupted, 0u);
    story.world.network().set_corruption(0);
    ASSERT_TRUE(story.ready());
    story.converge();
  }
}

}  // namespace
}  // namespace cairn::kv::sim
