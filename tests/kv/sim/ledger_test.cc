// The oracles of Raft, shown what they must not let pass.
#include <gmock/gmock.h>

#include "kv/sim/ledger.h"
#include "tests/kv/sim/story.h"

namespace cairn::kv::sim {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

class SimLedger : public testing::Test {
 protected:
  static WorldOptions three() {
    WorldOptions o;
    o.nodes = 3;
    return o;
  }
  void sent(NodeId from, NodeId to, raft::Term term, raft::Body body, Time at = Time(0)) {
    const std::vector<net::GroupMessage> messages{{1, {from, to, term, std::move(body)}}};
    FrameSent frame;
    frame.from = from;
    frame.at = at;
    frame.to = to;
    frame.messages = messages;
    ledger_.on_sent(frame);
  }
  void shows(NodeId node, GroupEvent::State before, GroupEvent::State now) {
    ledger_.on_group({Time(1), node, node * 100, 1, before, now});
  }
  void commits(NodeId node, raft::Index index, raft::Term term, const char* data) {
    const std::vector<raft::Entry> entries{
        {index, term, raft::EntryKind::kCommand, std::make_shared<const std::string>(data)}};
    ledger_.on_committed({Time(1), node, node * 100, 1, entries});
  }
  void configures(raft::Index index, const raft::Configuration& config) {
    const std::vector<raft::Entry> entries{
        {index, 1, raft::EntryKind::kConfig,
         std::make_shared<const std::string>(raft::encode_configuration(config))}};
    ledger_.on_committed({Time(1), 2, 200, 1, entries});
  }
  [[nodiscard]] const std::vector<std::string>& failures() const { return world_.failures(); }

  World world_{three()};
  Ledger ledger_{world_, [](NodeId) { return true; }, [](NodeId) { return true; }};
};

GroupEvent::State leader(raft::Term term, raft::Index commit, raft::Index last) {
  return {raft::Role::kLeader, term, 1, commit, 0, last};
}
GroupEvent::State follower(raft::Term term, raft::Index commit, raft::Index last) {
  return {raft::Role::kFollower, term, 1, commit, 0, last};
}

TEST_F(SimLedger, TwoLeadersOfOneTerm_AreSeen) {
  shows(1, {}, leader(3, 0, 1));
  shows(2, {}, leader(4, 0, 1));
  EXPECT_THAT(failures(), IsEmpty());
  shows(3, {}, leader(4, 0, 1));
  EXPECT_THAT(failures(), Contains(HasSubstr("ONE-LEADER")));
}

TEST_F(SimLedger, LeaderWhoseRemovalIsCommitted_IsSeen) {
  configures(1, {{2, 3}, {1, 2, 3}, {}});
  shows(1, {}, leader(3, 1, 2));
  configures(2, {{2, 3}, {}, {}});
  shows(1, leader(3, 1, 2), leader(3, 1, 3));  // it does not know yet
  EXPECT_THAT(failures(), IsEmpty());
  shows(1, leader(3, 1, 3), leader(3, 2, 3));
  EXPECT_THAT(failures(), Contains(HasSubstr("REMOVED-LEADER")));
}

TEST_F(SimLedger, WordOfANodeThatServesNoMore_IsSeen) {
  ledger_.on_node({NodeEvent::Kind::kFailed, Time(5), 3, 0, Time(0), "its disk"});
  sent(3, 1, 5, raft::VoteReply{false, true}, Time(5));  // of the very moment
  sent(3, 1, 5, raft::VoteReply{false, false}, Time(6));
  EXPECT_THAT(failures(), IsEmpty());
  sent(3, 1, 6, raft::Heartbeat{}, Time(6));
  EXPECT_THAT(failures(), Contains(HasSubstr("FENCED")));
}

TEST_F(SimLedger, SecondVoteOfATerm_IsSeen) {
  sent(3, 1, 5, raft::VoteReply{false, true});
  sent(3, 1, 5, raft::VoteReply{false, true});
  sent(3, 2, 6, raft::VoteReply{false, true});
  sent(3, 2, 5, raft::VoteReply{true, true});  // a trial run binds nobody
  EXPECT_THAT(failures(), IsEmpty());
  sent(3, 2, 5, raft::VoteReply{false, true});
  EXPECT_THAT(failures(), Contains(HasSubstr("ONE-VOTE")));
}

TEST_F(SimLedger, VoteForAnother_AfterACandidacy_IsSeen) {
  sent(2, 1, 5, raft::VoteRequest{});
  sent(2, 3, 5, raft::VoteReply{false, true});
  EXPECT_THAT(failures(), Contains(HasSubstr("ONE-VOTE")));
}

TEST_F(SimLedger, TwoEntriesOfOneIndexAndTerm_AreSeen) {
  const auto append = [](const char* data, raft::Term previous) {
    raft::AppendRequest request;
    request.prev_index = 4;
    request.prev_term = previous;
    request.entries = {
        {5, 2, raft::EntryKind::kCommand, std::make_shared<const std::string>(data)}};
    return request;
  };
  sent(1, 2, 2, append("x", 1));
  sent(1, 3, 2, append("x", 1));
  EXPECT_THAT(failures(), IsEmpty());
  sent(1, 3, 2, append("y", 1));
  EXPECT_EQ(failures().size(), 1u);
  sent(1, 3, 2, append("x", 2));
  EXPECT_EQ(failures().size(), 2u);
  EXPECT_THAT(failures(), Contains(HasSubstr("LOG-MATCHING")));
}

TEST_F(SimLedger, LeaderWithoutACommittedEntry_IsSeen_ALateWinnerIsNot) {
  shows(1, {}, follower(2, 9, 9));
  shows(2, {}, leader(2, 0, 5));  // 9 was committed in its own term or a later one
  EXPECT_THAT(failures(), IsEmpty());
  shows(3, {}, leader(3, 0, 8));
  EXPECT_THAT(failures(), Contains(HasSubstr("LEADER-COMPLETENESS")));
}

TEST_F(SimLedger, DifferentEntryCommitted_IsSeen) {
  commits(1, 1, 1, "x");
  commits(2, 1, 1, "x");
  EXPECT_THAT(failures(), IsEmpty());
  commits(3, 1, 2, "z");
  EXPECT_THAT(failures(), Contains(HasSubstr("COMMITTED-LOG")));
}

TEST_F(SimLedger, EntrySkippedByApply_IsSeen) {
  for (raft::Index i = 1; i <= 3; ++i) commits(1, i, 1, "x");
  shows(2, {}, follower(1, 1, 1));
  commits(2, 1, 1, "x");
  EXPECT_THAT(failures(), IsEmpty());
  commits(2, 3, 1, "x");
  EXPECT_THAT(failures(), Contains(HasSubstr("APPLY-ORDER")));
}

TEST_F(SimLedger, TermOrCommitThatGoesBack_IsSeen) {
  shows(1, follower(3, 5, 9), follower(2, 5, 9));
  shows(1, follower(3, 5, 9), follower(3, 4, 9));
  EXPECT_THAT(failures(), Contains(HasSubstr("TERM")));
  EXPECT_THAT(failures(), Contains(HasSubstr("COMMIT")));
}

TEST_F(SimLedger, QuorumsOfConfigurations_MeetOrDoNot) {
  using raft::Configuration;
  EXPECT_TRUE(
      quorums_meet(Configuration{{1, 2, 3}, {}, {}}, Configuration{{2, 3, 4}, {1, 2, 3}, {}}));
  EXPECT_TRUE(
      quorums_meet(Configuration{{2, 3, 4}, {1, 2, 3}, {}}, Configuration{{2, 3, 4}, {}, {}}));
  EXPECT_TRUE(quorums_meet(Configuration{{1, 2, 3}, {}, {}}, Configuration{{1, 2, 3, 4}, {}, {}}));
  EXPECT_FALSE(quorums_meet(Configuration{{1, 2, 3}, {}, {}}, Configuration{{2, 3, 4}, {}, {}}));
  EXPECT_FALSE(quorums_meet(Configuration{{1}, {}, {}}, Configuration{{2}, {}, {}}));
}

TEST_F(SimLedger, JumpToAnotherQuorum_IsSeen) {
  configures(1, {{1, 2, 3}, {}, {}});
  configures(2, {{3, 4, 5}, {1, 2, 3}, {}});
  configures(3, {{3, 4, 5}, {}, {}});
  EXPECT_THAT(failures(), IsEmpty());
  configures(4, {{1, 2, 5}, {}, {}});
  EXPECT_THAT(failures(), Contains(HasSubstr("CONFIGURATION")));
}

TEST_F(SimLedger, FirstChangeAfterTheFounding_IsJudged) {
  ledger_.founded(1, {{1, 2, 3}, {}, {}});
  const raft::Configuration apart{{3, 4, 5, 6}, {}, {}};
  configures(1, apart);
  EXPECT_THAT(failures(), Contains(HasSubstr("CONFIGURATION")));
}

TEST_F(SimLedger, MemberThatStartsWithLessThanItAcknowledged_IsSeen) {
  world_.observe(&ledger_);
  world_.start_all();
  ASSERT_TRUE(world_.run_until([&] { return world_.all_ready(); }, std::chrono::seconds{20}));
  const auto before = world_.disk(2).image();
  for (int i = 0; i < 10; ++i) {
    const auto put = world_.put(1, "k" + std::to_string(i), "v");
    ASSERT_TRUE(world_.run_until([&] { return put->done(); }, std::chrono::seconds{10}));
  }
  world_.run_for(std::chrono::seconds{1});
  world_.crash(2, CrashKind::kProcess);
  ASSERT_TRUE(world_.start(2));
  EXPECT_GT(ledger_.counts().recalls, 0u);
  EXPECT_THAT(failures(), IsEmpty());
  world_.crash(2, CrashKind::kProcess);
  world_.disk(2).load(before);
  ASSERT_TRUE(world_.start(2));
  EXPECT_THAT(failures(), Contains(HasSubstr("REMEMBERED")));
}

TEST_F(SimLedger, DifferentAnswersToOneEntry_AreSeen) {
  commits(1, 1, 1, "x");
  ApplyResult result{1, 1, 1, Answer{}};
  result.answer->revision = 7;
  ledger_.on_applied({Time(1), 1, 100, std::span(&result, 1)});
  ledger_.on_applied({Time(1), 2, 200, std::span(&result, 1)});
  EXPECT_THAT(failures(), IsEmpty());
  result.answer->revision = 8;
  ledger_.on_applied({Time(1), 2, 200, std::span(&result, 1)});
  EXPECT_THAT(failures(), Contains(HasSubstr("APPLY")));
}

}  // namespace
}  // namespace cairn::kv::sim
