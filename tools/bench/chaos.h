// Carries out --chaos on the nodes of --cluster while a phase runs.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "tools/bench/chaos_plan.h"
#include "tools/bench/cluster.h"
#include "tools/bench/marks.h"

namespace cairn::tools::bench {

class Chaos {
 public:
  /// Begins now. All three outlive it.
  Chaos(Cluster& cluster, const std::vector<ChaosStep>& steps, Marks& marks);
  /// Whatever is still to come is left out; whoever was harmed is made well.
  ~Chaos();
  Chaos(const Chaos&) = delete;
  Chaos& operator=(const Chaos&) = delete;

 private:
  void run();
  void harm(const ChaosStep& step);
  void make_well(const ChaosStep& step, std::size_t node);
  /// False: it is over.
  bool sleep_until(Clock::time_point at);

  Cluster& cluster_;
  const std::vector<ChaosStep>& steps_;
  Marks& marks_;
  const Clock::time_point start_ = Clock::now();
  std::mutex mutex_;  // guards over_
  std::condition_variable over_cv_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace cairn::tools::bench
