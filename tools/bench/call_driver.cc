#include "tools/bench/call_driver.h"

#include <algorithm>
#include <utility>

namespace cairn::tools::bench {
namespace {

constexpr std::chrono::seconds kProgressEvery{1};
// How soon a station is filled again whose target refused all that was tried.
constexpr std::chrono::milliseconds kRefill{10};
constexpr std::chrono::microseconds kFullStation{200};

}  // namespace

struct CallDriver::Station {
  Station(std::size_t d, std::size_t n, std::unique_ptr<Lane> l)
      : door(d), slots(n), lane(std::move(l)) {}

  const std::size_t door;
  const std::size_t slots;
  std::mutex mutex;  // guards what follows
  std::unique_ptr<Lane> lane;
  std::size_t in_flight = 0;
  bool reported = false;  // its end is counted
};

CallDriver::CallDriver(const Work& work, std::unique_ptr<CallTarget> target,
                       const Concurrency& concurrency, Audit* audit)
    : work_(work),
      target_(std::move(target)),
      slots_(concurrency.clients * concurrency.pipeline),
      audit_(audit) {}

CallDriver::~CallDriver() = default;

RunResult CallDriver::run(const Phase& phase, const Progress& progress) {
  const auto start = Clock::now();
  const std::size_t count = std::min(target_->doors(), slots_);
  // A late callback may look once more after run() has returned: it shares the station.
  std::vector<std::shared_ptr<Station>> stations;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t slots = slots_ / count + (i < slots_ % count ? 1 : 0);
    stations.push_back(std::make_shared<Station>(
        i, slots, std::make_unique<Lane>(work_, phase, i, count, start, audit_)));
  }
  busy_ = count;
  for (auto& station : stations) pump(station);

  auto next_progress = start + kProgressEvery;
  for (;;) {
    // In an open loop this thread begins what is due.
    auto wake = Clock::now() + kRefill;
    std::uint64_t completed = 0;
    std::uint64_t failures = 0;
    for (auto& station : stations) {
      std::lock_guard lock(station->mutex);
      const Lane& lane = *station->lane;
      completed += lane.done();
      failures += lane.failures();
      if (lane.open_loop()) {
        // With all slots taken the answers begin what is due; soon they have caught up.
        const bool full = station->in_flight == station->slots;
        wake = std::min(wake, full ? Clock::now() + kFullStation : lane.next_due());
      }
    }
    {
      std::unique_lock lock(mutex_);
      if (all_ended_.wait_until(lock, wake, [&] { return busy_ == 0; })) break;
    }
    if (Clock::now() >= next_progress) {
      next_progress += kProgressEvery;
      progress(start, completed, failures);
    }
    for (auto& station : stations) pump(station);
  }
  RunResult result;
  for (auto& station : stations) {
    std::lock_guard lock(station->mutex);  // the last callback may still hold it
    result.tally.merge(station->lane->tally());
  }
  return result;
}

void CallDriver::pump(const std::shared_ptr<Station>& shared) {
  Station& station = *shared;
  // A refusal may be answered inside the call: then the loop below goes on, not a deeper one; but
  // not for ever, since the target's own loop may be what is waiting here.
  thread_local const Station* pumping = nullptr;
  if (pumping == &station) return;
  pumping = &station;
  for (std::size_t issued = 0; issued <= station.slots; ++issued) {
    std::optional<Operation> operation;
    {
      std::lock_guard lock(station.mutex);
      const auto now = Clock::now();
      if (station.in_flight < station.slots) operation = station.lane->take(now);
      if (operation) {
        ++station.in_flight;
      } else if (station.in_flight == 0 && !station.reported && station.lane->spent(now)) {
        station.reported = true;
        std::lock_guard done(mutex_);
        if (--busy_ == 0) all_ended_.notify_one();
      }
    }
    if (!operation) break;
    issue(shared, *operation);
  }
  pumping = nullptr;
}

void CallDriver::issue(const std::shared_ptr<Station>& station, const Operation& operation) {
  target_->call(station->door, operation, [this, station, operation](const Outcome& outcome) {
    ended(station, operation, outcome);
  });
}

void CallDriver::ended(const std::shared_ptr<Station>& station, const Operation& operation,
                       const Outcome& outcome) {
  const auto now = Clock::now();
  std::optional<Operation> second;
  {
    std::lock_guard lock(station->mutex);
    second = station->lane->ended(operation, outcome, now);
    if (!second) --station->in_flight;
  }
  if (second) {
    issue(station, *second);
  } else {
    pump(station);
  }
}

}  // namespace cairn::tools::bench
