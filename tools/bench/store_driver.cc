#include "tools/bench/store_driver.h"

#include <algorithm>
#include <utility>

namespace cairn::tools::bench {
namespace {

constexpr std::chrono::seconds kReadyTimeout{30};
constexpr std::chrono::seconds kProgressEvery{1};
// How soon a station is filled again whose store refused all that was tried.
constexpr std::chrono::milliseconds kRefill{10};
constexpr std::chrono::microseconds kFullStation{200};

}  // namespace

struct StoreDriver::Station {
  Station(kv::Store& s, std::size_t n, std::unique_ptr<Lane> l)
      : store(s), slots(n), lane(std::move(l)) {}

  kv::Store& store;
  const std::size_t slots;
  std::mutex mutex;  // guards what follows
  std::unique_ptr<Lane> lane;
  std::size_t in_flight = 0;
  bool reported = false;  // its end is counted
};

StoreDriver::StoreDriver(const Work& work, std::string directory, std::size_t members,
                         const Concurrency& concurrency)
    : work_(work),
      directory_(std::move(directory)),
      members_(members),
      slots_(concurrency.clients * concurrency.pipeline),
      values_(work.value_size, work.seed) {}

StoreDriver::~StoreDriver() = default;

std::string StoreDriver::open() {
  if (!directory_.empty()) {
    kv::Options options;
    options.data_dir = directory_;
    auto store = kv::Store::open(std::move(options));
    if (store.has_error()) return store.error().message();
    alone_.emplace(std::move(*store));
    stores_.push_back(&*alone_);
    return "";
  }
  auto cluster = kv::TestCluster::start(members_);
  if (cluster.has_error()) return cluster.error().message();
  cluster_.emplace(std::move(*cluster));
  for (std::uint64_t id = 1; id <= members_; ++id) stores_.push_back(&cluster_->node(id));
  if (auto ready = cluster_->wait_ready(kReadyTimeout); ready.has_error()) {
    return ready.error().message();
  }
  return "";
}

RunResult StoreDriver::run(const Phase& phase, const Progress& progress) {
  const auto start = Clock::now();
  const std::size_t count = std::min(stores_.size(), slots_);
  std::vector<std::unique_ptr<Station>> stations;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t slots = slots_ / count + (i < slots_ % count ? 1 : 0);
    stations.push_back(std::make_unique<Station>(
        *stores_[i], slots, std::make_unique<Lane>(work_, phase, i, count, start)));
  }
  busy_ = count;
  for (auto& station : stations) pump(*station);

  auto next_progress = start + kProgressEvery;
  for (;;) {
    // In an open loop this thread begins what is due.
    auto wake = Clock::now() + kRefill;
    std::uint64_t completed = 0;
    std::uint64_t failures = 0;
    for (auto& station : stations) {
      std::lock_guard lock(station->mutex);
      const Lane& lane = *station->lane;
      completed += lane.ended();
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
    for (auto& station : stations) pump(*station);
  }
  RunResult result;
  for (auto& station : stations) {
    std::lock_guard lock(station->mutex);  // the last callback may still hold it
    result.tally.merge(station->lane->tally());
  }
  return result;
}

void StoreDriver::pump(Station& station) {
  // A refusal may be answered inside the call: then the loop below goes on, not a deeper one; but
  // not for ever, since the store's own loop may be what is waiting here.
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
    issue(station, *operation);
  }
  pumping = nullptr;
}

void StoreDriver::issue(Station& station, const Operation& operation) {
  std::string key;
  append_key(key, operation.key, work_.key_size);
  if (operation.put) {
    station.store.async_put(std::move(key), values_.at(operation.value), {},
                            [this, &station, operation](kv::Result<kv::PutResult> result) {
                              ended(station, operation, result);
                            });
    return;
  }
  kv::ReadOptions options;
  if (work_.consistency == Consistency::kLease) options.consistency = kv::Consistency::kLease;
  if (work_.consistency == Consistency::kEventual) options.consistency = kv::Consistency::kEventual;
  station.store.async_get(std::move(key), options,
                          [this, &station, operation](kv::Result<kv::ReadResult> result) {
                            ended(station, operation, result);
                          });
}

template <class T>
void StoreDriver::ended(Station& station, const Operation& operation, const kv::Result<T>& result) {
  const auto now = Clock::now();
  {
    std::lock_guard lock(station.mutex);
    --station.in_flight;
    bool absent = false;
    if constexpr (std::is_same_v<T, kv::ReadResult>) {
      absent = result.has_value() && !result->item;
    }
    if (result.has_error()) {
      station.lane->failed(kv::name(result.error().code), now);
    } else if (absent) {
      station.lane->absent(operation, now);
    } else {
      station.lane->succeeded(operation, now);
    }
  }
  pump(station);
}

}  // namespace cairn::tools::bench
