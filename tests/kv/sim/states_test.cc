// A replica whose state is not what the log makes of it: named, quarantined where a majority is
// against it, looked at key by key, and made sound again, while the others go on.
#include <gtest/gtest.h>

#include <algorithm>

#include "kv/engine/state_hash.h"
#include "kv/node/state_rpc.h"
#include "tests/kv/sim/story.h"

namespace cairn::kv::sim {
namespace {

constexpr raft::GroupId kGroup = 1;
constexpr milliseconds kAFewHeartbeats{300};

class StatesStory : public Story {
 public:
  using Story::Story;

  void put_many(NodeId at, int from, int to) {
    for (int i = from; i < to; ++i)
      put_until_ok(at, "k" + std::to_string(i), "value-" + std::to_string(i));
  }
  /// As an apply that went wrong would leave it: items, and with them the hash.
  void alter(NodeId id, const std::string& key, const std::optional<std::string>& as) {
    Engine& engine = *world.node(id).engine();
    const auto before = *engine.state_view(kGroup);
    std::vector<ItemRecord> items{{key, std::nullopt}};
    if (as) items.front().record = *before->record(*as);
    ASSERT_TRUE(engine.repair(kGroup, before->applied(), items));
    StateBuckets by = before->buckets();
    const auto after = *engine.state_view(kGroup);
    const auto page = after->page({});
    StateHash counted;
    for (const StateEntry& e : page->entries) counted.toggle(StateHash::key_hash(e.key), e.word);
    for (std::size_t i = 0; i < kStateBuckets; ++i) by[i] ^= counted.buckets()[i];
    ASSERT_TRUE(engine.adjust_state(kGroup, before->generation(), by));
  }
  bool odd(NodeId id) {
    for (const auto& g : world.node(id).groups())
      if (g.group == kGroup) return g.odd;
    return false;
  }
  bool becomes_odd(NodeId id, milliseconds within = kAFewHeartbeats) {
    return world.run_until([&] { return odd(id); }, within);
  }
  Result<StateReport> compare(NodeId asked, NodeId node, bool heal = false, bool deep = false) {
    return finish(world.call<StateReport>(asked, [=](Node& at, Callback<StateReport> done) {
      StateComparison wish;
      wish.node = node;
      wish.heal = heal;
      wish.deep = deep;
      at.compare_states(wish, std::move(done));
    }));
  }
  double metric(NodeId id, const std::string& name) {
    for (const Sample& s : world.node(id).metrics())
      if (s.name == name) return s.value;
    return -1;
  }
  bool shown_as_diverged(NodeId by, NodeId node) {
    const ClusterView cluster = world.node(by).cluster();
    for (const ReplicaView& r : cluster.partitions.at(0).replicas)
      if (r.node == node) return r.diverged;
    return false;
  }
  NodeId third(NodeId a, NodeId b) { return 6 - a - b; }
};

TEST(SimStates, FollowerWithAnotherState_IsNamedAndQuarantined_AndHealed) {
  for (const std::uint64_t seed : seeds(8)) {
    StatesStory story(seed);
    ASSERT_TRUE(story.up());
    story.put_many(1, 0, 40);
    const NodeId leader = story.leader_up();
    const NodeId wrong = leader % 3 + 1;
    story.converge();
    story.alter(wrong, "k7", "k8");
    story.alter(wrong, "k9", std::nullopt);
    ASSERT_TRUE(story.becomes_odd(wrong)) << story.states();
    EXPECT_EQ(story.metric(leader, "cairn_state_divergence"), 1);
    EXPECT_EQ(story.metric(wrong, "cairn_state_quarantined"), 1);
    EXPECT_TRUE(story.shown_as_diverged(leader, wrong));
    EXPECT_TRUE(story.shown_as_diverged(wrong, wrong));
    EXPECT_FALSE(story.world.node(wrong).not_ready_reasons().empty());
    EXPECT_TRUE(story.world.node(leader).not_ready_reasons().empty());

    // Whoever asks it is answered by another; it shows nothing of its own.
    ReadOptions eventual;
    eventual.consistency = Consistency::kEventual;
    EXPECT_EQ(story.get(wrong, "k7"), "value-7");
    EXPECT_EQ(story.get(wrong, "k9", eventual), "value-9");
    story.put_many(wrong, 40, 60);  // and it acks: the third is not needed
    story.world.crash(story.third(leader, wrong), CrashKind::kProcess);
    EXPECT_TRUE(story.put_until_ok(leader, "k60", "value-60"));
    ASSERT_TRUE(story.world.start(story.third(leader, wrong)));

    const auto report = story.compare(leader, wrong);
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_EQ(report->node, wrong);
    EXPECT_TRUE(report->quarantined);
    ASSERT_EQ(report->differing, 2u);
    EXPECT_EQ(report->keys.at(0).key, "k7");
    EXPECT_NE(report->keys.at(0).revision, 0u);
    EXPECT_EQ(report->keys.at(1).key, "k9");
    EXPECT_EQ(report->keys.at(1).revision, 0u);
    EXPECT_NE(report->keys.at(1).revision_against, 0u);

    const auto healed = story.compare(wrong, wrong, true);
    ASSERT_TRUE(healed) << healed.error().message();
    EXPECT_EQ(healed->healed, 2u);
    EXPECT_FALSE(story.odd(wrong));
    ASSERT_TRUE(story.ready());
    story.converge();
    story.world.run_for(seconds{1});
    EXPECT_FALSE(story.shown_as_diverged(story.leader_up(), wrong));
    EXPECT_EQ(story.metric(wrong, "cairn_snapshots_installed_total"), 0)
        << "only what differed was fetched";
    const auto after = story.compare(leader, wrong, false, true);
    ASSERT_TRUE(after) << after.error().message();
    EXPECT_EQ(after->differing, 0u);
  }
}

TEST(SimStates, LeaderWithAnotherState_HandsOver_AndIsQuarantined) {
  for (const std::uint64_t seed : seeds(8)) {
    StatesStory story(seed);
    ASSERT_TRUE(story.up());
    story.put_many(1, 0, 20);
    const NodeId wrong = story.leader_up();
    story.converge();
    story.alter(wrong, "k3", "k4");
    // What nobody writes to is compared again every ten seconds.
    if (seed % 2 == 0) story.put_until_ok(wrong, "new", "entry");
    ASSERT_TRUE(story.becomes_odd(wrong, seed % 2 == 0 ? kAFewHeartbeats : milliseconds{11'000}))
        << story.states();
    ASSERT_TRUE(story.world.run_until(
        [&] { return story.world.leader() != 0 && story.world.leader() != wrong; }, seconds{5}));
    const NodeId leader = story.world.leader();
    EXPECT_EQ(story.get(wrong, "k3"), "value-3");
    story.put_many(wrong, 20, 30);
    EXPECT_FALSE(story.odd(leader));
    // Nobody makes it lead: neither people nor the end of the others' leader.
    const auto moved = story.finish(
        story.world.call<std::uint64_t>(leader, [wrong](Node& node, Callback<std::uint64_t> done) {
          node.move_leader(0, wrong, seconds{2}, std::move(done));
        }));
    EXPECT_FALSE(moved);
    const auto healed = story.compare(leader, wrong, true);
    ASSERT_TRUE(healed) << healed.error().message();
    EXPECT_EQ(healed->healed, 1u);
    ASSERT_TRUE(story.ready());
    story.converge();
  }
}

TEST(SimStates, OneAgainstOne_IsNamed_AndNobodyIsQuarantined) {
  for (const std::uint64_t seed : seeds(4)) {
    StatesStory story(seed);
    ASSERT_TRUE(story.up());
    story.put_many(1, 0, 10);
    const NodeId leader = story.leader_up();
    const NodeId wrong = leader % 3 + 1;
    story.converge();
    story.world.crash(story.third(leader, wrong), CrashKind::kProcess);
    story.put_until_ok(leader, "new", "entry");  // about which the third has said nothing
    story.converge();
    story.world.run_for(milliseconds{100});
    story.alter(wrong, "k3", std::nullopt);
    EXPECT_FALSE(story.becomes_odd(wrong, milliseconds{1'000}));
    EXPECT_FALSE(story.odd(leader));
    EXPECT_TRUE(story.shown_as_diverged(leader, wrong));
    EXPECT_TRUE(story.shown_as_diverged(wrong, wrong));
    EXPECT_FALSE(story.world.node(wrong).not_ready_reasons().empty());
    ASSERT_TRUE(story.world.start(story.third(leader, wrong)));
    EXPECT_TRUE(story.becomes_odd(wrong, seconds{10})) << "the third has the say";
    ASSERT_TRUE(story.compare(leader, wrong, true));
    ASSERT_TRUE(story.ready());
    story.converge();
  }
}

TEST(SimStates, Quarantine_OutlivesAPowerCut) {
  for (const std::uint64_t seed : seeds(5)) {
    StatesStory story(seed);
    ASSERT_TRUE(story.up());
    story.put_many(1, 0, 30);
    const NodeId leader = story.leader_up();
    const NodeId wrong = leader % 3 + 1;
    story.converge();
    story.alter(wrong, "k1", "k2");
    ASSERT_TRUE(story.becomes_odd(wrong));
    story.world.run_for(seconds{1});
    story.world.crash(wrong, CrashKind::kLoseUnsynced);
    ASSERT_TRUE(story.world.start(wrong));
    ASSERT_TRUE(story.world.run_until([&] { return !story.world.node(wrong).groups().empty(); },
                                      seconds{5}));
    EXPECT_TRUE(story.odd(wrong)) << "from its first moment on";
    ASSERT_TRUE(story.world.run_until(
        [&] { return story.compare(leader, wrong, true).has_value(); }, seconds{20}));
    story.world.crash(wrong, CrashKind::kLoseUnsynced);
    ASSERT_TRUE(story.world.start(wrong));
    ASSERT_TRUE(story.ready()) << "what is healed is durable";
    story.converge();
  }
}

TEST(SimStates, DiffAndHealUnderWrites_NameNoOtherKey) {
  for (const std::uint64_t seed : seeds(6)) {
    StatesStory story(seed);
    ASSERT_TRUE(story.up());
    story.put_many(1, 0, 30);
    const NodeId leader = story.leader_up();
    const NodeId wrong = leader % 3 + 1;
    story.converge();
    bool writing = true;
    int written = 0;
    std::function<void()> write = [&] {
      if (!writing) return;
      const auto call = story.world.put(leader, "w" + std::to_string(written++ % 9), "x");
      call->then = [&](Call<PutResult>&) { write(); };
    };
    for (int i = 0; i < 8; ++i) write();
    story.world.run_for(milliseconds{200});
    story.alter(wrong, "k5", "k6");
    ASSERT_TRUE(story.becomes_odd(wrong, seconds{2})) << "also while much is written";
    for (int i = 0; i < 3; ++i) {
      const auto report = story.compare(leader, wrong);
      ASSERT_TRUE(report) << report.error().message();
      ASSERT_EQ(report->differing, 1u);
      EXPECT_EQ(report->keys.front().key, "k5");
      story.world.run_for(milliseconds{50});
    }
    const auto healed = story.compare(leader, wrong, true);
    ASSERT_TRUE(healed) << healed.error().message();
    EXPECT_EQ(healed->healed, 1u);
    story.world.run_for(seconds{1});
    EXPECT_FALSE(story.odd(wrong));
    writing = false;
    ASSERT_TRUE(story.ready());
    story.converge();
    EXPECT_FALSE(story.shown_as_diverged(story.leader_up(), wrong));
  }
}

TEST(SimStates, ComparisonThatIsBrokenOff_LetsItsReplicaGoOn) {
  for (const std::uint64_t seed : seeds(4)) {
    StatesStory story(seed);
    ASSERT_TRUE(story.up());
    story.put_many(1, 0, 10);
    const NodeId leader = story.leader_up();
    const NodeId wrong = leader % 3 + 1;
    story.converge();
    story.alter(wrong, "k1", "k2");
    ASSERT_TRUE(story.becomes_odd(wrong));
    const auto call =
        story.world.call<StateReport>(wrong, [wrong](Node& at, Callback<StateReport> done) {
          StateComparison wish;
          wish.node = wrong;
          wish.heal = true;
          at.compare_states(wish, std::move(done));
        });
    story.world.run_for(milliseconds{static_cast<int>(seed % 3)});
    story.world.crash(leader, CrashKind::kProcess);
    story.world.run_for(seconds{30});
    EXPECT_TRUE(call->done());
    ASSERT_TRUE(story.world.start(leader));
    story.put_many(leader, 10, 30);
    const auto applied = [&](NodeId id) { return story.world.state_of(id, kGroup)->applied; };
    EXPECT_TRUE(
        story.world.run_until([&] { return applied(wrong) == applied(leader); }, seconds{10}));
  }
}

TEST(SimStates, WhatCannotBeCompared_IsRefusedByName) {
  StatesStory story(3);
  ASSERT_TRUE(story.up());
  story.put_many(1, 0, 3);
  const NodeId leader = story.leader_up();
  EXPECT_EQ(story.compare(leader, leader).error().code, Errc::kUnchanged);
  EXPECT_EQ(story.compare(leader, 9).error().code, Errc::kUnknownNode);
}

}  // namespace
}  // namespace cairn::kv::sim
