#include <thread>

#include "tools/bench/progress.h"
#include "tools/bench/session.h"

namespace cairn::tools::bench {
namespace {

// A cluster that was harmed may need a while until it answers again.
constexpr int kVerifyTries = 10;
constexpr std::chrono::seconds kBetweenTries{1};

}  // namespace

std::optional<Trouble> Session::judge() {
  if (options_.verify) {
    if (auto trouble = verify()) return trouble;
  }
  if (options_.check) {
    std::uint64_t one_in = 1;
    auto events = audit_->events(&one_in);
    note("checking " + std::to_string(events.size()) + " operations");
    report_.check = check_linearizable(std::move(events), one_in);
  }
  Findings findings;
  if (report_.check) findings.linearizable = report_.check->linearizable;
  if (report_.verify) findings.verified = report_.verify->good();
  // Of several runs each must meet what is asked; told is the worst of them.
  for (const Clause& clause : options_.slo) {
    ClauseVerdict told = bench::judge(clause, report_.shown().tally, findings);
    for (const RunReport& run : report_.runs) {
      const ClauseVerdict verdict = bench::judge(clause, run.tally, findings);
      if (told.met && !verdict.met) told = verdict;
    }
    report_.slo.push_back(std::move(told));
  }
  return std::nullopt;
}

std::optional<Trouble> Session::verify() {
  const auto keys = audit_->written_keys();
  note("verifying " + std::to_string(keys.size()) + " written keys");
  VerifyResult verdict;
  verdict.keys = keys.size();
  verdict.one_in = audit_->verified_one_in();
  for (int i = 0; i < kVerifyTries; ++i) {
    Phase phase;
    phase.what = Phase::What::kVerify;
    phase.keys = &keys;
    const RunResult result = driver_->run(phase, progress_of("verify"));
    const auto& codes = result.tally.errors_by_code;
    const auto lost = codes.find("lost");
    verdict.lost = lost == codes.end() ? 0 : lost->second;
    verdict.unreadable = result.tally.errors - verdict.lost;
    verdict.examples = result.tally.lost;
    // What cannot be read now may be later; what is lost stays lost.
    if (result.lost.empty() && (verdict.lost > 0 || verdict.unreadable == 0)) break;
    if (i + 1 == kVerifyTries && !result.lost.empty()) return Trouble{kUnreachable, result.lost};
    std::this_thread::sleep_for(kBetweenTries);
  }
  report_.verify = std::move(verdict);
  return std::nullopt;
}

std::optional<std::string> Session::complaint() const {
  if (report_.shown().tally.operations == 0) return "no operation ended";
  if (report_.check && !report_.check->linearizable) return "the history is not linearizable";
  if (report_.verify && !report_.verify->good()) {
    return std::to_string(report_.verify->lost) + " acknowledged writes are lost, " +
           std::to_string(report_.verify->unreadable) + " keys cannot be read";
  }
  if (!options_.slo.empty() || options_.ramp) {
    std::string failed;
    for (const ClauseVerdict& verdict : report_.slo) {
      if (verdict.met) continue;
      failed += (failed.empty() ? "not met: " : ", ") + verdict.text + " (" + verdict.found + ")";
    }
    if (!failed.empty()) return failed;
    if (options_.ramp && !report_.knee) return "the first rate of the ramp was too much";
    return std::nullopt;
  }
  std::uint64_t errors = 0;
  for (const RunReport& run : report_.runs) errors += run.tally.errors;
  if (errors > 0) return std::to_string(errors) + " operations failed";
  return std::nullopt;
}

}  // namespace cairn::tools::bench
