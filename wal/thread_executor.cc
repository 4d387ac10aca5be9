#include "wal/thread_executor.h"

#include <pthread.h>

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
};

ThreadExecutor::ThreadExecutor(std::string name, OnBroken on_broken)
    : state_(std::make_shared<State>()) {
  state_->on_broken = std::move(on_broken);
  constexpr std::size_t kNameBytesMax = 15;
  thread_ = std::thread([state = state_, name = name.substr(0, kNameBytesMax)] {
    state->id = std::this_thread::get_id();
    pthread_setname_np(pthread_self(), name.c_str());
    run(state);
  });
}

bool ThreadExecutor::on_this_thread() const noexcept {
  return state_->id.load() == std::this_thread::get_id();
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
  }
}

}  // namespace cairn::wal
