// An executor that runs only when told to: tests decide the interleaving.
#pragma once

#include <cstddef>
#include <deque>
#include <utility>

#include "wal/executor.h"

namespace cairn::wal {

/// For one thread. Exceptions of a task come out of run_one(), the task being gone.
class ManualExecutor final : public Executor {
 public:
  void post(Task task) override { queue_.push_back(std::move(task)); }

  /// Runs the oldest task; false when there is none.
  bool run_one() {
    if (queue_.empty()) return false;
    Task task = std::move(queue_.front());
    queue_.pop_front();
    task();
    return true;
  }

  /// Runs until the queue is empty, tasks posted meanwhile included; how many ran.
  std::size_t run_all() {
    std::size_t ran = 0;
    while (run_one()) ++ran;
    return ran;
  }

  std::size_t pending() const { return queue_.size(); }

  /// Forgets what is queued, as a killed process does.
  void drop_all() {
    std::deque<Task> dropped = std::move(queue_);
    queue_.clear();  // what a task's destructor posts meanwhile is kept
  }

 private:
  std::deque<Task> queue_;
};

/// Runs two executors until both are idle.
inline std::size_t run_until_idle(ManualExecutor& a, ManualExecutor& b) {
  std::size_t ran = 0;
  for (;;) {
    const std::size_t now = a.run_all() + b.run_all();
    if (now == 0) return ran;
    ran += now;
  }
}

}  // namespace cairn::wal
