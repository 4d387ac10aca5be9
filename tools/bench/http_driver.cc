#include "tools/bench/http_driver.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace cairn::tools::bench {

void report_progress(const std::vector<std::unique_ptr<Lane>>& lanes, Clock::time_point start,
                     const Progress& progress) {
  std::uint64_t ended = 0;
  std::uint64_t failures = 0;
  for (const auto& lane : lanes) {
    ended += lane->done();
    failures += lane->failures();
  }
  progress(start, ended, failures);
}

HttpDriver::HttpDriver(const Work& work, std::unique_ptr<Protocol> protocol,
                       std::vector<Endpoint> endpoints, const Concurrency& concurrency,
                       Clock::duration timeout, Audit* audit)
    : work_(work), audit_(audit), protocol_(std::move(protocol)) {
  const std::size_t threads = std::min(concurrency.threads, concurrency.clients);
  std::size_t first = 0;
  for (std::size_t i = 0; i < threads; ++i) {
    const std::size_t share =
        concurrency.clients / threads + (i < concurrency.clients % threads ? 1 : 0);
    loops_.push_back(std::make_unique<HttpLoop>(*protocol_, endpoints, first, share,
                                                concurrency.pipeline, timeout));
    first += share;
  }
}

std::string HttpDriver::open() {
  for (auto& loop : loops_) {
    if (auto error = loop->open(); !error.empty()) return error;
  }
  return "";
}

RunResult HttpDriver::run(const Phase& phase, const Progress& progress) {
  const auto start = Clock::now();
  std::vector<std::unique_ptr<Lane>> lanes;
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    lanes.push_back(std::make_unique<Lane>(work_, phase, i, loops_.size(), start, audit_));
  }
  std::mutex mutex;  // guards running and lost
  std::condition_variable ended;
  std::size_t running = loops_.size();
  RunResult result;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    threads.emplace_back([&, i] {
      std::string lost = loops_[i]->run(*lanes[i]);
      std::lock_guard lock(mutex);
      if (!lost.empty()) result.lost = std::move(lost);
      if (--running == 0) ended.notify_one();
    });
  }
  {
    std::unique_lock lock(mutex);
    while (!ended.wait_for(lock, std::chrono::seconds(1), [&] { return running == 0; })) {
      report_progress(lanes, start, progress);
    }
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& lane : lanes) result.tally.merge(lane->tally());
  return result;
}

}  // namespace cairn::tools::bench
