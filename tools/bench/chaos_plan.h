// --chaos: what is done to the nodes of --cluster, and when: "kill-leader@10s,cut@20s:5s".
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::tools::bench {

struct ChaosStep {
  enum class What {
    kKillLeader,    // SIGKILL; started again after `length`
    kKillFollower,  // likewise
    kCut,           // the leader's connections to its peers carry nothing for so long
    kStall,         // SIGSTOP to the leader, SIGCONT after so long
  } what = What::kKillLeader;
  std::chrono::milliseconds at{0};  // from the begin of the measurement
  std::chrono::milliseconds length{0};
  std::string text;  // as it was given
};

/// In the order of time; an error names the step.
[[nodiscard]] std::optional<std::string> parse_chaos(std::string_view text,
                                                     std::vector<ChaosStep>& steps);

/// --ramp FROM:TO:STEP/HOLD.
struct Ramp {
  double from = 0, to = 0, step = 0;  // operations a second
  std::chrono::milliseconds hold{0};
  [[nodiscard]] std::size_t steps() const;
  [[nodiscard]] double rate(std::size_t i) const { return from + step * static_cast<double>(i); }
};
/// An error says what is wrong with it.
[[nodiscard]] std::optional<std::string> parse_ramp(std::string_view text, Ramp& ramp);

}  // namespace cairn::tools::bench
