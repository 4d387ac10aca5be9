// Load on what is called and answers by callback.
#pragma once

#include <condition_variable>
#include <mutex>

#include "tools/bench/driver.h"

namespace cairn::tools::bench {

class CallDriver final : public Driver {
 public:
  CallDriver(const Work& work, std::unique_ptr<CallTarget> target, const Concurrency& concurrency,
             Audit* audit);
  ~CallDriver() override;

  std::string open() override { return target_->open(); }
  RunResult run(const Phase& phase, const Progress& progress) override;

 private:
  // The operations of one door. Its answers come on the target's threads, its first operations and
  // those that are due in an open loop on the thread of run().
  struct Station;

  void pump(const std::shared_ptr<Station>& station);
  void issue(const std::shared_ptr<Station>& station, const Operation& operation);
  void ended(const std::shared_ptr<Station>& station, const Operation& operation,
             const Outcome& outcome);

  const Work& work_;
  const std::unique_ptr<CallTarget> target_;
  const std::size_t slots_;  // operations under way at once, over all doors
  Audit* const audit_;

  std::mutex mutex_;  // guards busy_
  std::condition_variable all_ended_;
  std::size_t busy_ = 0;  // stations that still work
};

}  // namespace cairn::tools::bench
