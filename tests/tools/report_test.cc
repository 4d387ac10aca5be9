#include "tools/bench/report.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "tools/bench/options.h"

namespace cairn::tools::bench {
namespace {

Report a_report(bool open_loop) {
  Report report;
  report.workload = "mixed";
  report.clients = 64;
  report.open_loop = open_loop;
  RunReport run;
  Tally& tally = run.tally;
  tally.operations = 1000;
  tally.errors = 10;
  tally.errors_by_code = {{"no_leader", 4}, {"odd \"code\"", 6}};
  tally.first = Clock::time_point(std::chrono::seconds(5));
  tally.last = Clock::time_point(std::chrono::seconds(7));
  for (std::uint64_t i = 1; i <= 990; ++i) {
    tally.latency.record(i * 1000);
    tally.service.record(1000);
    tally.series.succeeded(std::chrono::milliseconds(2 * i), i * 1000, true);
    tally.writes.acknowledged(std::chrono::milliseconds(2 * i));
  }
  run.marks.push_back({tally.first + std::chrono::milliseconds(1500), "chaos", "node </script>"});
  report.runs.push_back(std::move(run));
  return report;
}

std::vector<std::string> names(const boost::json::object& object) {
  std::vector<std::string> out;
  for (const auto& [name, value] : object) out.emplace_back(name);
  return out;
}

boost::json::object json_of(const Report& report) {
  return boost::json::parse(report_json(report)).get_object();
}

TEST(Report, Json_TheFieldsOfTheContractFirst) {
  const std::string text = report_json(a_report(false));
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  const auto object = json_of(a_report(false));
  auto first = names(object);
  first.resize(8);
  EXPECT_EQ(first, (std::vector<std::string>{"workload", "clients", "seconds", "ops", "errors",
                                             "errors_by_code", "ops_per_second", "latency_us"}));
  EXPECT_FALSE(object.contains("service_us"));
  EXPECT_EQ(names(object.at("latency_us").get_object()),
            (std::vector<std::string>{"p50", "p90", "p99", "p999", "max", "mean"}));
  EXPECT_EQ(object.at("workload").get_string(), "mixed");
  EXPECT_EQ(object.at("clients").to_number<int>(), 64);
  EXPECT_DOUBLE_EQ(object.at("seconds").to_number<double>(), 2);
  EXPECT_EQ(object.at("ops").to_number<int>(), 1000);
  EXPECT_DOUBLE_EQ(object.at("ops_per_second").to_number<double>(), 495);
  EXPECT_EQ(object.at("errors_by_code").get_object().at("odd \"code\"").to_number<int>(), 6);
  EXPECT_NEAR(object.at("latency_us").get_object().at("p50").to_number<double>(), 495, 5);
  EXPECT_DOUBLE_EQ(object.at("latency_us").get_object().at("max").to_number<double>(), 990);
}

TEST(Report, Json_OpenLoop_ServiceTimesToo) {
  const auto object = json_of(a_report(true));
  EXPECT_EQ(names(object)[8], "service_us");
  EXPECT_DOUBLE_EQ(object.at("service_us").get_object().at("p99").to_number<double>(), 1);
}

TEST(Report, Json_SeriesAndMarks) {
  const auto object = json_of(a_report(false));
  const auto& series = object.at("series").get_array();
  ASSERT_EQ(series.size(), 2u);
  EXPECT_EQ(series[0].get_object().at("ops").to_number<int>(), 499);
  const auto& mark = object.at("marks").get_array().at(0).get_object();
  EXPECT_DOUBLE_EQ(mark.at("second").to_number<double>(), 1.5);
  EXPECT_EQ(object.at("longest_write_gap").get_object().at("ms").to_number<int>(), 20);
  std::uint64_t bars = 0;
  for (const auto& bar : object.at("histogram_us").get_array()) {
    bars += bar.get_object().at("ops").to_number<std::uint64_t>();
  }
  EXPECT_EQ(bars, 990u);
}

TEST(Report, Json_Verdicts) {
  Report report = a_report(false);
  report.check = CheckResult{false, 10, 2, 4, "key k1"};
  report.verify = VerifyResult{7, 1, 0, 1, {3}};
  report.slo = {{"p99<5ms", "9 ms", false}};
  const auto object = json_of(report);
  EXPECT_FALSE(object.at("check").get_object().at("linearizable").get_bool());
  EXPECT_EQ(object.at("verify").get_object().at("lost").to_number<int>(), 1);
  EXPECT_FALSE(object.at("slo").get_array().at(0).get_object().at("met").get_bool());
  const std::string table = report_table(report);
  for (const char* words : {"NOT linearizable", "1 lost", "NOT met  p99<5ms: 9 ms"}) {
    EXPECT_NE(table.find(words), std::string::npos) << table;
  }
}

TEST(Report, Json_NothingDone_StillValid) {
  Report report;
  report.workload = "put";
  report.runs.emplace_back();
  EXPECT_NO_THROW(boost::json::parse(report_json(report)));
  report.runs[0].tally.first = Clock::now();
  EXPECT_NO_THROW(boost::json::parse(report_json(report)));
}

TEST(Report, Table_OpenLoop_TellsWhatAClosedLoopHides) {
  const std::string table = report_table(a_report(true));
  EXPECT_NE(table.find("response latency"), std::string::npos) << table;
  EXPECT_NE(table.find("coordinated omission"), std::string::npos) << table;
  EXPECT_EQ(report_table(a_report(false)).find("coordinated omission"), std::string::npos);
}

TEST(Report, Page_CarriesTheRun_NoTextEndsItsScript) {
  const std::string page = report_html(a_report(true));
  EXPECT_EQ(page.find("node </script>"), std::string::npos);
  EXPECT_NE(page.find("node \\u003c/script\\u003e"), std::string::npos);
  EXPECT_NE(page.find("\"workload\":\"mixed\""), std::string::npos);
}

TEST(Report, Csv_AsManyCellsAsTitles) {
  const auto cells = [](const std::string& line) {
    return std::count(line.begin(), line.end(), ',');
  };
  EXPECT_EQ(cells(csv_header()), cells(report_csv(a_report(false))));
}

class OptionsTest : public testing::Test {
 protected:
  std::string read(const std::vector<std::string>& arguments) {
    Settings settings(bench_settings());
    const auto nothing = [](const std::string&) { return std::optional<std::string>(); };
    if (auto error = settings.load(arguments, nothing)) return *error;
    options_ = {};
    return read_bench_options(settings, options_).value_or("");
  }
  Options options_;
};

TEST_F(OptionsTest, Defaults_AsTheContractSays) {
  ASSERT_EQ(read({}), "");
  EXPECT_EQ(options_.endpoints.at(0).url(), "http://127.0.0.1:8001");
  EXPECT_EQ(options_.concurrency.clients, 64u);
  EXPECT_EQ(options_.phase.duration, std::chrono::seconds(10));
  EXPECT_EQ(options_.work.value_size, 256u);
  EXPECT_EQ(options_.work.key_size, 16u);
  EXPECT_EQ(options_.work.keys, 100'000u);
  EXPECT_TRUE(options_.load);
}

TEST_F(OptionsTest, Targets_EachForm) {
  ASSERT_EQ(read({"--endpoints", "http://a:1,b:2", "--target", "etcd"}), "");
  EXPECT_EQ(options_.endpoints.size(), 2u);
  EXPECT_TRUE(options_.etcd);
  ASSERT_EQ(read({"--endpoints=embedded:dir/x"}), "");
  EXPECT_EQ(options_.embedded, "dir/x");
  ASSERT_EQ(read({"--cluster", "3"}), "");
  EXPECT_EQ(options_.nodes, 3u);
}

TEST_F(OptionsTest, Contradictions_Refused) {
  EXPECT_NE(read({"--cluster", "3", "--endpoints", "a:1"}), "");
  EXPECT_NE(read({"--ops", "5", "--duration", "5s"}), "");
  EXPECT_NE(read({"--target", "etcd", "--cluster", "3"}), "");
  EXPECT_NE(read({"--key-size", "5"}), "");
  EXPECT_NE(read({"--rate", "fast"}), "");
  EXPECT_NE(read({"--rate", "-5"}), "");
  EXPECT_NE(read({"--duration", "0"}), "");
}

TEST_F(OptionsTest, WhatComesLater_UsageError) {
  for (const char* workload : {"txn", "watch", "lock"}) {
    EXPECT_NE(read({"--workload", workload}), "") << workload;
  }
  EXPECT_NE(read({"--consistency", "causal"}), "");
}

TEST_F(OptionsTest, Verdicts_AskForWhatTheyNeed) {
  ASSERT_EQ(read({"--slo", "p99<5ms,linearizable"}), "");
  EXPECT_TRUE(options_.check);
  EXPECT_FALSE(options_.verify);
  ASSERT_EQ(read({"--slo", "verified"}), "");
  EXPECT_TRUE(options_.verify);
  EXPECT_NE(read({"--check", "linearizable", "--value-size", "15"}), "");
  EXPECT_NE(read({"--check", "serializable"}), "");
  EXPECT_NE(read({"--check", "linearizable", "--consistency", "eventual"}), "");
}

TEST_F(OptionsTest, Chaos_OnlyForOwnNodes_AndBeforeTheEnd) {
  EXPECT_EQ(read({"--cluster", "3", "--chaos", "kill-leader@5s"}), "");
  EXPECT_NE(read({"--chaos", "kill-leader@5s"}).find("--cluster"), std::string::npos);
  EXPECT_NE(read({"--cluster", "1", "--chaos", "kill-leader@5s"}), "");
  EXPECT_NE(read({"--cluster", "3", "--chaos", "kill-leader@10s"}), "");
}

TEST_F(OptionsTest, Workloads_TheirDistributionUnlessGiven) {
  ASSERT_EQ(read({"--workload", "ycsb-d"}), "");
  EXPECT_EQ(options_.work.distribution, Distribution::kLatest);
  ASSERT_EQ(read({"--workload", "ycsb-a", "--distribution", "uniform"}), "");
  EXPECT_EQ(options_.work.distribution, Distribution::kUniform);
  EXPECT_NE(read({"--workload", "ycsb-d", "--key-size", "8"}), "");
}

TEST_F(OptionsTest, Watch_TheEndpointsUnlessGiven) {
  ASSERT_EQ(read({"--endpoints", "http://a:1"}), "");
  EXPECT_EQ(options_.watched().at(0).url(), "http://a:1");
  ASSERT_EQ(read({"--endpoints", "cairn://a:1", "--watch", "http://a:2,http://b:2"}), "");
  EXPECT_EQ(options_.watched().size(), 2u);
  EXPECT_NE(read({"--watch", "cairn://a:1"}), "");
}

TEST_F(OptionsTest, Ramp_AloneAndWhole) {
  ASSERT_EQ(read({"--ramp", "100:500:100/5s"}), "");
  EXPECT_EQ(options_.ramp->steps(), 5u);
  EXPECT_NE(read({"--ramp", "100:500:100/5s", "--rate", "5"}), "");
  EXPECT_NE(read({"--ramp", "100:500"}), "");
}

}  // namespace
}  // namespace cairn::tools::bench
