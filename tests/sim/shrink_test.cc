// Failing runs made smaller: all that may go goes, what is needed stays, and the line that is said
// is the run that was tried.
#include "tools/sim/shrink.h"

#include <gtest/gtest.h>

namespace cairn::sim_tool {
namespace {

using kv::sim::Fault;
using kv::sim::Plan;
using kv::sim::RunRequest;
using kv::sim::Time;

/// In place of a simulator: runs fail while they have what the bug needs.
class SimShrink : public testing::Test {
 protected:
  Outcome run(const RunRequest& request) {
    ++runs_;
    const Plan plan = *kv::sim::draw_plan(request);
    Outcome outcome;
    outcome.request = request;
    const bool needed = plan.faults.contains(Fault::kKill) && plan.faults.contains(Fault::kPause) &&
                        plan.nodes >= 3 && plan.clients >= 2 && plan.length >= Time(700'000);
    if (needed) outcome.failure = "DIGEST: two states";
    if (plan.nodes == 1) outcome.failure = "VACUOUS: nothing";  // another failure is no smaller one
    return outcome;
  }

  Outcome shrunk(std::uint64_t seed) {
    RunRequest request;
    request.seed = seed;
    request.profile = "crashes";
    const Outcome failing = run(request);
    runs_ = 0;
    return shrink(
        failing, [this](const std::string& line) { lines_.push_back(line); },
        [this](const RunRequest& r) { return run(r); });
  }

  /// A seed that draws what the bug needs, and more.
  std::uint64_t failing_seed() {
    for (std::uint64_t seed = 1;; ++seed) {
      RunRequest request;
      request.seed = seed;
      request.profile = "crashes";
      const Plan plan = *kv::sim::draw_plan(request);
      if (oracle_of(run(request).failure) == "DIGEST" && plan.nodes > 3 && plan.clients > 3 &&
          plan.faults.size() > 4) {
        return seed;
      }
    }
  }

  int runs_ = 0;
  std::vector<std::string> lines_;
};

TEST_F(SimShrink, FailingRun_KeepsOnlyWhatItNeeds) {
  const Outcome small = shrunk(failing_seed());
  EXPECT_EQ(oracle_of(small.failure), "DIGEST");
  EXPECT_EQ(small.request.faults, (std::set<Fault>{Fault::kKill, Fault::kPause}));
  EXPECT_EQ(small.request.nodes, 3u);
  EXPECT_EQ(small.request.clients, 2u);
  EXPECT_GE(*small.request.length, Time(700'000));
  EXPECT_LT(*small.request.length, Time(801'000)) << "an eighth less would do";
  EXPECT_LE(runs_, 151);
  EXPECT_EQ(lines_.back(), line_of(small.request));
}

TEST_F(SimShrink, Line_OfTheSmallRun_IsThatRun) {
  const Outcome small = shrunk(failing_seed());
  RunRequest again;
  ASSERT_EQ(kv::sim::parse_line(line_of(small.request), &again), "");
  EXPECT_EQ(again.length, small.request.length) << "lines know milliseconds";
  EXPECT_EQ(run(again).failure, small.failure);
}

TEST_F(SimShrink, FailureThatDoesNotComeAgain_StaysAsItWas) {
  Outcome once;
  once.request.seed = 1;
  once.request.profile = "calm";
  once.failure = "DIGEST: seen once";
  const Outcome same = shrink(
      once, [this](const std::string& line) { lines_.push_back(line); },
      [this](const RunRequest& r) { return run(r); });
  EXPECT_EQ(same.failure, once.failure);
  EXPECT_TRUE(lines_.empty());
}

}  // namespace
}  // namespace cairn::sim_tool
