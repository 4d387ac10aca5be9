#include "tools/bench/report.h"

#include <algorithm>

namespace cairn::tools::bench {

bool RampStep::met() const {
  return reached && std::all_of(clauses.begin(), clauses.end(),
                                [](const ClauseVerdict& verdict) { return verdict.met; });
}

const RunReport& Report::shown() const {
  if (!ramp.empty()) return ramp[knee.value_or(0)].run;
  return runs[median];
}

const std::vector<Quantile>& told_quantiles() {
  static const std::vector<Quantile> kQuantiles{
      {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
  return kQuantiles;
}

}  // namespace cairn::tools::bench
