#include "tools/bench/chaos.h"

namespace cairn::tools::bench {
namespace {

using What = ChaosStep::What;
// For how long a leader is looked for, where a step needs one.
constexpr std::chrono::seconds kLookForLeader{5};
constexpr std::chrono::milliseconds kLook{50};

std::string name_of(std::size_t node) {
  return "node " + std::to_string(node + 1);
}

}  // namespace

Chaos::Chaos(Cluster& cluster, const std::vector<ChaosStep>& steps, Marks& marks)
    : cluster_(cluster), steps_(steps), marks_(marks), thread_([this] { run(); }) {}

Chaos::~Chaos() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  over_cv_.notify_all();
  thread_.join();
}

bool Chaos::sleep_until(Clock::time_point at) {
  std::unique_lock lock(mutex_);
  return !over_cv_.wait_until(lock, at, [this] { return over_; });
}

void Chaos::run() {
  for (const ChaosStep& step : steps_) {
    if (!sleep_until(start_ + step.at)) return;
    harm(step);
  }
}

void Chaos::harm(const ChaosStep& step) {
  std::size_t node = cluster_.leader();
  const auto until = Clock::now() + kLookForLeader;
  while (node == cluster_.size()) {
    if (Clock::now() > until || !sleep_until(Clock::now() + kLook)) {
      marks_.add("chaos", step.text + ": left out, nobody leads");
      return;
    }
    node = cluster_.leader();
  }
  switch (step.what) {
    case What::kKillFollower:
      node = (node + 1) % cluster_.size();
      [[fallthrough]];
    case What::kKillLeader:
      marks_.add("chaos", name_of(node) + " killed");
      cluster_.kill(node);
      break;
    case What::kCut:
      marks_.add("chaos", name_of(node) + " cut off");
      cluster_.cut(node);
      break;
    case What::kStall:
      marks_.add("chaos", name_of(node) + " stopped");
      cluster_.stop(node);
      break;
  }
  sleep_until(Clock::now() + step.length);
  make_well(step, node);
}

void Chaos::make_well(const ChaosStep& step, std::size_t node) {
  switch (step.what) {
    case What::kKillFollower:
    case What::kKillLeader: {
      const std::string error = cluster_.start_again(node);
      marks_.add("chaos", name_of(node) + (error.empty() ? " started again" : ": " + error));
      return;
    }
    case What::kCut:
      cluster_.heal(node);
      marks_.add("chaos", name_of(node) + " connected again");
      return;
    case What::kStall:
      cluster_.go_on(node);
      marks_.add("chaos", name_of(node) + " goes on");
      return;
  }
}

}  // namespace cairn::tools::bench
