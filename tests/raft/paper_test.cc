// The rules of the paper (Ongaro & Ousterhout 2014) and the dissertation (2014), one by one: each
// test names the section it holds the core to.
#include <gtest/gtest.h>

#include "raft/check.h"
#include "tests/raft/cluster.h"

namespace cairn::raft::test {
namespace {

CoreOptions plain() {
  CoreOptions options;
  options.pre_vote = false;
  options.check_quorum = false;
  return options;
}

class RaftPaper : public ::testing::Test {
 protected:
  void tell(NodeId from, NodeId to, Term term, Body body) {
    Packet packet;
    packet.message = Message{from, to, term, std::move(body)};
    world.deliver(packet);
  }
  // Takes the newest message from `from` out of the network.
  template <typename T>
  T said(NodeId from) {
    for (auto it = world.network.rbegin(); it != world.network.rend(); ++it) {
      if (it->message.from != from) continue;
      if (const T* body = std::get_if<T>(&it->message.body)) return *body;
    }
    ADD_FAILURE() << from << " did not say that";
    return T{};
  }
  std::size_t count_said(NodeId from) {
    std::size_t n = 0;
    for (const Packet& packet : world.network) n += packet.message.from == from;
    return n;
  }
  static Entry entry(Index index, Term term) {
    return Entry{index, term, EntryKind::kCommand, std::make_shared<const std::string>("x")};
  }

  Cluster world{3, 0, plain()};
};

using RaftPaper_Terms = RaftPaper;        // 5.1
using RaftPaper_Elections = RaftPaper;    // 5.2
using RaftPaper_Replication = RaftPaper;  // 5.3
using RaftPaper_Restriction = RaftPaper;  // 5.4

// 5.1: "If one server's current term is smaller than the other's, then it updates its current term
// to the larger value. If a candidate or leader discovers that its term is out of date, it
// immediately reverts to follower state."
TEST_F(RaftPaper_Terms, LargerTerm_EveryRoleFollows) {
  tell(2, 1, 4, Heartbeat{});
  EXPECT_EQ(world.core(1).term(), 4u);
  world.campaign(2);
  EXPECT_EQ(world.core(2).role(), Role::kCandidate);
  tell(3, 2, 9, Heartbeat{});
  EXPECT_EQ(world.core(2).role(), Role::kFollower);
  EXPECT_EQ(world.core(2).leader(), 3u);
  while (world.leader() != 3) (void)world.elect(3);
  tell(1, 3, 50, HeartbeatReply{});
  EXPECT_EQ(world.core(3).role(), Role::kFollower);
  EXPECT_EQ(world.core(3).term(), 50u);
}

// 5.1: "If a server receives a request with a stale term number, it rejects the request."
TEST_F(RaftPaper_Terms, StaleTerm_ChangesNothing) {
  tell(2, 1, 4, Heartbeat{});
  tell(3, 1, 3, AppendRequest{0, 0, 0, {entry(1, 3)}});
  EXPECT_EQ(world.core(1).last_index(), 0u);
  EXPECT_EQ(world.core(1).leader(), 2u);
  EXPECT_TRUE(said<AppendReply>(1).rejected);
}

// 5.2: "If a follower receives no communication over a period of time called the election timeout,
// then it assumes there is no viable leader and begins an election." It votes for itself.
TEST_F(RaftPaper_Elections, Silence_StartsAnElection) {
  world.tick(1, 12);
  EXPECT_EQ(world.core(1).role(), Role::kCandidate);
  EXPECT_GE(world.core(1).term(), 1u);
  EXPECT_EQ(world.core(1).status().vote, 1u);
  EXPECT_EQ(count_said(1) % 2, 0u);  // one request to each of the others
}

// 5.2: election timeouts are chosen randomly from a fixed interval.
TEST_F(RaftPaper_Elections, Timeouts_InTheIntervalAndSpread) {
  std::map<int, int> seen;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CoreOptions options = plain();
    options.id = 1;
    options.seed = seed;
    Restored restored;
    restored.config.voters = {1, 2, 3};
    Core core(options, restored);
    int ticks = 0;
    while (core.role() == Role::kFollower) {
      core.tick();
      ++ticks;
    }
    ++seen[ticks];
  }
  EXPECT_EQ(seen.begin()->first, 6);
  EXPECT_EQ(seen.rbegin()->first, 12);
  EXPECT_EQ(seen.size(), 7u);
}

// 5.2: "A candidate wins an election if it receives votes from a majority of the servers".
TEST_F(RaftPaper_Elections, Majority_Wins) {
  Cluster five(5, 0, plain());
  five.campaign(1);
  Packet vote;
  vote.message = Message{2, 1, 1, VoteReply{false, true}};
  five.deliver(vote);
  five.deliver(vote);  // the same vote twice is one vote
  EXPECT_EQ(five.core(1).role(), Role::kCandidate);
  vote.message.from = 3;
  five.deliver(vote);
  EXPECT_EQ(five.core(1).role(), Role::kLeader);
}

// 5.2: "Each server will vote for at most one candidate in a given term, on a
// first-come-first-served basis".
TEST_F(RaftPaper_Elections, OneVoteATerm) {
  tell(2, 1, 1, VoteRequest{});
  EXPECT_TRUE(said<VoteReply>(1).granted);
  tell(3, 1, 1, VoteRequest{});
  EXPECT_FALSE(said<VoteReply>(1).granted);
  tell(2, 1, 1, VoteRequest{});  // asked again, answered alike
  EXPECT_TRUE(said<VoteReply>(1).granted);
}

// 5.2: "If the leader's term is at least as large as the candidate's current term, then the
// candidate recognizes the leader as legitimate and returns to follower state."
TEST_F(RaftPaper_Elections, CandidateHearsTheWinner_Follows) {
  world.campaign(1);
  tell(2, 1, 1, AppendRequest{0, 0, 0, {entry(1, 1)}});
  EXPECT_EQ(world.core(1).role(), Role::kFollower);
  EXPECT_EQ(world.core(1).leader(), 2u);
  EXPECT_EQ(world.core(1).last_index(), 1u);
}

// 5.2: leaders send periodic heartbeats, and nothing more while there is nothing to say.
TEST_F(RaftPaper_Elections, IdleLeader_OneHeartbeatAnInterval) {
  ASSERT_EQ(world.elect(1), 1u);
  world.tick(1);
  world.settle();
  for (int i = 0; i < 5; ++i) {
    world.tick(1);
    EXPECT_EQ(count_said(1), 2u);
    world.settle();
  }
}

// 5.3: "When the entry has been safely replicated the leader applies it"; it tells followers the
// highest committed index, in later AppendEntries as well.
TEST_F(RaftPaper_Replication, Majority_CommitsAndTells) {
  ASSERT_EQ(world.elect(1), 1u);
  world.isolate(3);
  (void)world.propose(1, "a");
  world.settle();
  EXPECT_EQ(world.core(1).commit(), 2u);
  (void)world.propose(1, "b");
  EXPECT_EQ(said<AppendRequest>(1).commit, 2u);
  world.settle();
  EXPECT_EQ(world.applied(2), std::vector<std::string>{"a"});
}

// 5.3: "If the follower does not find an entry in its log with the same index and term, then it
// refuses the new entries."
TEST_F(RaftPaper_Replication, ConsistencyCheck_RefusesHolesAndConflicts) {
  world.given(1, {1, 1, 2}, 2);
  tell(2, 1, 3, AppendRequest{5, 3, 0, {entry(6, 3)}});
  EXPECT_TRUE(said<AppendReply>(1).rejected);
  tell(2, 1, 3, AppendRequest{3, 3, 0, {entry(4, 3)}});
  AppendReply reply = said<AppendReply>(1);
  EXPECT_TRUE(reply.rejected);
  EXPECT_EQ(reply.hint_index, 2u);
  EXPECT_EQ(reply.hint_term, 1u);
  EXPECT_EQ(world.core(1).last_index(), 3u);
}

// 5.3 / figure 2: "If an existing entry conflicts with a new one, delete the existing entry and all
// that follow it" - and only then: entries that merely come again take nothing away.
TEST_F(RaftPaper_Replication, Conflict_Truncates_RepetitionDoesNot) {
  world.given(1, {1, 1, 1}, 1);
  tell(2, 1, 2, AppendRequest{0, 0, 0, {entry(1, 1)}});
  EXPECT_EQ(world.core(1).last_index(), 3u);
  tell(2, 1, 2, AppendRequest{1, 1, 0, {entry(2, 2)}});
  EXPECT_EQ(world.core(1).last_index(), 2u);
  EXPECT_EQ(world.core(1).term_at(2), 2u);
}

// Figure 2: "If leaderCommit > commitIndex, set commitIndex = min(leaderCommit, index of last new
// entry)": what lies behind it here may be of another leader.
TEST_F(RaftPaper_Replication, CommitOfLeader_OnlyUpToWhatItChecked) {
  world.given(1, {1, 1, 1}, 1);
  tell(2, 1, 2, AppendRequest{1, 1, 3, {}});
  EXPECT_EQ(world.core(1).commit(), 1u);
}

// 5.3: "The leader never overwrites or deletes entries in its log" and nobody does so at or below
// the commit index: such a request breaks a promise, and stops the member.
TEST_F(RaftPaper_Replication, ConflictBelowCommit_Throws) {
  world.given(1, {1, 1, 1}, 1, /*commit=*/2);
  EXPECT_THROW(tell(2, 1, 2, AppendRequest{1, 1, 0, {entry(2, 2)}}), InvariantBroken);
  world.given(1, {1, 1, 1}, 1, /*commit=*/2);
  EXPECT_THROW(tell(2, 1, 2, AppendRequest{2, 2, 0, {}}), InvariantBroken);
}

// 5.4.1: "the voter denies its vote if its own log is more up-to-date than that of the candidate":
// later last term first, then length.
TEST_F(RaftPaper_Restriction, UpToDate_ByTermThenLength) {
  struct Case {
    Index index;
    Term term;
    bool granted;
  };
  for (const Case& c : {Case{3, 2, true}, Case{4, 2, true}, Case{1, 3, true}, Case{2, 2, false},
                        Case{9, 1, false}, Case{0, 0, false}}) {
    world.given(1, {1, 1, 2}, 2);
    tell(2, 1, 5, VoteRequest{false, false, c.index, c.term});
    EXPECT_EQ(said<VoteReply>(1).granted, c.granted) << c.index << "/" << c.term;
  }
}

// 5.4.2: "Raft never commits log entries from previous terms by counting replicas."
TEST_F(RaftPaper_Restriction, OldTermOnMajority_NotCommittedAlone) {
  world.given(1, {1, 1}, 1);
  world.campaign(1);
  tell(2, 1, 2, VoteReply{false, true});
  ASSERT_EQ(world.core(1).role(), Role::kLeader);
  tell(2, 1, 2, AppendReply{false, 2, 0, 0});
  EXPECT_EQ(world.core(1).commit(), 0u);
  tell(2, 1, 2, AppendReply{false, 3, 0, 0});
  EXPECT_EQ(world.core(1).commit(), 3u);
}

// 8: "each leader commits a blank no-op entry at the start of its term".
TEST_F(RaftPaper_Restriction, NewLeader_StartsWithANoop) {
  ASSERT_EQ(world.elect(1), 1u);
  ASSERT_EQ(world.member(1).applied.size(), 1u);
  EXPECT_EQ(world.member(1).applied[0].kind, EntryKind::kNoop);
}

// Dissertation 9.6: a pre-vote is granted by those who have not heard a leader, and changes
// nothing.
TEST(RaftPaper_PreVote, Grant_ChangesNothingAndNeedsASilentLeader) {
  Cluster world(3);
  ASSERT_EQ(world.elect(1), 1u);
  const Status before = world.core(2).status();
  Packet ask;
  ask.message = Message{3, 2, 7, VoteRequest{true, false, 9, 1}};
  world.deliver(ask);
  EXPECT_TRUE(world.network.empty());  // hears its leader: no answer at all
  world.tick(2, 5);
  world.deliver(ask);
  EXPECT_TRUE(world.network.empty());
  while (world.core(2).role() == Role::kFollower) world.tick(2);
  world.network.clear();
  world.deliver(ask);
  ASSERT_EQ(world.network.size(), 1u);
  EXPECT_TRUE(std::get<VoteReply>(world.network[0].message.body).granted);
  EXPECT_EQ(world.network[0].message.term, 7u);
  EXPECT_EQ(world.core(2).term(), before.term);
  EXPECT_EQ(world.core(2).status().vote, before.vote);
}

// Dissertation 6.2: "a leader steps down if an election timeout elapses without a successful round
// of heartbeats to a majority of its cluster".
TEST(RaftPaper_CheckQuorum, Silence_StepsDown) {
  Cluster world(3);
  ASSERT_EQ(world.elect(1), 1u);
  world.tick(1, 12);
  EXPECT_EQ(world.core(1).role(), Role::kLeader);
  world.tick(1);
  EXPECT_NE(world.core(1).role(), Role::kLeader);
}

// Figure 2: currentTerm and votedFor are "updated on stable storage before responding"; a
// candidate's own vote is no exception. The end of an earlier write is not the end of this one.
TEST(RaftPaper_OwnVote, Unwritten_DoesNotCount) {
  Cluster world(1, 0, plain());
  world.slow_disks = true;
  world.campaign(1);
  world.campaign(1);
  ASSERT_EQ(world.core(1).term(), 2u);
  ASSERT_TRUE(world.write_one(1) && world.confirm_one(1));
  EXPECT_EQ(world.core(1).role(), Role::kCandidate);
  ASSERT_TRUE(world.write_one(1) && world.confirm_one(1));
  EXPECT_EQ(world.core(1).role(), Role::kLeader);
}

// Dissertation 10.2.1: the leader writes in parallel with its followers and counts itself only when
// done.
TEST(RaftPaper_ParallelWrite, LeaderUnwritten_DoesNotCountItself) {
  Cluster world(3, 0, plain());
  ASSERT_EQ(world.elect(1), 1u);
  world.slow_disks = true;
  (void)world.propose(1, "a");
  EXPECT_EQ(world.network.size(), 2u);  // sent before it is written here
  for (const Packet& packet : std::deque<Packet>(world.network)) {
    if (packet.message.to == 2) world.deliver(packet);
  }
  world.flush(2);
  world.deliver(world.network.back());
  EXPECT_EQ(world.core(1).commit(), 1u);
  world.flush(1);
  EXPECT_EQ(world.core(1).commit(), 2u);
}

}  // namespace
}  // namespace cairn::raft::test
