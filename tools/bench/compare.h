// kvbench compare A.json B.json: is B worse than A, or is it chance?
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cairn::tools::bench {

/// What a report in JSON has to say to a comparison.
struct Samples {
  std::vector<double> rates;  // of runs, or of seconds
  std::vector<double> p99s;   // microseconds
};
struct Measured {
  std::string workload;
  Samples runs, seconds;
};
/// False: it is no report of kvbench.
[[nodiscard]] bool read_report(std::string_view json, Measured& measured);

struct Difference {
  std::string what;
  double a = 0, b = 0;  // medians
  double p = 1;         // of the test
  std::size_t samples_a = 0, samples_b = 0;
  enum class Verdict { kSame, kBetter, kWorse } verdict = Verdict::kSame;
};
/// Throughput, then p99. `threshold` is a share: below it a difference does not count.
[[nodiscard]] std::vector<Difference> differences(const Measured& a, const Measured& b,
                                                  double threshold);

/// The program: its arguments after "compare"; its exit status.
[[nodiscard]] int compare_main(const std::vector<std::string>& arguments);

}  // namespace cairn::tools::bench
