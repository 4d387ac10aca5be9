// --slo: what a run must have met, as clauses: "p99<5ms,errors=0,linearizable".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/tally.h"

namespace cairn::tools::bench {

struct Clause {
  enum class What {
    kQuantile,      // p50<5ms, p99.9<=20ms, max<1s, mean<2ms: of the response latency
    kErrors,        // errors=0, errors<10
    kErrorRate,     // error-rate<0.1%
    kRate,          // rate>20000: operations a second that ended well
    kGap,           // gap<500ms: the longest time without an acknowledged write
    kLinearizable,  // --check linearizable found nothing wrong
    kVerified,      // --verify found every acknowledged write
  } what = What::kErrors;
  enum class Relation { kLess, kAtMost, kEqual, kAtLeast, kMore } relation = Relation::kLess;
  double share = 0;  // of kQuantile; 1: the maximum; negative: the mean
  double bound = 0;  // latency and gap in nanoseconds, the error rate as a share
  std::string text;  // as it was given
};

/// An error names the clause.
[[nodiscard]] std::optional<std::string> parse_slo(std::string_view text,
                                                   std::vector<Clause>& clauses);

/// What the clauses look at besides the counts.
struct Findings {
  std::optional<bool> linearizable;  // none: not asked for
  std::optional<bool> verified;
};
struct ClauseVerdict {
  std::string text;
  std::string found;  // for people: "4.1 ms"
  bool met = false;
};
[[nodiscard]] ClauseVerdict judge(const Clause& clause, const Tally& tally,
                                  const Findings& findings);
[[nodiscard]] bool asks_for(const std::vector<Clause>& clauses, Clause::What what);

/// "1500us", "5ms", "0.5s" in nanoseconds; a unit is needed.
[[nodiscard]] std::optional<double> parse_latency(std::string_view text);
/// In the unit that reads best: "812 us", "4.10 ms", "1.20 s".
[[nodiscard]] std::string format_latency(double nanoseconds);

}  // namespace cairn::tools::bench
