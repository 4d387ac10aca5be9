// Tests stand on their own thread: what belongs to a loop is done there, and waited for.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "net/asio_loop.h"

namespace cairn::net::test {

/// Long enough for a loaded machine under a sanitizer; a passing test never waits for it.
inline constexpr std::chrono::seconds kPatience{30};

template <class Work>
auto on_loop(AsioLoop& loop, Work work) {
  std::packaged_task<decltype(work())()> task(std::move(work));
  auto done = task.get_future();
  loop.post([&task] { task(); });
  return done.get();
}

/// Lines told by a loop, awaited by the test.
class Told {
 public:
  void add(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
    more_.notify_all();
  }
  /// False if it does not happen in time.
  [[nodiscard]] bool wait(const std::string& line, std::size_t times = 1) {
    return wait_until([&] { return count_locked(line) >= times; });
  }
  [[nodiscard]] bool wait_for_lines(std::size_t n) {
    return wait_until([&] { return lines_.size() >= n; });
  }
  [[nodiscard]] std::size_t count(const std::string& line) {
    const std::lock_guard lock(mutex_);
    return count_locked(line);
  }
  [[nodiscard]] std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  bool wait_until(const std::function<bool()>& done) {
    std::unique_lock lock(mutex_);
    return more_.wait_for(lock, kPatience, done);
  }
  std::size_t count_locked(const std::string& line) const {
    std::size_t n = 0;
    for (const std::string& each : lines_) n += each == line ? 1 : 0;
    return n;
  }

  std::mutex mutex_;
  std::condition_variable more_;
  std::vector<std::string> lines_;
};

/// A loop's on_broken that writes down what the exception said.
inline std::function<void(std::exception_ptr)> broken_to(Told& told) {
  return [&told](std::exception_ptr broken) {
    try {
      std::rethrow_exception(broken);
    } catch (const std::exception& e) {
      told.add(std::string("broken: ") + e.what());
    }
  };
}

}  // namespace cairn::net::test
