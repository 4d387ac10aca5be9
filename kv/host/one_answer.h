// One answer for each call, whatever happens to it on the way: a dropped task, a stopped loop, an
// exception. The promise is kept by a destructor.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "cairn/kv/store.h"
#include "kv/host/host.h"

namespace cairn::kv {

/// Owns a caller's callback and sees that it runs once. Handed on by shared_ptr, since tasks are
/// copyable; whoever drops the last copy without an answer gives one.
template <class T>
class OneAnswer {
 public:
  /// `embedder`: whose callback it is, if it is not our own (see Host::call_out).
  OneAnswer(Callback<T> done, Committed if_dropped, Host* embedder = nullptr)
      : done_(std::move(done)), embedder_(embedder), dropped_(if_dropped) {}
  OneAnswer(const OneAnswer&) = delete;
  OneAnswer& operator=(const OneAnswer&) = delete;
  ~OneAnswer() {
    if (!done_) return;
    const bool unknown = begun_ && dropped_ == Committed::kUnknown;
    give(Error(unknown ? Errc::kOutcomeUnknown : Errc::kShuttingDown, "the store has stopped",
               unknown ? Committed::kUnknown : Committed::kNo));
  }

  /// The node has been asked: from now on a write that gets lost may have taken effect.
  void begin() { begun_ = true; }
  /// Again: nothing.
  void give(Result<T> result) {
    auto done = std::exchange(done_, nullptr);
    if (!done) return;
    if (embedder_ == nullptr) {
      done(std::move(result));
    } else {
      embedder_->call_out([&] {
        done(std::move(result));
        done = nullptr;  // what it holds is the program's, too
      });
    }
  }

 private:
  Callback<T> done_;
  Host* const embedder_;
  Committed dropped_;
  bool begun_ = false;
};

/// Where a plain call waits. Lives on the caller's stack.
template <class T>
class Latch {
 public:
  void set(T value) {
    // Told under the lock: the waiter may be gone the moment it is released.
    const std::lock_guard lock(mutex_);
    value_.emplace(std::move(value));
    set_.notify_one();
  }
  [[nodiscard]] T wait() {
    std::unique_lock lock(mutex_);
    set_.wait(lock, [this] { return value_.has_value(); });
    return std::move(*value_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable set_;
  std::optional<T> value_;
};

}  // namespace cairn::kv
