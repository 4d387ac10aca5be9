#include "tools/bench/report.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "tools/bench/options.h"

namespace cairn::tools::bench {
namespace {

Report a_report(bool open_loop) {
  Report report{"mixed", 64, open_loop, {}};
  report.tally.operations = 1000;
  report.tally.errors = 10;
  report.tally.errors_by_code = {{"no_leader", 4}, {"odd \"code\"", 6}};
  report.tally.first = Clock::time_point(std::chrono::seconds(5));
  report.tally.last = Clock::time_point(std::chrono::seconds(7));
  for (std::uint64_t i = 1; i <= 990; ++i) {
    report.tally.latency.record(i * 1000);
    report.tally.service.record(1000);
  }
  return report;
}

std::vector<std::string> names(const boost::json::object& object) {
  std::vector<std::string> out;
  for (const auto& [name, value] : object) out.emplace_back(name);
  return out;
}

TEST(Report, Json_ExactlyTheFieldsOfTheContract) {
  const std::string text = report_json(a_report(false));
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  const auto object = boost::json::parse(text).get_object();
  EXPECT_EQ(names(object),
            (std::vector<std::string>{"workload", "clients", "seconds", "ops", "errors",
                                      "errors_by_code", "ops_per_second", "latency_us"}));
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
  const auto object = boost::json::parse(report_json(a_report(true))).get_object();
  EXPECT_EQ(names(object).back(), "service_us");
  EXPECT_DOUBLE_EQ(object.at("service_us").get_object().at("p99").to_number<double>(), 1);
}

TEST(Report, Json_NothingDone_StillValid) {
  Report report{"put", 1, false, {}};
  EXPECT_NO_THROW(boost::json::parse(report_json(report)));
  report.tally.first = Clock::now();
  EXPECT_NO_THROW(boost::json::parse(report_json(report)));
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
  EXPECT_EQ(options_.members, 3u);
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
  for (const char* flag : {"--ramp=1:2:1/10s", "--check=linearizable", "--verify", "--chaos=kill",
                           "--slo=p99<5ms", "--report=x.html"}) {
    EXPECT_NE(read({flag}).find("unknown flag"), std::string::npos) << flag;
  }
  EXPECT_NE(read({"--endpoints", "cairn://127.0.0.1:7001"}), "");
}

}  // namespace
}  // namespace cairn::tools::bench
