// Load on stores in this process: one opened alone, or the members of a TestCluster.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>

#include "cairn/kv/store.h"
#include "cairn/kv/test_cluster.h"
#include "tools/bench/driver.h"

namespace cairn::tools::bench {

class StoreDriver final : public Driver {
 public:
  /// One store in `directory`, or, where that is empty, a cluster of so many members.
  StoreDriver(const Work& work, std::string directory, std::size_t members,
              const Concurrency& concurrency);
  ~StoreDriver() override;

  std::string open() override;
  RunResult run(const Phase& phase, const Progress& progress) override;

 private:
  // The operations of one store. Its answers come on the store's loop, its first operations and
  // those that are due in an open loop on the thread of run().
  struct Station;

  void pump(Station& station);
  void issue(Station& station, const Operation& operation);
  template <class T>
  void ended(Station& station, const Operation& operation, const kv::Result<T>& result);

  const Work& work_;
  const std::string directory_;
  const std::size_t members_;
  const std::size_t slots_;  // operations under way at once, over all stores
  const ValuePool values_;
  std::optional<kv::Store> alone_;
  std::optional<kv::TestCluster> cluster_;
  std::vector<kv::Store*> stores_;

  std::mutex mutex_;  // guards busy_
  std::condition_variable all_ended_;
  std::size_t busy_ = 0;  // stations that still work
};

}  // namespace cairn::tools::bench
