#include "tools/bench/report.h"

#include <array>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cstdio>

#include "tools/lib/text_table.h"

namespace cairn::tools::bench {
namespace {

struct Quantile {
  const char* name;
  double share;
};
constexpr std::array<Quantile, 4> kQuantiles{
    {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}}};

std::string fixed(double value, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return text.data();
}

std::string microseconds(double nanoseconds) {
  return fixed(nanoseconds / 1000, 1);
}

// p50, p90, p99, p999, max, mean.
std::vector<std::string> figures(const Histogram& histogram) {
  std::vector<std::string> out;
  for (const Quantile& q : kQuantiles) {
    out.push_back(microseconds(static_cast<double>(histogram.quantile(q.share))));
  }
  out.push_back(microseconds(static_cast<double>(histogram.max())));
  out.push_back(microseconds(histogram.mean()));
  return out;
}

std::vector<std::string> figure_names() {
  std::vector<std::string> names;
  for (const Quantile& q : kQuantiles) names.emplace_back(q.name);
  names.emplace_back("max");
  names.emplace_back("mean");
  return names;
}

std::string histogram_json(const Histogram& histogram) {
  const auto names = figure_names();
  const auto values = figures(histogram);
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    out += (i == 0 ? "{\"" : ",\"") + names[i] + "\":" + values[i];
  }
  return out + "}";
}

std::string number(std::uint64_t value) {
  return std::to_string(value);
}

}  // namespace

double Report::operations_per_second() const {
  const double seconds = tally.seconds();
  return seconds > 0 ? static_cast<double>(tally.operations - tally.errors) / seconds : 0;
}

std::string report_json(const Report& report) {
  const Tally& tally = report.tally;
  std::string out =
      "{\"workload\":\"" + report.workload + "\",\"clients\":" + number(report.clients) +
      ",\"seconds\":" + fixed(tally.seconds(), 3) + ",\"ops\":" + number(tally.operations) +
      ",\"errors\":" + number(tally.errors) + ",\"errors_by_code\":{";
  const char* comma = "";
  for (const auto& [code, count] : tally.errors_by_code) {
    out += comma + boost::json::serialize(boost::json::value(code)) + ":" + number(count);
    comma = ",";
  }
  out += "},\"ops_per_second\":" + fixed(report.operations_per_second(), 1) +
         ",\"latency_us\":" + histogram_json(tally.latency);
  if (report.open_loop) out += ",\"service_us\":" + histogram_json(tally.service);
  return out + "}\n";
}

std::string report_table(const Report& report) {
  const Tally& tally = report.tally;
  std::string out = report.workload + ", " + number(report.clients) + " clients, " +
                    fixed(tally.seconds(), 1) + " s: " + number(tally.operations) + " ops, " +
                    fixed(report.operations_per_second(), 0) + " a second, " +
                    number(tally.errors) + " errors\n";
  for (const auto& [code, count] : tally.errors_by_code) {
    out += "  " + number(count) + " " + printable(code) + "\n";
  }
  std::vector<std::string> titles{"microseconds"};
  for (auto& name : figure_names()) titles.push_back(std::move(name));
  TextTable table(std::move(titles));
  const auto add = [&table](const char* title, const Histogram& histogram) {
    std::vector<std::string> row{title};
    for (auto& figure : figures(histogram)) row.push_back(std::move(figure));
    table.add(std::move(row));
  };
  add("latency", tally.latency);
  if (report.open_loop) add("service", tally.service);
  return out + table.text();
}

std::string csv_header() {
  std::string out = "workload,clients,seconds,ops,errors,ops_per_second";
  for (const auto& name : figure_names()) out += ",latency_us_" + name;
  return out + "\n";
}

std::string report_csv(const Report& report) {
  const Tally& tally = report.tally;
  std::string out = report.workload + "," + number(report.clients) + "," +
                    fixed(tally.seconds(), 3) + "," + number(tally.operations) + "," +
                    number(tally.errors) + "," + fixed(report.operations_per_second(), 1);
  for (const auto& figure : figures(tally.latency)) out += "," + figure;
  return out + "\n";
}

}  // namespace cairn::tools::bench
