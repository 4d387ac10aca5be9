// Executor and clock in virtual time, one thread: what runs next is decided by (time, order).
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "net/clock.h"

namespace cairn::net::test {

class ManualLoop final : public wal::Executor, public Clock {
 public:
  void post(wal::Task task) override { call_after(std::chrono::microseconds{0}, std::move(task)); }
  [[nodiscard]] std::chrono::microseconds monotonic() const override { return now_; }
  [[nodiscard]] std::uint64_t wall_ms() const override {
    return 1'700'000'000'000 + static_cast<std::uint64_t>(now_.count() / 1000);
  }
  void call_after(std::chrono::microseconds delay, wal::Task task) override {
    events_.push_back({now_ + delay, made_++, std::move(task)});
    std::push_heap(events_.begin(), events_.end(), later);
  }

  bool run_one(std::chrono::microseconds until = std::chrono::microseconds::max()) {
    if (events_.empty() || events_.front().at > until) return false;
    std::pop_heap(events_.begin(), events_.end(), later);
    Event event = std::move(events_.back());
    events_.pop_back();
    now_ = event.at;
    event.task();
    return true;
  }
  /// Everything that happens within `span`; the clock ends there.
  void run_for(std::chrono::microseconds span) {
    const auto until = now_ + span;
    while (run_one(until)) {
    }
    now_ = until;
  }
  /// False if `done` has not come true within `span`.
  template <class Done>
  bool run_until(Done&& done, std::chrono::microseconds span) {
    const auto until = now_ + span;
    while (!done()) {
      if (!run_one(until)) return false;
    }
    return true;
  }

 private:
  struct Event {
    std::chrono::microseconds at;
    std::uint64_t order;
    wal::Task task;
  };
  static bool later(const Event& a, const Event& b) {
    return a.at != b.at ? a.at > b.at : a.order > b.order;
  }

  std::chrono::microseconds now_{0};
  std::uint64_t made_ = 0;
  std::vector<Event> events_;
};

}  // namespace cairn::net::test
