#include "wal/thread_executor.h"

#include <pthread.h>
#include <time.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

namespace cairn::wal {

struct ThreadExecutor::State {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Task> queue;  // guarded by mutex, as are the two below
  bool stopping = false;
  bool dropping = false;
  OnBroken on_broken;  // used on the thread only
  std::atomic<std::thread::id> id{};
  // Of the thread; asking it after the thread's end fails and does no harm.
  std::atomic<clockid_t> cpu_clock{CLOCK_REALTIME};  // CLOCK_REALTIME: not known yet
  std::atomic<std::int64_t> busy{0};                 // nanoseconds
};

ThreadExecutor::ThreadExecutor(std::string name, OnBroken on_broken)
    : state_(std::make_shared<State>()) {
  state_->on_broken = std::move(on_broken);
  constexpr std::size_t kNameBytesMax = 15;
  thread_ = std::thread([state = state_, name = name.substr(0, kNameBytesMax)] {
    state->id = std::this_thread::get_id();
    clockid_t clock = CLOCK_REALTIME;
    if (::pthread_getcpuclockid(::pthread_self(), &clock) == 0) state->cpu_clock = clock;
    pthread_setname_np(pthread_self(), name.c_str());
    run(state);
  });
}

bool ThreadExecutor::on_this_thread() const noexcept {
  return state_->id.load() == std::this_thread::get_id();
}

ThreadExecutor::Usage ThreadExecutor::usage() const noexcept {
  Usage usage;
  usage.busy = std::chrono::nanoseconds(state_->busy.load(std::memory_order_relaxed));
  timespec cpu{};
  const clockid_t clock = state_->cpu_clock;
  if (clock != CLOCK_REALTIME && ::clock_gettime(clock, &cpu) == 0) {
    usage.cpu = std::chrono::seconds(cpu.tv_sec) + std::chrono::nanoseconds(cpu.tv_nsec);
  }
  return usage;
}

ThreadExecutor::~ThreadExecutor() {
  stop(Queued::kDrop);
  if (thread_.joinable()) thread_.detach();  // destroyed by a task of its own
}

void ThreadExecutor::post(Task task) {
  const std::shared_ptr<State> state = state_;  // the task may destroy this object before we return
  {
    const std::lock_guard lock(state->mutex);
    if (state->stopping) return;
    state->queue.push_back(std::move(task));
    if (state->queue.size() > 1) return;  // awake already, or about to be
  }
  state->wake.notify_one();
}

void ThreadExecutor::stop(Queued queued) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    if (queued == Queued::kDrop) state_->dropping = true;
  }
  state_->wake.notify_one();
  if (thread_.joinable() && !on_this_thread()) thread_.join();
}

void ThreadExecutor::run(const std::shared_ptr<State>& state) {
  std::deque<Task> batch;
  for (;;) {
    {
      std::unique_lock lock(state->mutex);
      state->wake.wait(lock, [&] { return state->stopping || !state->queue.empty(); });
      batch.swap(state->queue);
      if (batch.empty()) return;  // stopping, and nothing more can come
    }
    const auto begin = std::chrono::steady_clock::now();
    while (!batch.empty()) {
      const Task task = std::move(batch.front());
      batch.pop_front();
      {
        const std::lock_guard lock(state->mutex);
        if (state->dropping) continue;
      }
      try {
        task();
      } catch (...) {
        if (state->on_broken) state->on_broken(std::current_exception());
      }
    }
    state->busy += std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin).count();
  }
}

}  // namespace cairn::wal
