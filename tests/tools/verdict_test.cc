// --slo, --chaos and --ramp as they are read; the series; compare's statistics.
#include <gtest/gtest.h>

#include "tools/bench/chaos_plan.h"
#include "tools/bench/compare.h"
#include "tools/bench/generators.h"
#include "tools/bench/slo.h"
#include "tools/bench/statistics.h"

namespace cairn::tools::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Tally a_tally() {
  Tally tally;
  tally.first = Clock::time_point(seconds(5));
  tally.last = Clock::time_point(seconds(7));
  tally.operations = 1000;
  tally.errors = 1;
  for (std::uint64_t ms = 1; ms <= 999; ++ms) tally.latency.record(ms * 10'000);  // to 9.99 ms
  for (const int ms : {1, 2, 500, 1900}) tally.writes.acknowledged(milliseconds(ms));
  return tally;
}

bool met(const char* clause, const Findings& findings = {}) {
  std::vector<Clause> clauses;
  EXPECT_EQ(parse_slo(clause, clauses), std::nullopt) << clause;
  return judge(clauses.at(0), a_tally(), findings).met;
}

TEST(Slo, Clauses_MetOrNot) {
  EXPECT_TRUE(met("p99<10ms"));
  EXPECT_FALSE(met("p99<9ms"));
  EXPECT_TRUE(met("p99.9<=10.1ms"));
  EXPECT_TRUE(met("p999<0.0101s"));
  EXPECT_TRUE(met("p50<5100us"));
  EXPECT_FALSE(met("max<9.9ms"));
  EXPECT_TRUE(met("mean<5.1ms"));
  EXPECT_FALSE(met("errors=0"));
  EXPECT_TRUE(met("errors<2"));
  EXPECT_TRUE(met("error-rate<=0.1%"));
  EXPECT_FALSE(met("error-rate<0.1%"));
  EXPECT_TRUE(met("rate>499"));
  EXPECT_FALSE(met("rate>=500"));
  EXPECT_TRUE(met("gap<1401ms"));
  EXPECT_FALSE(met("gap<1400ms"));
}

TEST(Slo, Findings_NotLookedAtIsNotMet) {
  EXPECT_FALSE(met("linearizable"));
  EXPECT_TRUE(met("linearizable", {true, std::nullopt}));
  EXPECT_FALSE(met("linearizable", {false, true}));
  EXPECT_TRUE(met("verified", {false, true}));
}

TEST(Slo, NothingEndedWell_NoLatencyIsMet) {
  std::vector<Clause> clauses;
  ASSERT_EQ(parse_slo("p99<10s", clauses), std::nullopt);
  EXPECT_FALSE(judge(clauses[0], Tally(), {}).met);
}

TEST(Slo, Nonsense_NamedInTheError) {
  for (const char* text :
       {"p99", "p99<5", "p99<ms", "p0<5ms", "p100<5ms", "p99>", "q99<5ms", "p250<5ms",
        "errors=none", "error-rate<1", "linear", "p99<5ms,,x", "p99<-5ms"}) {
    std::vector<Clause> clauses;
    EXPECT_NE(parse_slo(text, clauses), std::nullopt) << text;
  }
  std::vector<Clause> clauses;
  EXPECT_NE(parse_slo("errors=0,p99<x", clauses)->find("\"p99<x\""), std::string::npos);
}

TEST(Chaos, Steps_InOrderOfTime) {
  std::vector<ChaosStep> steps;
  ASSERT_EQ(parse_chaos("stall@30s:2s,kill-leader@10s,cut@20s:500ms", steps), std::nullopt);
  ASSERT_EQ(steps.size(), 3u);
  EXPECT_EQ(steps[0].what, ChaosStep::What::kKillLeader);
  EXPECT_EQ(steps[0].at, seconds(10));
  EXPECT_EQ(steps[0].length, seconds(2));
  EXPECT_EQ(steps[1].what, ChaosStep::What::kCut);
  EXPECT_EQ(steps[1].length, milliseconds(500));
  EXPECT_EQ(steps[2].what, ChaosStep::What::kStall);
}

TEST(Chaos, Nonsense_Refused) {
  for (const char* text :
       {"kill", "kill@5s", "cut@", "cut@5s:0s", "cut@5s:x", "stall@x", "cut@5s:3s,stall@7s"}) {
    std::vector<ChaosStep> steps;
    EXPECT_NE(parse_chaos(text, steps), std::nullopt) << text;
  }
}

TEST(Ramp, FromToStepHold) {
  Ramp ramp;
  ASSERT_EQ(parse_ramp("1000:3000:500/10s", ramp), std::nullopt);
  EXPECT_EQ(ramp.steps(), 5u);
  EXPECT_EQ(ramp.rate(4), 3000);
  EXPECT_EQ(ramp.hold, seconds(10));
  for (const char* text : {"", "1:2:1", "1:2/1s", "2:1:1/1s", "1:2:0/1s", "0:2:1/1s", "1:1e9:1/1s",
                           "1:2000:1/1s", "1:2:1/0s"}) {
    EXPECT_NE(parse_ramp(text, ramp), std::nullopt) << text;
  }
}

TEST(Series, Slots_BySecond) {
  Series series;
  series.succeeded(milliseconds(100), 5'000, true);
  series.succeeded(milliseconds(999), 7'000, false);
  series.failed(milliseconds(2500));
  ASSERT_EQ(series.slots().size(), 3u);
  EXPECT_EQ(series.slots()[0].operations, 2u);
  EXPECT_EQ(series.slots()[0].writes, 1u);
  EXPECT_EQ(series.slots()[1].operations, 0u);
  EXPECT_EQ(series.slots()[2].errors, 1u);
}

TEST(Series, LongRuns_WidenAndStayWhole) {
  Series series;
  Series other;
  for (int s = 0; s < 10'000; ++s) series.succeeded(seconds(s), 1000, true);
  for (int s = 0; s < 100; ++s) other.succeeded(seconds(s), 1000, true);
  EXPECT_EQ(series.width(), seconds(4));
  EXPECT_LE(series.slots().size(), Series::kSlotsMax);
  other.merge(series);
  EXPECT_EQ(other.width(), seconds(4));
  std::uint64_t all = 0;
  for (const auto& slot : other.slots()) all += slot.operations;
  EXPECT_EQ(all, 10'100u);
  EXPECT_EQ(other.slots()[0].operations, 8u);
}

TEST(WriteTimes, LongestGap_OverAllLanes) {
  WriteTimes a;
  WriteTimes b;
  for (int ms = 0; ms < 1000; ms += 10) a.acknowledged(milliseconds(ms));
  for (int ms = 3000; ms < 4000; ms += 10) a.acknowledged(milliseconds(ms));
  EXPECT_EQ(a.longest_gap(milliseconds(4000)).length, milliseconds(2010));
  EXPECT_EQ(a.longest_gap(milliseconds(4000)).from, milliseconds(990));
  for (int ms = 2000; ms < 3000; ms += 10) b.acknowledged(milliseconds(ms));
  a.merge(b);
  EXPECT_EQ(a.longest_gap(milliseconds(4000)).length, milliseconds(1010));
  // A store that never came back.
  EXPECT_EQ(a.longest_gap(milliseconds(9990)).length, milliseconds(6000));
  EXPECT_EQ(WriteTimes().longest_gap(milliseconds(50)).length, milliseconds(50));
}

TEST(MannWhitney, KnownValues) {
  // Exact: 3 against 3, wholly apart: 2 of the 20 orders.
  EXPECT_NEAR(mann_whitney({1, 2, 3}, {4, 5, 6}), 0.1, 1e-12);
  // 5 against 5, wholly apart: 2 of 252.
  EXPECT_NEAR(mann_whitney({1, 2, 3, 4, 5}, {6, 7, 8, 9, 10}), 2.0 / 252, 1e-12);
  // U = 3 of 4 against 5: in the tables, two-sided 0.111.
  EXPECT_NEAR(mann_whitney({1, 2, 3, 7}, {4, 5, 6, 8, 9}), 14.0 / 126, 1e-9);
  EXPECT_NEAR(mann_whitney({1, 3, 5, 7}, {2, 4, 6, 8}), 0.6857142857, 1e-9);
  EXPECT_EQ(mann_whitney({}, {1, 2}), 1);
  EXPECT_EQ(mann_whitney({5, 5, 5}, {5, 5, 5}), 1);
}

TEST(MannWhitney, LargeSamplesWithTies_ByTheNormal) {
  std::vector<double> a;
  std::vector<double> b;
  for (int i = 0; i < 50; ++i) {
    a.push_back(i % 10);
    b.push_back(i % 10 + 3);
  }
  EXPECT_NEAR(mann_whitney(a, b), 1.04205e-05, 1e-9);
  EXPECT_GT(mann_whitney(a, a), 0.99);
}

TEST(MannWhitney, SameDistribution_SeldomTold) {
  Random random(9);
  int told = 0;
  for (int round = 0; round < 500; ++round) {
    std::vector<double> a;
    std::vector<double> b;
    for (int i = 0; i < 8; ++i) {
      a.push_back(random.fraction());
      b.push_back(random.fraction());
    }
    told += mann_whitney(a, b) < 0.05 ? 1 : 0;
  }
  EXPECT_LT(told, 45);
  EXPECT_GT(told, 5);
}

Measured measured(double rate, double p99, std::size_t runs) {
  Measured m;
  for (std::size_t i = 0; i < runs; ++i) {
    m.runs.rates.push_back(rate + static_cast<double>(i));
    m.runs.p99s.push_back(p99 + static_cast<double>(i) / 10);
  }
  return m;
}

TEST(Compare, SlowerIsWorse_HigherP99IsWorse) {
  using V = Difference::Verdict;
  const auto slower = differences(measured(1000, 50, 5), measured(900, 50.01, 5), 0.02);
  EXPECT_EQ(slower[0].verdict, V::kWorse);
  EXPECT_EQ(slower[1].verdict, V::kSame);
  const auto faster = differences(measured(1000, 50, 5), measured(1100, 60, 5), 0.02);
  EXPECT_EQ(faster[0].verdict, V::kBetter);
  EXPECT_EQ(faster[1].verdict, V::kWorse);
  // A difference that is certain, and too small to count.
  EXPECT_EQ(differences(measured(1000, 50, 5), measured(1010, 50, 5), 0.02)[0].verdict, V::kSame);
  EXPECT_EQ(differences(measured(1000, 50, 5), measured(1010, 50, 5), 0)[0].verdict, V::kBetter);
}

TEST(Compare, FewRuns_SecondsAreTaken) {
  Measured a = measured(1000, 50, 1);
  Measured b = measured(500, 50, 1);
  for (int i = 0; i < 20; ++i) {
    a.seconds.rates.push_back(1000 + i);
    b.seconds.rates.push_back(500 + i);
    a.seconds.p99s.push_back(50 + i);
    b.seconds.p99s.push_back(50 + i);
  }
  const auto found = differences(a, b, 0.02);
  EXPECT_EQ(found[0].samples_a, 20u);
  EXPECT_EQ(found[0].verdict, Difference::Verdict::kWorse);
  EXPECT_EQ(found[1].verdict, Difference::Verdict::kSame);
}

}  // namespace
}  // namespace cairn::tools::bench
