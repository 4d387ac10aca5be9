// The core's contract with its host: what a Ready holds, bounds, hostile messages, bad calls.
#include "raft/core.h"

#include <gtest/gtest.h>

#include "raft/check.h"
#include "raft/quorum.h"
#include "raft/random.h"
#include "tests/raft/cluster.h"

namespace cairn::raft::test {
namespace {

std::shared_ptr<const std::string> bytes(const std::string& text) {
  return std::make_shared<const std::string>(text);
}

std::size_t rejected(const Ready& ready) {
  std::size_t n = 0;
  for (const Event& event : ready.events) n += event.kind == Event::Kind::kMessageRejected;
  return n;
}

TEST(RaftCore_Propose, ManyBetweenReadys_OneAppendAPeerAndOnePersist) {
  Cluster world(3);
  ASSERT_EQ(world.elect(1), 1u);
  Core& core = world.core(1);
  const auto payload = bytes("p");
  for (int i = 0; i < 100; ++i) ASSERT_EQ(core.propose({payload}).first, 2u + i);
  Ready ready = core.take_ready();
  ASSERT_EQ(ready.messages.size(), 2u);
  for (const Message& m : ready.messages) {
    EXPECT_EQ(std::get<AppendRequest>(m.body).entries.size(), 100u);
  }
  ASSERT_TRUE(ready.persist);
  EXPECT_EQ(ready.persist->entries.size(), 100u);
  EXPECT_TRUE(ready.persist->messages_after.empty());
  EXPECT_FALSE(core.has_ready());
  // The bytes themselves are never copied.
  EXPECT_EQ(ready.persist->entries[7].data.get(), payload.get());
  EXPECT_EQ(std::get<AppendRequest>(ready.messages[1].body).entries[7].data.get(), payload.get());
}

TEST(RaftCore_Propose, AppendsAreBoundedByBytes_AndPipelined) {
  CoreOptions options;
  options.append_bytes_max = 1000;
  options.inflight_bytes_max = 3000;
  Cluster world(2, 0, options);
  ASSERT_EQ(world.elect(1), 1u);
  for (int i = 0; i < 20; ++i) (void)world.core(1).propose({bytes(std::string(400, 'x'))});
  Ready ready = world.core(1).take_ready();
  EXPECT_EQ(ready.messages.size(), 4u);  // the window closes with the message that passes 3000
  for (const Message& m : ready.messages) {
    EXPECT_EQ(std::get<AppendRequest>(m.body).entries.size(), 2u);
  }
}

TEST(RaftCore_Propose, Follower_SaysNotLeader) {
  Cluster world(3);
  ASSERT_EQ(world.elect(1), 1u);
  EXPECT_EQ(world.propose(2, "x").outcome, ProposeOutcome::kNotLeader);
  EXPECT_EQ(world.core(2).leader(), 1u);
}

TEST(RaftCore_Propose, TooMuchUncommitted_RefusedUntilCommitted) {
  CoreOptions options;
  options.uncommitted_bytes_max = 1000;
  Cluster world(3, 0, options);
  ASSERT_EQ(world.elect(1), 1u);
  EXPECT_EQ(world.propose(1, std::string(5000, 'x')).outcome, ProposeOutcome::kAccepted);
  EXPECT_EQ(world.propose(1, "x").outcome, ProposeOutcome::kOverloaded);
  world.settle();
  EXPECT_EQ(world.propose(1, "x").outcome, ProposeOutcome::kAccepted);
}

TEST(RaftCore_Propose, AllOrNone_ContiguousFromFirst) {
  Cluster world(1);
  ASSERT_EQ(world.elect(1), 1u);
  Proposed proposed = world.core(1).propose({bytes("a"), bytes("b"), nullptr});
  EXPECT_EQ(proposed.first, 2u);
  EXPECT_EQ(world.core(1).last_index(), 4u);
  world.drain(1);
  EXPECT_EQ(world.applied(1), (std::vector<std::string>{"a", "b", ""}));
}

TEST(RaftCore_Persist, Idle_WritesNothing) {
  Cluster world(3);
  ASSERT_EQ(world.elect(1), 1u);
  world.tick_all();
  world.settle();
  bool wrote = false;
  world.on_ready = [&](Member&, const Ready& ready) { wrote |= ready.persist.has_value(); };
  for (int i = 0; i < 20; ++i) {
    world.tick_all();
    world.settle();
  }
  EXPECT_FALSE(wrote);
}

TEST(RaftCore_Persist, SeveralAppendsBeforeOneReady_OneAcknowledgement) {
  Cluster world(2);
  ASSERT_EQ(world.elect(1), 1u);
  (void)world.propose(1, "a");
  (void)world.propose(1, "b");
  ASSERT_EQ(world.network.size(), 2u);
  for (const Packet& packet : world.network) world.core(2).step(packet.message);
  Ready ready = world.core(2).take_ready();
  ASSERT_TRUE(ready.persist);
  ASSERT_EQ(ready.persist->messages_after.size(), 1u);
  EXPECT_EQ(std::get<AppendReply>(ready.persist->messages_after[0].body).index, 3u);
}

TEST(RaftCore_Persist, RepeatedAppendWhileWriting_AcknowledgedByAPersistWithoutEntries) {
  Cluster world(2);
  ASSERT_EQ(world.elect(1), 1u);
  (void)world.propose(1, "a");
  Core& core = world.core(2);
  core.step(world.network[0].message);
  Ready first = core.take_ready();
  core.step(world.network[0].message);
  Ready second = core.take_ready();
  EXPECT_TRUE(second.messages.empty());
  ASSERT_TRUE(second.persist);
  EXPECT_TRUE(second.persist->entries.empty());
  EXPECT_FALSE(second.persist->hard_state);
  EXPECT_EQ(second.persist->messages_after.size(), 1u);
  // Durable by now: the next one needs no disk.
  core.persisted(second.persist->token);
  core.step(world.network[0].message);
  Ready third = core.take_ready();
  EXPECT_FALSE(third.persist);
  EXPECT_EQ(third.messages.size(), 1u);
}

TEST(RaftCore_Persist, CommitHint_NeverPastWhatIsDurable) {
  Cluster world(3);
  ASSERT_EQ(world.elect(1), 1u);
  Core& core = world.core(2);
  // Committed entries arrive: they are not durable yet when the hint is written with them.
  core.step(Message{1, 2, 1,
                    AppendRequest{1,
                                  1,
                                  3,
                                  {Entry{2, 1, EntryKind::kNoop, nullptr},
                                   Entry{3, 1, EntryKind::kNoop, nullptr}}}});
  Ready ready = core.take_ready();
  ASSERT_TRUE(ready.persist && ready.persist->hard_state);
  EXPECT_EQ(ready.persist->hard_state->commit, 1u);
  EXPECT_EQ(core.commit(), 3u);
}

TEST(RaftCore_Apply, Bounded_OpensAgainWhenApplied) {
  CoreOptions options;
  options.unapplied_bytes_max = 500;
  Cluster world(1, 0, options);
  ASSERT_EQ(world.elect(1), 1u);
  world.slow_apply = true;
  for (int i = 0; i < 5; ++i) (void)world.propose(1, std::string(300, 'x'));
  EXPECT_EQ(world.member(1).unapplied.size(), 1u);
  EXPECT_EQ(world.core(1).commit(), 6u);
  for (int i = 0; i < 5; ++i) world.apply_one(1);
  EXPECT_EQ(world.applied(1).size(), 5u);
}

class RaftCore_Hostile : public ::testing::Test {
 protected:
  RaftCore_Hostile() { EXPECT_EQ(world.elect(1), 1u); }
  // Refused with an event, and nothing else happens.
  void refused(NodeId at, const Message& message) {
    const std::string before = describe(world.core(at).status());
    world.core(at).step(message);
    Ready ready = world.core(at).take_ready();
    EXPECT_EQ(rejected(ready), 1u) << describe(message);
    EXPECT_TRUE(ready.messages.empty() && !ready.persist) << describe(message);
    EXPECT_EQ(describe(world.core(at).status()), before) << describe(message);
  }
  static Entry entry(Index index, Term term, EntryKind kind = EntryKind::kNoop) {
    return Entry{index, term, kind, nullptr};
  }
  Cluster world{3};
};

TEST_F(RaftCore_Hostile, Envelope_Refused) {
  refused(2, Message{9, 2, 1, Heartbeat{}});        // a stranger
  refused(2, Message{kNobody, 2, 1, Heartbeat{}});  // nobody
  refused(2, Message{2, 2, 1, Heartbeat{}});        // itself
  refused(2, Message{1, 3, 1, Heartbeat{}});        // for somebody else
  refused(2, Message{1, 2, 0, Heartbeat{}});        // no term
  refused(2, Message{1, 2, UINT64_MAX, Heartbeat{}});
}

TEST_F(RaftCore_Hostile, Append_Refused) {
  auto append = [&](AppendRequest request) { refused(2, Message{1, 2, 1, std::move(request)}); };
  append({1, 1, 0, {entry(3, 1)}});               // a hole
  append({1, 1, 0, {entry(2, 1), entry(2, 1)}});  // not contiguous
  append({0, 0, 0, {entry(0, 1)}});               // index 0
  append({1, 1, 0, {entry(2, 2)}});               // of a term beyond the message's
  append({1, 1, 0, {entry(2, 0)}});               // of no term
  append({1, 0, 0, {}});                          // a position that does not exist
  append({0, 1, 0, {}});
  append({UINT64_MAX, 1, 0, {entry(0, 1)}});             // wraps around
  append({1, 1, 0, {entry(2, 1, EntryKind::kConfig)}});  // a configuration that is none
  append({1, 1, 0, {entry(2, 1, static_cast<EntryKind>(9))}});
  refused(2, Message{1, 2, 5, AppendRequest{1, 3, 0, {entry(2, 2)}}});  // terms fall
}

TEST_F(RaftCore_Hostile, Replies_Refused) {
  refused(1, Message{2, 1, 1, AppendReply{false, 99, 0, 0}});  // acknowledges what nobody sent
  refused(1, Message{2, 1, 1, AppendReply{true, 3, 4, 1}});    // a hint past the question
  refused(1, Message{2, 1, 1, HeartbeatReply{77}});            // a round that never was
  refused(1, Message{2, 1, 1, Heartbeat{}});                   // a second leader of the term
  refused(3, Message{2, 3, 1, AppendRequest{}});
}

TEST_F(RaftCore_Hostile, Votes_Refused) {
  refused(2, Message{3, 2, 2, VoteRequest{false, false, 0, 1}});
  refused(2, Message{3, 2, 2, VoteRequest{false, true, 5, 2}});  // a log of the term it asks for
}

TEST_F(RaftCore_Hostile, RandomMessages_NeverThrowOrBreakInvariants) {
  Random random(5);
  auto small = [&] { return random.between(0, 4); };
  for (int i = 0; i < 20000; ++i) {
    Body body;
    switch (random.between(0, 6)) {
      case 0:
        body = VoteRequest{small() == 0, small() == 0, small(), small()};
        break;
      case 1:
        body = VoteReply{small() == 0, small() < 2};
        break;
      case 2:
        body = HeartbeatReply{small(), small() == 0, small() * 50'000};
        break;
      case 3:
        body = AppendReply{small() == 0, small(), small(), small(), small() == 0};
        break;
      case 4:
        body = ReadIndexRequest{small()};
        break;
      case 5:
        body = ReadIndexReply{small(), small()};
        break;
      default:
        body = TimeoutNow{};
        break;
    }
    const NodeId at = random.between(1, 3);
    Core& core = world.core(at);
    core.step(Message{random.between(0, 4), at, core.term() + random.between(0, 1), body});
    if (core.has_ready()) {
      Ready ready = core.take_ready();
      if (ready.persist) core.persisted(ready.persist->token);
    }
    check_invariants(core);
  }
}

// What a false leader may say to a member that believes it: any configuration, any heartbeat. (What
// contradicts committed entries is left out: that fails the group, and rightly.)
TEST_F(RaftCore_Hostile, RandomConfigurationsFromALeader_NeverThrowOrBreakInvariants) {
  Random random(6);
  auto ids = [&] {
    std::vector<NodeId> some;
    for (NodeId id = 1; id <= 6; ++id) {
      if (random.between(0, 2) == 0) some.push_back(id);
    }
    return some;
  };
  CoreOptions options;
  options.id = 2;
  options.quiet = options.lease = true;
  Restored restored;
  if (random.between(0, 1) == 0) restored.config.voters = {1, 2, 3};
  Core core(options, restored);
  Term term = 1;
  for (int i = 0; i < 20000; ++i) {
    if (random.between(0, 30) == 0) ++term;
    const Status now = core.status();
    Body body = Heartbeat{random.between(0, now.commit), 0, random.between(0, 1) == 0};
    if (random.between(0, 2) != 0) {
      AppendRequest append{now.commit, core.term_at(now.commit).value_or(0), now.commit, {}};
      for (std::uint64_t n = random.between(1, 3); n > 0; --n) {
        Entry entry{append.prev_index + append.entries.size() + 1, term, EntryKind::kConfig,
                    nullptr};
        std::string bytes = encode_configuration({ids(), ids(), ids()});
        if (random.between(0, 9) == 0) bytes.resize(random.between(0, bytes.size()));
        entry.data = std::make_shared<const std::string>(std::move(bytes));
        append.entries.push_back(std::move(entry));
      }
      if (random.between(0, 3) == 0) append.commit += append.entries.size();
      body = std::move(append);
    }
    core.step(Message{1, 2, term, std::move(body)});
    core.tick();
    while (core.has_ready()) {
      Ready ready = core.take_ready();
      if (ready.persist) core.persisted(ready.persist->token);
      if (!ready.committed.empty()) core.applied(ready.committed.back().index);
    }
    check_invariants(core);
    if (core.term() > term) term = core.term();
  }
}

TEST(RaftCore_Calls, BrokenContract_Throws) {
  Cluster world(1);
  ASSERT_EQ(world.elect(1), 1u);
  EXPECT_THROW(world.core(1).persisted(999), InvariantBroken);
  EXPECT_THROW(world.core(1).applied(999), InvariantBroken);
  EXPECT_THROW(world.core(1).compacted(999, 1), InvariantBroken);
  CoreOptions options;
  EXPECT_THROW(Core(options, Restored{}), InvariantBroken);  // no id
  options.id = 1;
  Restored restored;
  restored.applied = 5;
  EXPECT_THROW(Core(options, restored), InvariantBroken);
}

TEST(RaftCore_Resign, Forever_SaysNothingMore) {
  Cluster world(3);
  ASSERT_EQ(world.elect(1), 1u);
  world.slow_disks = true;
  (void)world.propose(1, "a");
  world.core(2).step(world.network[0].message);
  world.core(2).resign(true);
  Ready ready = world.core(2).take_ready();
  EXPECT_TRUE(ready.messages.empty());
  EXPECT_FALSE(ready.persist);
  world.core(2).step(Message{3, 2, 9, VoteRequest{false, true, 9, 8}});
  for (int i = 0; i < 50; ++i) world.core(2).tick();
  EXPECT_FALSE(world.core(2).has_ready());
  EXPECT_EQ(world.core(2).read_index(1), ReadOutcome::kNoLeader);
  EXPECT_EQ(world.core(2).propose({nullptr}).outcome, ProposeOutcome::kFailed);
}

TEST(RaftCore_Resign, NobodyInReach_StillStepsDown) {
  Cluster world(3);
  ASSERT_EQ(world.elect(1), 1u);
  world.tick(1, 9);
  world.network.clear();
  world.resign(1);
  EXPECT_EQ(world.core(1).role(), Role::kFollower);
  EXPECT_TRUE(world.network.empty());
}

// Every size up to seven elects, commits and applies.
TEST(RaftCore_Sizes, OneToSeven_Work) {
  for (int n = 1; n <= 7; ++n) {
    for (int learners = 0; learners <= 2; ++learners) {
      Cluster world(n, learners);
      ASSERT_EQ(world.elect(1), 1u) << n;
      (void)world.propose(1, "a");
      world.settle();
      world.tick(1);
      world.settle();
      for (NodeId id : world.ids()) EXPECT_EQ(world.applied(id).size(), 1u) << n << " " << id;
    }
  }
}

// R9: links fail for good in the moment after an election. Where some member still talks, both
// ways, with a majority, there is a leader that commits in the end, whatever the other links do.
class RaftCore_Liveness : public ::testing::Test {
 protected:
  static bool connected(Cluster& world) {
    for (NodeId a : world.ids()) {
      std::size_t reach = 1;
      for (NodeId b : world.ids()) {
        reach += a != b && !world.cut_between(a, b) && !world.cut_between(b, a);
      }
      if (reach >= majority_of(world.ids().size())) return true;
    }
    return false;
  }
  static Index highest_commit(Cluster& world) {
    Index commit = 0;
    for (NodeId id : world.ids()) commit = std::max(commit, world.core(id).commit());
    return commit;
  }
  static bool makes_progress(Cluster& world) {
    Index before = 0;
    for (int i = 0; i < 300; ++i) {
      world.tick_all();
      world.settle();
      if (i == 250) before = highest_commit(world);
      const NodeId leader = world.leader();
      if (i > 250 && leader != kNobody) (void)world.propose(leader, "x");
    }
    return highest_commit(world) > before;
  }
};

TEST_F(RaftCore_Liveness, EveryOneWayCutOfThree_LeadsAndCommits) {
  const std::pair<NodeId, NodeId> links[] = {{1, 2}, {2, 1}, {1, 3}, {3, 1}, {2, 3}, {3, 2}};
  for (unsigned cuts = 0; cuts < 64; ++cuts) {
    for (NodeId leader = 1; leader <= 3; ++leader) {
      Cluster world(3);
      ASSERT_EQ(world.elect(leader), leader);
      for (int i = 0; i < 6; ++i) {
        if ((cuts >> i & 1) != 0) world.cut(links[i].first, links[i].second);
      }
      if (!connected(world)) continue;
      EXPECT_TRUE(makes_progress(world)) << "cuts " << cuts << " leader " << leader;
    }
  }
}

TEST_F(RaftCore_Liveness, CutLinksOfFive_LeadsAndCommits) {
  for (unsigned cuts = 0; cuts < 1024; cuts += 5) {
    Cluster world(5);
    ASSERT_EQ(world.elect(1), 1u);
    unsigned link = 0;
    for (NodeId a = 1; a <= 5; ++a) {
      for (NodeId b = a + 1; b <= 5; ++b, ++link) {
        if ((cuts >> link & 1) == 0) continue;
        world.cut(a, b);
        world.cut(b, a);
      }
    }
    if (!connected(world)) continue;
    EXPECT_TRUE(makes_progress(world)) << "cuts " << cuts;
  }
}

}  // namespace
}  // namespace cairn::raft::test
