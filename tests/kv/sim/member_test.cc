// Nodes come, go, are replaced, lose their directories, while others write.
#include <algorithm>

#include <gmock/gmock.h>

#include "tests/kv/sim/member_story.h"

namespace cairn::kv::sim {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

TEST(SimMembers, FourthNode_IsAdded_AndHoldsWhatItShall) {
  for (const std::uint64_t seed : seeds(5)) {
    MemberStory story(seed, 3, [](Options& o) { o.partitions = 4; });
    ASSERT_TRUE(story.up());
    story.put_many(1, 0, 40);
    const NodeId four = story.world.add_node();
    ASSERT_TRUE(story.world.start(four));
    story.world.run_for(seconds{1});
    const auto reasons = story.world.node(four).not_ready_reasons();
    ASSERT_EQ(reasons.size(), 1u);
    EXPECT_NE(reasons[0].find("kvctl member add 4=127.0.0.1:9004"), std::string::npos);
    const auto plan = story.change(2, adding(four));
    ASSERT_TRUE(plan) << plan.error().message();
    EXPECT_EQ(plan->change, 2u);
    ASSERT_TRUE(story.settled(3));
    ASSERT_TRUE(story.ready());
    EXPECT_EQ(story.membership(1, four), "active");
    EXPECT_FALSE(story.world.node(four).groups().empty());
    story.expect_all(four, 40);
    story.converge();
  }
}

TEST(SimMembers, NodeThatJoins_NeverSaysThatWhatIsThereIsAbsent) {
  for (const std::uint64_t seed : seeds(5)) {
    MemberStory story(seed, 3, [](Options& o) { o.partitions = 4; });
    ASSERT_TRUE(story.up());
    story.put_many(1, 0, 40);
    const NodeId four = story.world.add_node();
    ASSERT_TRUE(story.world.start(four));
    ASSERT_TRUE(story.change(1, adding(four)));
    ReadOptions at_once;
    at_once.consistency = Consistency::kEventual;
    at_once.timeout = milliseconds{200};
    for (int i = 0; i < 200; ++i) {
      const std::string value = story.get(four, "k" + std::to_string(i % 40), at_once);
      ASSERT_NE(value, "-") << "read " << i << " of a replica that holds nothing yet";
      story.world.run_for(milliseconds{5});
    }
    ASSERT_TRUE(story.settled(3));
  }
}

TEST(SimMembers, NodeIsRemoved_GoesQuietly_AndItsDataGo) {
  for (const std::uint64_t seed : seeds(5)) {
    MemberStory story(seed, 4, [](Options& o) { o.partitions = 4; });
    ASSERT_TRUE(story.up());
    story.put_many(1, 0, 20);
    ASSERT_TRUE(story.change(1, removing(4)));
    story.put_many(1, 20, 40);
    ASSERT_TRUE(
        story.world.run_until([&] { return story.world.node(4).groups().empty(); }, seconds{30}))
        << story.reasons();
    ASSERT_TRUE(story.settled(3));
    const auto reasons = story.world.node(4).not_ready_reasons();
    ASSERT_FALSE(reasons.empty());
    EXPECT_NE(reasons[0].find("removed"), std::string::npos) << reasons[0];
    ASSERT_TRUE(story.world.stop(4));
    story.expect_all(2, 40);
    story.converge();
    // Started again it still stands aside.
    ASSERT_TRUE(story.world.start(4));
    story.world.run_for(seconds{5});
    EXPECT_FALSE(story.world.node(4).not_ready_reasons().empty());
    EXPECT_TRUE(story.put(1, "after", "x"));
  }
}

TEST(SimMembers, LeaderIsRemoved_OthersLeadOn) {
  for (const std::uint64_t seed : seeds(5)) {
    MemberStory story(seed, 4);
    ASSERT_TRUE(story.up());
    story.put_many(1, 0, 10);
    const NodeId leader = story.leader_up();
    const NodeId other = story.other_than(leader);
    ASSERT_TRUE(story.change(other, removing(leader)));
    const Time begun = story.world.now();
    story.put_many(other, 10, 60);
    EXPECT_LT(story.world.now() - begun, seconds{5});
    ASSERT_TRUE(story.world.run_until([&] { return story.world.node(leader).groups().empty(); },
                                      seconds{30}));
    ASSERT_TRUE(story.world.stop(leader));
    ASSERT_TRUE(story.settled(3));
    story.expect_all(other, 60);
    story.converge();
  }
}

TEST(SimMembers, DeadNode_IsReplaced) {
  for (const std::uint64_t seed : seeds(5)) {
    MemberStory story(seed, 3, [](Options& o) { o.partitions = 2; });
    ASSERT_TRUE(story.up());
    story.put_many(1, 0, 20);
    story.world.crash(3, CrashKind::kPower);
    const NodeId four = story.world.add_node();
    ASSERT_TRUE(story.world.start(four));
    MemberChange replace = adding(four);
    replace.remove.push_back(3);
    const auto plan = story.change(1, replace);
    ASSERT_TRUE(plan) << plan.error().message();
    ASSERT_TRUE(story.settled(3));
    ASSERT_TRUE(story.ready());
    story.put_many(four, 20, 30);
    story.expect_all(four, 30);
    // The new set is a quorum without the old member: one more may fail.
    story.world.crash(2, CrashKind::kProcess);
    EXPECT_TRUE(story.put_until_ok(1, "k30", "30"));
    // The replaced one comes back when nobody thinks of it any more, learns it, and disturbs
    // nobody.
    story.world.run_for(seconds{20});
    ASSERT_TRUE(story.world.start(3));
    story.world.run_for(seconds{5});
    EXPECT_THAT(story.world.node(3).not_ready_reasons(),
                Contains(HasSubstr("its id is not a member there")));
    EXPECT_TRUE(story.put_until_ok(1, "k31", "31"));
  }
}

/// Node 2 is replaced by node 4 and hears nothing of it: to it, node 4 is a stranger.
struct Replaced : MemberStory {
  explicit Replaced(std::uint64_t seed) : MemberStory(seed) {}

  void cut(NodeId a, NodeId b, bool heal = false) {
    for (const auto& [from, to] : {std::pair(a, b), std::pair(b, a)})
      heal ? world.network().heal(from, to) : world.network().cut(from, to);
  }
  bool begin() {
    if (!up()) return false;
    cut(2, 1);
    cut(2, 3);
    if (!put_until_ok(1, "k0", "0")) return false;
    world.add_node();
    if (!world.start(4)) return false;
    MemberChange replace = adding(4);
    replace.remove.push_back(2);
    change_for_sure(1, replace);
    return true;
  }
  bool is_refused() { return reasons().find("node 4: its peers refuse") != std::string::npos; }
  void expect_whole() {
    for (const NodeId id : {1, 3, 4}) {
      EXPECT_EQ(membership(id, 4), "active");
      EXPECT_EQ(membership(id, 2), "");
      EXPECT_TRUE(world.node(id).not_ready_reasons().empty()) << reasons();
    }
    EXPECT_TRUE(put_until_ok(4, "k1", "1"));
  }
};

TEST(SimMembers, NodeThatCame_IsReady_ThoughOneThatWentRefusesIt) {
  for (const std::uint64_t seed : seeds(5)) {
    Replaced story(seed);
    ASSERT_TRUE(story.begin());
    story.world.run_for(seconds{15});
    story.expect_whole();
  }
}

TEST(SimMembers, NodeThatCame_IsReady_OnceWhoRefusedItHasGone) {
  for (const std::uint64_t seed : seeds(5)) {
    Replaced story(seed);
    ASSERT_TRUE(story.begin());
    ASSERT_TRUE(
        story.world.run_until([&] { return !story.world.node(4).groups().empty(); }, seconds{10}));
    story.cut(1, 3);  // so that the change waits
    ASSERT_TRUE(story.world.run_until([&] { return story.is_refused(); }, seconds{10}));
    story.cut(1, 3, true);
    story.world.run_for(seconds{15});
    story.expect_whole();
  }
}

TEST(SimMembers, WipedDirectory_ComesBackAsALearner_AndHoldsAllData) {
  for (const std::uint64_t seed : seeds(5)) {
    MemberStory story(seed, 3, [](Options& o) { o.partitions = 2; });
    ASSERT_TRUE(story.up());
    story.put_many(1, 0, 20);
    const NodeId wiped = 1 + seed % 3;
    story.world.crash(wiped, CrashKind::kPower);
    story.world.wipe(wiped);
    ASSERT_TRUE(story.world.start(wiped));
    ASSERT_TRUE(story.settled(3));
    ASSERT_TRUE(story.ready());
    story.expect_all(wiped, 20);
    for (const auto& group : story.world.node(wiped).groups())
      EXPECT_NE(group.member, wiped) << "a new member, not the one that it was";
    story.converge();
    // And it counts again.
    story.world.crash(wiped == 1 ? 2 : 1, CrashKind::kProcess);
    EXPECT_TRUE(story.put_until_ok(wiped, "k20", "20"));
  }
}

TEST(SimMembers, RolledBackDirectory_MovesItsDataAside_AndComesBack) {
  for (const std::uint64_t seed : seeds(5)) {
    MemberStory story(seed);
    ASSERT_TRUE(story.up());
    ASSERT_TRUE(story.world.stop(3));
    const auto image = story.world.disk(3).image();
    ASSERT_TRUE(story.up());
    story.put_many(3, 0, 20);
    story.world.crash(3, CrashKind::kProcess);
    story.world.disk(3).load(image);
    ASSERT_TRUE(story.world.start(3));
    ASSERT_TRUE(story.settled(3));
    ASSERT_TRUE(story.ready());
    story.expect_all(3, 20);
    story.converge();
    EXPECT_TRUE(story.world.disk(3).exists("node/quarantine/1/identity").value());
  }
}

TEST(SimMembers, TwoWipedFoundersOfThree_FoundNothing_AndSaySo) {
  for (const std::uint64_t seed : seeds(5)) {
    MemberStory story(seed);
    ASSERT_TRUE(story.up());
    ASSERT_TRUE(story.put(1, "k", "v"));
    const std::string cluster = story.world.node(1).cluster().cluster_id;
    for (const NodeId id : {2, 3}) {
      story.world.crash(id, CrashKind::kPower);
      story.world.wipe(id);
    }
    for (const NodeId id : {2, 3}) ASSERT_TRUE(story.world.start(id));
    story.world.run_for(seconds{20});
    for (const NodeId id : {2, 3}) {
      EXPECT_TRUE(story.world.node(id).groups().empty());
      EXPECT_FALSE(story.world.node(id).not_ready_reasons().empty());
    }
    EXPECT_EQ(story.world.node(1).cluster().cluster_id, cluster);
    EXPECT_FALSE(story.finish(story.world.put(1, "k", "w")));
    EXPECT_FALSE(story.finish(story.world.put(2, "k", "w")));
  }
}

TEST(SimMembers, OneNode_GrowsToThree) {
  for (const std::uint64_t seed : seeds(3)) {
    WorldOptions options = Story::options(seed, 3);
    options.adjust = [](Options& o) {
      if (o.node_id == 1) o.cluster.clear();
      if (o.node_id != 1) o.cluster.resize(1);
    };
    MemberStory story(options);
    ASSERT_TRUE(story.world.start(1));
    ASSERT_TRUE(story.ready());
    story.put_many(1, 0, 10);
    for (const NodeId id : {2, 3}) {
      ASSERT_TRUE(story.world.start(id));
      ASSERT_TRUE(story.change(1, adding(id)));
      ASSERT_TRUE(story.settled(2));
      ASSERT_TRUE(story.ready());
    }
    EXPECT_EQ(story.replicas(1).size(), 3u);
    story.world.crash(1, CrashKind::kPower);
    story.put_many(2, 10, 20);
    story.expect_all(3, 20);
  }
}

TEST(SimMembers, Refusals_SayWhatToDo) {
  MemberStory story(7);
  ASSERT_TRUE(story.up());
  const auto code = [&](const MemberChange& change) {
    const auto plan = story.change(2, change);
    return plan ? Errc::kInternal : plan.error().code;
  };
  EXPECT_EQ(code(adding(3)), Errc::kMemberExists);
  EXPECT_EQ(code(removing(9)), Errc::kUnknownNode);
  EXPECT_EQ(code({}), Errc::kBadRequest);
  story.world.crash(3, CrashKind::kProcess);
  story.world.run_for(seconds{2});
  EXPECT_EQ(code(removing(2)), Errc::kQuorumLost);
  MemberChange dry = removing(3);
  dry.dry_run = true;
  const auto plan = story.change(1, dry);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->change, 0u);
  EXPECT_EQ(story.world.node(1).cluster().epoch, 1u) << "a dry run changes nothing";
}

TEST(SimMembers, LeadershipIsMoved_WhereItIsWanted) {
  for (const std::uint64_t seed : seeds(5)) {
    MemberStory story(seed);
    ASSERT_TRUE(story.up());
    const NodeId leader = story.leader_up();
    const NodeId to = leader % 3 + 1;
    const auto move = [&](NodeId target) {
      return story.finish(story.world.call<std::uint64_t>(
          story.other_than(leader), [target](Node& node, Callback<std::uint64_t> done) {
            node.move_leader(0, target, seconds{5}, std::move(done));
          }));
    };
    const auto moved = move(to);
    ASSERT_TRUE(moved) << moved.error().message();
    EXPECT_EQ(*moved, to);
    EXPECT_EQ(story.leader_up(), to);
    EXPECT_TRUE(story.put(leader, "k", "v"));
    EXPECT_EQ(move(to).error().code, Errc::kUnchanged);
    EXPECT_EQ(move(9).error().code, Errc::kUnknownNode);
  }
}

TEST(SimMembers, ChangesUnderCrashes_LoseNothing_AndSettle) {
  for (const std::uint64_t seed : seeds(10)) {
    MemberStory story(seed, 3, [](Options& o) { o.partitions = 2; });
    ASSERT_TRUE(story.up());
    raft::Random random = story.world.random("members");
    int written = 0;
    NodeId removed = 0;  // it may have gone already, and takes nothing then
    const auto write_some = [&] {
      for (int i = 0; i < 5; ++i, ++written) {
        auto ids = story.world.running();
        std::erase(ids, removed);
        story.put_until_ok(ids[random.between(0, ids.size() - 1)], "k" + std::to_string(written),
                           std::to_string(written));
      }
    };
    write_some();
    const NodeId four = story.world.add_node();
    ASSERT_TRUE(story.world.start(four));
    story.change_for_sure(1, adding(four));
    for (int round = 0; round < 8; ++round) {
      story.world.run_for(Time(static_cast<std::int64_t>(random.between(10'000, 600'000))));
      const NodeId victim = random.between(1, 4);
      story.world.crash(victim, CrashKind::kPowerTorn);
      write_some();
      ASSERT_TRUE(story.world.start(victim));
    }
    ASSERT_TRUE(story.settled(3));
    removed = random.between(2, 3);
    story.change_for_sure(1, removing(removed));
    for (int round = 0; round < 4; ++round) {
      story.world.run_for(Time(static_cast<std::int64_t>(random.between(10'000, 600'000))));
      const NodeId victim = story.leader_up();
      if (victim == 0) return;
      story.world.crash(victim, CrashKind::kPower);
      ASSERT_TRUE(story.world.start(victim));
      write_some();
    }
    ASSERT_TRUE(story.settled(5));
    story.expect_all(1, written);
    story.expect_all(four, written);
  }
}

}  // namespace
}  // namespace cairn::kv::sim
