// An executor that is one thread.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "wal/executor.h"

namespace cairn::wal {

/// Owns one thread, started by the constructor, that runs tasks in the order posted. Its queue is
/// not bounded: those who post bound what they have under way.
///
/// What a task throws goes to `on_broken` (on that thread; it must not throw), and the next task
/// runs: the owner decides what a broken invariant ends.
class ThreadExecutor final : public Executor {
 public:
  enum class Queued { kFinish, kDrop };
  using OnBroken = std::function<void(std::exception_ptr)>;

  /// `name` is the thread's, cut to the 15 bytes that the system shows.
  explicit ThreadExecutor(std::string name, OnBroken on_broken = nullptr);
  ThreadExecutor(const ThreadExecutor&) = delete;
  ThreadExecutor& operator=(const ThreadExecutor&) = delete;
  /// stop(Queued::kDrop)
  ~ThreadExecutor() override;

  /// After stop() has begun the task is dropped (destroyed here, on the caller's thread).
  void post(Task task) override;

  /// Ends the thread and waits for it; the task that runs is always finished. kFinish runs first
  /// what was queued before this call, kDrop destroys it on the executor's thread. Again: no
  /// effect. Called from a task of this executor it cannot wait: the thread ends after that task.
  void stop(Queued queued = Queued::kFinish);

  bool on_this_thread() const noexcept;

  /// What the thread has spent so far: processor time, and time in tasks, waits for a disk
  /// included. Any thread.
  struct Usage {
    std::chrono::nanoseconds cpu{0};
    std::chrono::nanoseconds busy{0};
  };
  Usage usage() const noexcept;

 private:
  struct State;  // shared with the thread: it may outlive this object when stopped from a task

  static void run(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace cairn::wal
