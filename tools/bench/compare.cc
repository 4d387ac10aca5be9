#include "tools/bench/compare.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tools/bench/statistics.h"
#include "tools/bench/text.h"
#include "tools/lib/json_view.h"
#include "tools/lib/text_table.h"

namespace cairn::tools::bench {
namespace {

constexpr double kLikely = 0.05;
constexpr std::size_t kRunsMin = 4;  // fewer cannot differ with p < 0.05
constexpr std::size_t kSecondsMin = 4;

double number(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_number() ? value->to_number<double>() : 0;
}

Difference compare(const char* what, const std::vector<double>& a, const std::vector<double>& b,
                   bool more_is_better, double threshold) {
  Difference d{what, median_of(a), median_of(b), mann_whitney(a, b), a.size(), b.size()};
  if (d.a <= 0 || d.p >= kLikely) return d;
  const double change = d.b / d.a - 1;
  if (std::abs(change) < threshold) return d;
  d.verdict =
      (change > 0) == more_is_better ? Difference::Verdict::kBetter : Difference::Verdict::kWorse;
  return d;
}

int refuse(const std::string& text) {
  std::fprintf(stderr, "error: %s\n", text.c_str());
  return 2;
}

const char* word(Difference::Verdict verdict) {
  switch (verdict) {
    case Difference::Verdict::kBetter:
      return "better";
    case Difference::Verdict::kWorse:
      return "worse";
    case Difference::Verdict::kSame:
      break;
  }
  return "no difference shown";
}

bool read_file(const std::string& path, Measured& measured) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return file && read_report(text.str(), measured);
}

}  // namespace

bool read_report(std::string_view json, Measured& measured) {
  const auto object = json_object(json);
  measured.workload = json_text(object, "workload");
  if (measured.workload.empty() || !object.contains("latency_us")) return false;
  for (const auto& entry : json_array(object, "runs")) {
    const auto* run = entry.if_object();
    if (run == nullptr) return false;
    measured.runs.rates.push_back(number(*run, "ops_per_second"));
    const auto* latency = run->if_contains("latency_us");
    if (latency == nullptr || !latency->is_object()) return false;
    measured.runs.p99s.push_back(number(latency->as_object(), "p99"));
  }
  const auto& series = json_array(object, "series");
  // The first and the last second are not whole.
  for (std::size_t i = 1; i + 1 < series.size(); ++i) {
    const auto* second = series.at(i).if_object();
    if (second == nullptr) return false;
    measured.seconds.rates.push_back(number(*second, "ops"));
    measured.seconds.p99s.push_back(number(*second, "p99_us"));
  }
  return true;
}

std::vector<Difference> differences(const Measured& a, const Measured& b, double threshold) {
  const bool by_runs = a.runs.rates.size() >= kRunsMin && b.runs.rates.size() >= kRunsMin;
  const Samples& of_a = by_runs ? a.runs : a.seconds;
  const Samples& of_b = by_runs ? b.runs : b.seconds;
  const char* rates = by_runs ? "ops a second (runs)" : "ops a second (seconds)";
  const char* p99s = by_runs ? "p99, us (runs)" : "p99, us (seconds)";
  return {compare(rates, of_a.rates, of_b.rates, true, threshold),
          compare(p99s, of_a.p99s, of_b.p99s, false, threshold)};
}

int compare_main(const std::vector<std::string>& arguments) {
  std::vector<std::string> files = arguments;
  double threshold = 0.02;
  if (files.size() == 4 && files[0] == "--threshold") {
    const auto percent = parse_decimal(files[1]);
    if (!percent) return refuse("--threshold: \"" + files[1] + "\" is not a number of percent");
    threshold = *percent / 100;
    files.erase(files.begin(), files.begin() + 2);
  }
  if (files.size() != 2) return refuse("kvbench compare [--threshold PERCENT] A.json B.json");
  Measured measured[2];
  for (std::size_t i = 0; i < 2; ++i) {
    if (!read_file(files[i], measured[i])) {
      return refuse(files[i] + " is not what kvbench --output json wrote");
    }
  }
  if (measured[0].workload != measured[1].workload) {
    return refuse("one file is of " + measured[0].workload + ", the other of " +
                  measured[1].workload);
  }
  const auto found = differences(measured[0], measured[1], threshold);
  if (found[0].samples_a < kSecondsMin || found[0].samples_b < kSecondsMin) {
    return refuse("too few samples: measure with --runs 5, or for some seconds more");
  }
  TextTable table({measured[0].workload, "A", "B", "B/A", "p", "samples", ""});
  bool worse = false;
  for (const Difference& d : found) {
    worse |= d.verdict == Difference::Verdict::kWorse;
    table.add({d.what, fixed(d.a, 1), fixed(d.b, 1), d.a > 0 ? fixed(d.b / d.a, 3) : "",
               fixed(d.p, 4), std::to_string(d.samples_a) + ", " + std::to_string(d.samples_b),
               word(d.verdict)});
  }
  std::fputs(table.text().c_str(), stdout);
  return worse ? 1 : 0;
}

}  // namespace cairn::tools::bench
