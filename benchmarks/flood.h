// Calls on a store with a fixed number of them under way, and the wait for all.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>

#include "cairn/kv/store.h"

namespace cairn::kv {

/// At most `width` puts at once; each answer frees a place.
class Flood {
 public:
  Flood(Store& store, std::size_t width, std::size_t value_bytes)
      : store_(store), width_(width), value_(value_bytes, 'v') {}

  void put(std::uint64_t n) {
    {
      std::unique_lock lock(mutex_);
      free_.wait(lock, [this] { return under_way_ < width_; });
      ++under_way_;
    }
    store_.async_put(key_of(n), value_, {}, [this](const Result<PutResult>& result) {
      if (result.has_error()) failures_.fetch_add(1, std::memory_order_relaxed);
      const std::lock_guard lock(mutex_);
      --under_way_;
      free_.notify_one();
    });
  }

  void wait() {
    std::unique_lock lock(mutex_);
    free_.wait(lock, [this] { return under_way_ == 0; });
  }

  [[nodiscard]] std::uint64_t failures() const { return failures_; }

  static std::string key_of(std::uint64_t n) {
    // Spread over a hundred thousand keys.
    return "key" + std::to_string(n * 0x9e3779b97f4a7c15u % 100'000);
  }

 private:
  Store& store_;
  const std::size_t width_;
  const std::string value_;
  std::mutex mutex_;
  std::condition_variable free_;
  std::size_t under_way_ = 0;
  std::atomic<std::uint64_t> failures_{0};
};

}  // namespace cairn::kv
