// Requests, the plans drawn from them, and runs as kvsim makes them.
#include <gmock/gmock.h>

#include "kv/sim/run.h"
#include "tests/kv/sim/story.h"

namespace cairn::kv::sim {
namespace {

using testing::HasSubstr;

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

/// The probes of these runs, all of which are green.
std::map<std::string, std::uint64_t> reached(std::uint64_t seeds_to, const char* profile,
                                             std::set<Fault> faults = {},
                                             std::optional<std::size_t> nodes = {}) {
  std::map<std::string, std::uint64_t> all;
  for (std::uint64_t seed = 1; seed <= seeds_to; ++seed) {
    RunRequest request;
    request.seed = seed;
    request.profile = profile;
    request.nodes = nodes;
    if (!faults.empty()) request.faults = faults;
    const RunResult result = run(request);
    EXPECT_EQ(result.failure, "") << "seed " << seed;
    for (const auto& [name, times] : result.probes) all[name] += times;
  }
  return all;
}

TEST(SimRun, Members_ChangeAndSettle_AndLostDirectoriesComeBack) {
  auto probes = reached(8, "membership");
  EXPECT_GT(probes["configurations-committed"], 0u);
  EXPECT_GT(probes["directory-lost-and-back"], 0u);
}

TEST(SimRun, Members_ComeAsLearnersAreGivenUpAndComeAgain) {
  auto probes = reached(30, "membership",
                        {Fault::kLearnerAdd, Fault::kPromote, Fault::kMemberRemove,
                         Fault::kGiveUpJoining, Fault::kMemberAddAgain});
  EXPECT_GT(probes["learners-promoted"], 0u);
  EXPECT_GT(probes["joins-given-up"], 0u);
  EXPECT_GT(probes["members-back"], 0u);
}

TEST(SimRun, Leases_AnswerAtOnce_WhileClocksDriftWithinTheirBound) {
  EXPECT_GT(reached(6, "q4-leases")["lease-reads-at-once"], 0u);
}

TEST(SimRun, TaskWithoutMemory_EndsItsNode_AndTheOthersGoOn) {
  EXPECT_GT(reached(12, "crashes", {Fault::kOutOfMemory}, 3)["node-fenced"], 0u);
}

}  // namespace
}  // namespace cairn::kv::sim
