#include "tools/bench/chaos_plan.h"

#include <algorithm>
#include <cmath>

#include "tools/bench/text.h"
#include "tools/lib/units.h"

namespace cairn::tools::bench {
namespace {

using std::chrono::milliseconds;
using What = ChaosStep::What;

struct KindOfStep {
  std::string_view name;
  What what;
  milliseconds length;  // unless it is given
};
constexpr KindOfStep kKindsOfSteps[] = {
    {"kill-leader", What::kKillLeader, milliseconds{2000}},
    {"kill-follower", What::kKillFollower, milliseconds{2000}},
    {"cut", What::kCut, milliseconds{3000}},
    {"stall", What::kStall, milliseconds{2000}},
};

bool parse_step(const std::string& text, ChaosStep& step) {
  step.text = text;
  const auto at = text.find('@');
  if (at == text.npos) return false;
  const auto* const kind =
      std::find_if(std::begin(kKindsOfSteps), std::end(kKindsOfSteps),
                   [&](const KindOfStep& k) { return k.name == text.substr(0, at); });
  if (kind == std::end(kKindsOfSteps)) return false;
  step.what = kind->what;
  step.length = kind->length;
  const auto colon = text.find(':', at);
  const auto when = parse_duration(text.substr(at + 1, colon - at - 1));
  if (!when) return false;
  step.at = *when;
  if (colon == text.npos) return true;
  const auto length = parse_duration(text.substr(colon + 1));
  if (!length || length->count() == 0) return false;
  step.length = *length;
  return true;
}

}  // namespace

std::optional<std::string> parse_chaos(std::string_view text, std::vector<ChaosStep>& steps) {
  for (const std::string& part : split_list(text)) {
    ChaosStep step;
    if (!parse_step(part, step)) {
      return "\"" + part +
             "\" is no step WHAT@TIME or WHAT@TIME:LENGTH; WHAT is kill-leader, kill-follower, cut "
             "or stall";
    }
    steps.push_back(std::move(step));
  }
  std::stable_sort(steps.begin(), steps.end(),
                   [](const ChaosStep& a, const ChaosStep& b) { return a.at < b.at; });
  for (std::size_t i = 1; i < steps.size(); ++i) {
    if (steps[i].at < steps[i - 1].at + steps[i - 1].length) {
      return "\"" + steps[i].text + "\" begins before \"" + steps[i - 1].text + "\" is over";
    }
  }
  return std::nullopt;
}

std::size_t Ramp::steps() const {
  return 1 + static_cast<std::size_t>(std::floor((to - from) / step + 1e-9));
}

std::optional<std::string> parse_ramp(std::string_view text, Ramp& ramp) {
  const auto wrong = [&] {
    return "\"" + std::string(text) +
           "\" is not FROM:TO:STEP/TIME, as in 1000:20000:1000/10s, with at most 1000 steps";
  };
  const auto slash = text.find('/');
  const auto first = text.find(':');
  const auto second = first == text.npos ? text.npos : text.find(':', first + 1);
  if (slash == text.npos || second == text.npos || slash < second) return wrong();
  const auto from = parse_decimal(text.substr(0, first));
  const auto to = parse_decimal(text.substr(first + 1, second - first - 1));
  const auto step = parse_decimal(text.substr(second + 1, slash - second - 1));
  const auto hold = parse_duration(text.substr(slash + 1));
  if (!from || !to || !step || !hold) return wrong();
  ramp = {*from, *to, *step, *hold};
  const bool fine = *from > 0 && *to >= *from && *to <= 1e8 && *step > 0 && hold->count() > 0 &&
                    (*to - *from) / *step < 1000;
  return fine ? std::nullopt : std::optional<std::string>(wrong());
}

}  // namespace cairn::tools::bench
