#include "net/asio_loop.h"

#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace cairn::net {
namespace {

namespace asio = boost::asio;
using std::chrono::microseconds;

microseconds read_clock(clockid_t id) {
  timespec now{};
  ::clock_gettime(id, &now);
  return std::chrono::seconds(now.tv_sec) +
         std::chrono::duration_cast<microseconds>(std::chrono::nanoseconds(now.tv_nsec));
}

/// Tasks from any thread, taken out in batches: one wake-up of the loop serves all that came while
/// it was on its way. The lock covers a push or a swap, and no task ever runs under it.
class Inbox {
 public:
  /// True if the loop has to be woken.
  bool push(wal::Task task) {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    tasks_.push_back(std::move(task));
    return !std::exchange(woken_, true);
  }
  /// True if nothing more can come.
  bool take(std::vector<wal::Task>& out) {
    const std::lock_guard lock(mutex_);
    woken_ = false;
    tasks_.swap(out);
    return closed_;
  }
  /// Nothing more comes in. True if the loop has to be woken for what is still there.
  bool close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    return !std::exchange(woken_, true);
  }

 private:
  std::mutex mutex_;
  std::vector<wal::Task> tasks_;
  bool woken_ = false;
  bool closed_ = false;
};

struct Timer {
  microseconds due;
  std::uint64_t order;  // equal times fire as they were asked for
  wal::Task task;
};

bool later(const Timer& a, const Timer& b) {
  return a.due != b.due ? a.due > b.due : a.order > b.order;
}

}  // namespace

struct AsioLoop::Impl {
  Impl(std::string thread_name, std::function<void(std::exception_ptr)> broken)
      : name(std::move(thread_name)), on_broken(std::move(broken)) {}

  std::string name;
  std::function<void(std::exception_ptr)> on_broken;
  asio::io_context context{1};  // one thread runs it: no lock contention inside
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  asio::steady_timer alarm{context};
  Inbox inbox;
  std::vector<wal::Task> batch;  // loop thread only, as all below
  std::vector<Timer> timers;     // heap, the earliest in front
  std::uint64_t timers_made = 0;
  microseconds alarm_at = microseconds::max();
  std::atomic<std::thread::id> thread_id{};
  std::thread thread;

  void run() {
    thread_id = std::this_thread::get_id();
    for (;;) {
      try {
        context.run();
        return;
      } catch (...) {  // from a socket's handler
        on_broken(std::current_exception());
      }
    }
  }

  void guarded(wal::Task task) {  // by value: what it holds is released before the next one runs
    try {
      task();
    } catch (...) {
      on_broken(std::current_exception());
    }
  }

  void wake() {
    asio::post(context, [this] { drain(); });
  }

  void drain() {
    batch.clear();
    const bool last = inbox.take(batch);
    for (wal::Task& task : batch) guarded(std::exchange(task, nullptr));
    if (last) {
      work.reset();
      context.stop();
    }
  }

  void set_alarm(microseconds now) {
    if (timers.empty() || timers.front().due >= alarm_at) return;
    alarm_at = timers.front().due;
    alarm.expires_after(std::max(microseconds{0}, alarm_at - now));
    alarm.async_wait([this](const boost::system::error_code& error) {
      if (error) return;  // set anew, for an earlier time
      alarm_at = microseconds::max();
      fire();
    });
  }

  void fire() {
    const microseconds now = read_clock(CLOCK_BOOTTIME);  // once: a task that asks for 0 waits
    while (!timers.empty() && timers.front().due <= now) {
      std::pop_heap(timers.begin(), timers.end(), later);
      wal::Task task = std::move(timers.back().task);
      timers.pop_back();
      guarded(std::move(task));
    }
    set_alarm(now);
  }
};

AsioLoop::AsioLoop(std::string name, std::function<void(std::exception_ptr)> on_broken)
    : impl_(std::make_unique<Impl>(std::move(name), std::move(on_broken))) {}

AsioLoop::~AsioLoop() {
  stop();
}

void AsioLoop::start() {
  if (impl_->thread.joinable()) throw std::logic_error("the loop was started before");
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
  ::pthread_setname_np(impl_->thread.native_handle(), impl_->name.c_str());
}

void AsioLoop::stop() {
  Impl& m = *impl_;
  if (on_loop_thread()) throw std::logic_error("a loop can't join itself");
  const bool asleep = m.inbox.close();
  if (!m.thread.joinable()) return;
  if (asleep) m.wake();
  m.thread.join();
  m.thread_id = std::thread::id{};
  m.timers.clear();  // here, while the context that their sockets may need still lives
}

boost::asio::io_context& AsioLoop::context() {
  return impl_->context;
}

bool AsioLoop::on_loop_thread() const {
  return impl_->thread_id == std::this_thread::get_id();
}

void AsioLoop::post(wal::Task task) {
  if (impl_->inbox.push(std::move(task))) impl_->wake();
}

microseconds AsioLoop::monotonic() const {
  return read_clock(CLOCK_BOOTTIME);
}

std::uint64_t AsioLoop::wall_ms() const {
  return static_cast<std::uint64_t>(read_clock(CLOCK_REALTIME).count() / 1000);
}

void AsioLoop::call_after(microseconds delay, wal::Task task) {
  Impl& m = *impl_;
  const microseconds now = monotonic();
  m.timers.push_back({now + std::max(microseconds{0}, delay), m.timers_made++, std::move(task)});
  std::push_heap(m.timers.begin(), m.timers.end(), later);
  m.set_alarm(now);
}

}  // namespace cairn::net
