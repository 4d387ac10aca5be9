// Runs as kvsim makes them, and the oracles that judge them: each is shown what it must not let
// pass.
#include <gmock/gmock.h>

#include "kv/sim/ledger.h"
#include "kv/sim/run.h"
#include "kv/sim/witness.h"
#include "tests/kv/sim/story.h"

namespace cairn::kv::sim {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

// --- requests and plans --------------------------------------------------------------------------

TEST(SimPlan, Line_OfARequest_ReadsBackAsTheSame) {
  RunRequest request;
  request.seed = 77;
  request.profile = "small";
  request.nodes = 5;
  request.length = Time(2'500'000);
  request.clients = 2;
  request.faults = std::set<Fault>{Fault::kKill, Fault::kBitRot};
  const std::string line = line_of(request);
  EXPECT_EQ(line, "seed=77 profile=small nodes=5 ms=2500 clients=2 faults=node-kill,disk-bit-rot");
  RunRequest back;
  EXPECT_EQ(parse_line(line + "  # why", &back), "");
  EXPECT_EQ(line_of(back), line);
}

TEST(SimPlan, Line_ThatIsWrong_SaysWhere) {
  RunRequest r;
  EXPECT_THAT(parse_line("profile=nope", &r), HasSubstr("nope"));
  EXPECT_THAT(parse_line("seed=x", &r), HasSubstr("seed=x"));
  EXPECT_THAT(parse_line("faults=node-kill,typo", &r), HasSubstr("typo"));
  EXPECT_THAT(parse_line("nodes=9", &r), HasSubstr("nodes"));
  EXPECT_THAT(parse_line("what=1", &r), HasSubstr("what"));
}

TEST(SimPlan, FaultsTakenAway_LeaveTheOthersAsTheyWere) {
  RunRequest request;
  request.seed = 3;
  request.profile = "crashes";
  const auto whole = draw_plan(request);
  ASSERT_GT(whole->faults.size(), 1u);
  request.faults = std::set<Fault>{whole->faults.begin()->first};
  const auto part = draw_plan(request);
  ASSERT_EQ(part->faults.size(), 1u);
  EXPECT_EQ(part->faults.begin()->second, whole->faults.begin()->second);
  EXPECT_EQ(part->length, whole->length);
  EXPECT_EQ(part->network.latency_max, whole->network.latency_max);
}

TEST(SimPlan, Seeds_DrawEveryFaultSomeTime_AndNeverAll) {
  std::set<Fault> drawn;
  int calm = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    RunRequest request;
    request.seed = seed;
    const auto plan = draw_plan(request);
    for (const auto& [fault, mean] : plan->faults) drawn.insert(fault);
    EXPECT_LT(plan->faults.size(), fault_infos().size() / 2);
    calm += plan->faults.empty() ? 1 : 0;
    EXPECT_LE(plan->may_be_damaged.size() * 2 + 1, plan->nodes) << "a majority stays sound";
  }
  EXPECT_EQ(drawn.size(), fault_infos().size());
  EXPECT_GE(fault_infos().size(), 30u);
  EXPECT_GT(calm, 10);
}

// --- runs ----------------------------------------------------------------------------------------

/// Sees everything, changes nothing.
class Watcher final : public Observer {
 public:
  void on_sent(const FrameSent& event) override { sent += event.messages.size(); }
  std::size_t sent = 0;
};

TEST(SimRun, SameRequest_WatchedOrNot_IsTheSameRun) {
  for (const std::uint64_t seed : seeds(3)) {
    RunRequest request;
    request.seed = seed;
    request.profile = "small";
    Watcher watcher;
    const RunResult first = run(request);
    const RunResult second = run(request, {&watcher});
    EXPECT_EQ(first.failure, "") << replay(seed);
    EXPECT_EQ(first.trace_hash, second.trace_hash) << replay(seed);
    EXPECT_EQ(first.events, second.events);
    EXPECT_GT(watcher.sent, 0u);
  }
}

TEST(SimRun, LastLine_IsAsPromised) {
  RunResult result;
  result.trace_hash = 0xabc;
  EXPECT_EQ(result.last_line(7), "seed=7 trace-hash=0000000000000abc ok");
  result.failure = "ONE-LEADER: two\nand more";
  EXPECT_EQ(result.last_line(7), "seed=7 trace-hash=0000000000000abc failed: ONE-LEADER: two");
}

// --- changes of members
// ---------------------------------------------------------------------------

TEST(SimRun, Members_ChangeAndSettle_AndLostDirectoriesComeBack) {
  std::uint64_t changed = 0;
  std::uint64_t back = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    RunRequest request;
    request.seed = seed;
    request.profile = "membership";
    const RunResult result = run(request);
    EXPECT_EQ(result.failure, "") << "seed " << seed;
    changed += result.probes.at("configurations-committed");
    back += result.probes.at("directory-lost-and-back");
  }
  EXPECT_GT(changed, 0u);
  EXPECT_GT(back, 0u);
}

TEST(SimRun, Members_ComeAsLearnersAreGivenUpAndComeAgain) {
  std::map<std::string, std::uint64_t> reached;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    RunRequest request;
    request.seed = seed;
    request.profile = "membership";
    request.faults = std::set<Fault>{Fault::kLearnerAdd, Fault::kPromote, Fault::kMemberRemove,
                                     Fault::kGiveUpJoining, Fault::kMemberAddAgain};
    const RunResult result = run(request);
    EXPECT_EQ(result.failure, "") << "seed " << seed;
    for (const auto& [name, times] : result.probes) reached[name] += times;
  }
  EXPECT_GT(reached["learners-promoted"], 0u);
  EXPECT_GT(reached["joins-given-up"], 0u);
  EXPECT_GT(reached["members-back"], 0u);
}

TEST(SimRun, Leases_AnswerAtOnce_WhileClocksDriftWithinTheirBound) {
  std::uint64_t at_once = 0;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    RunRequest request;
    request.seed = seed;
    request.profile = "q4-leases";
    const RunResult result = run(request);
    EXPECT_EQ(result.failure, "") << "seed " << seed;
    at_once += result.probes.at("lease-reads-at-once");
  }
  EXPECT_GT(at_once, 0u);
}

TEST(SimRun, TaskWithoutMemory_EndsItsNode_AndTheOthersGoOn) {
  std::uint64_t failed = 0;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    RunRequest request;
    request.seed = seed;
    request.profile = "crashes";
    request.nodes = 3;
    request.faults = std::set<Fault>{Fault::kOutOfMemory};
    const RunResult result = run(request);
    EXPECT_EQ(result.failure, "") << "seed " << seed;
    failed += result.probes.at("node-fenced");
  }
  EXPECT_GT(failed, 0u);
}

// --- the oracles of Raft -------------------------------------------------------------------------

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
  const auto configures = [&](raft::Index index, const raft::Configuration& config) {
    const std::vector<raft::Entry> entries{
        {index, 1, raft::EntryKind::kConfig,
         std::make_shared<const std::string>(raft::encode_configuration(config))}};
    ledger_.on_committed({Time(1), 2, 200, 1, entries});
  };
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
  const auto configures = [&](raft::Index index, const raft::Configuration& config) {
    const std::vector<raft::Entry> entries{
        {index, 1, raft::EntryKind::kConfig,
         std::make_shared<const std::string>(raft::encode_configuration(config))}};
    ledger_.on_committed({Time(1), 1, 100, 1, entries});
  };
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
  const std::vector<raft::Entry> entries{
      {1, 1, raft::EntryKind::kConfig,
       std::make_shared<const std::string>(raft::encode_configuration(apart))}};
  ledger_.on_committed({Time(1), 1, 100, 1, entries});
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

// --- model and witness ---------------------------------------------------------------------------

/// A log of one group, and calls judged by it.
class SimWitness : public testing::Test {
 protected:
  Answer& put(const std::string& key, const std::string& value, Condition condition = {},
              std::uint64_t client = 0, std::uint64_t sequence = 0) {
    Command command;
    command.condition = condition;
    command.session = {client, sequence, 0};
    command.operations = {{kv::Operation::Kind::kPut, key, value}};
    const raft::Index index = log_.size() + 1;
    CommittedEntry entry;
    entry.entry = {index, 1, raft::EntryKind::kCommand,
                   make_entry({index * 10, 0, 0}, encode_command(command))};
    entry.answer.emplace().revision = index * 10;
    log_.push_back(std::move(entry));
    return *log_.back().answer;
  }
  static Seen read(const std::string& key, const std::string& value, Revision mod,
                   Revision revision) {
    Seen seen;
    seen.kind = Seen::Kind::kGet;
    seen.outcome = Seen::Outcome::kOk;
    seen.key = key;
    seen.group = 1;
    seen.revision = revision;
    seen.item = Item{key, value, mod, mod, 1};
    seen.commit_at_end = 100;
    return seen;
  }
  static Seen wrote(const std::string& key, const std::string& value, Revision revision) {
    Seen seen = read(key, value, revision, revision);
    seen.kind = Seen::Kind::kPut;
    seen.value = value;
    seen.version = 1;
    seen.created = true;
    return seen;
  }
  std::vector<std::string> judge(const Seen& seen) {
    std::map<raft::GroupId, Model> models;
    models.try_emplace(1, 1, log_);
    std::vector<std::string> failures = models.at(1).failures();
    for (auto& f : judge_calls({std::make_shared<Seen>(seen)}, models, 1).failures) {
      failures.push_back(f);
    }
    return failures;
  }

  std::vector<CommittedEntry> log_;
};

TEST_F(SimWitness, HonestCalls_Pass) {
  put("a", "v1");
  EXPECT_THAT(judge(read("a", "v1", 10, 10)), IsEmpty());
  EXPECT_THAT(judge(wrote("a", "v1", 10)), IsEmpty());
}

TEST_F(SimWitness, StaleRead_IsSeen) {
  put("a", "v1");
  put("b", "v2");
  Seen seen = read("a", "v1", 10, 10);
  seen.commit_at_begin = 2;
  EXPECT_THAT(judge(seen), Contains(HasSubstr("was committed before it began")));
  seen.kind = Seen::Kind::kEventualGet;
  EXPECT_THAT(judge(seen), IsEmpty());
}

TEST_F(SimWitness, ReadOfWhatNeverWas_IsSeen) {
  put("a", "v1");
  EXPECT_THAT(judge(read("a", "v9", 10, 10)), Contains(HasSubstr("the log says")));
  EXPECT_THAT(judge(read("a", "v1", 10, 11)), Contains(HasSubstr("nobody stamped")));
}

TEST_F(SimWitness, LostWrite_IsSeen) {
  put("a", "v1");
  EXPECT_THAT(judge(wrote("b", "v2", 20)), Contains(HasSubstr("no entry")));
}

TEST_F(SimWitness, RefusedWriteThatTookEffect_IsSeen) {
  put("a", "v1");
  Seen seen = wrote("a", "v1", 0);
  seen.outcome = Seen::Outcome::kNo;
  EXPECT_THAT(judge(seen), Contains(HasSubstr("told no")));
}

TEST_F(SimWitness, WriteThatTookEffectTwice_IsSeen) {
  put("a", "v1");
  put("a", "v1");
  Seen seen = wrote("a", "v1", 0);
  seen.outcome = Seen::Outcome::kUnknown;
  EXPECT_THAT(judge(seen), Contains(HasSubstr("2 times")));
}

TEST_F(SimWitness, CommandOfASessionExecutedTwice_IsSeen) {
  put("a", "v1", {}, 5, 1);
  put("a", "v2", {}, 5, 1);
  EXPECT_THAT(judge(read("a", "v2", 20, 20)), Contains(HasSubstr("executed twice")));
}

TEST_F(SimWitness, ConditionJudgedWrongly_IsSeen) {
  put("a", "v1");
  put("a", "v2", {.if_absent = true});
  EXPECT_THAT(judge(read("a", "v2", 20, 20)), Contains(HasSubstr("condition does not hold")));
  log_.pop_back();
  Answer& refused = put("b", "v2", {.if_absent = true});
  refused.error = Errc::kRevisionMismatch;
  EXPECT_THAT(judge(read("a", "v1", 10, 20)), Contains(HasSubstr("though its condition holds")));
}

TEST_F(SimWitness, RevisionsThatDoNotRise_AreSeen) {
  put("a", "v1");
  log_.back().entry.data = make_entry({30, 0, 0}, split_entry(*log_.back().entry.data)->command);
  log_.back().answer->revision = 30;
  put("a", "v2");
  EXPECT_THAT(judge(read("a", "v2", 20, 20)), Contains(HasSubstr("revision 20 after 30")));
}

}  // namespace
}  // namespace cairn::kv::sim
