// The executor and clock seams of one life of a node, as events of virtual time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <new>
#include <utility>

#include "kv/sim/event_queue.h"
#include "kv/sim/random.h"
#include "net/clock.h"
#include "wal/executor.h"

namespace cairn::kv::sim {

/// What one task costs: usually within [min, max], now and then up to `stall`.
struct Cost {
  Time min{1};
  Time max{10};
  std::uint64_t stall_per_mille = 0;
  Time stall{0};

  [[nodiscard]] Time draw(raft::Random& random) const {
    const Time top = stall_per_mille > 0 && chance(random, stall_per_mille) ? stall : max;
    const auto low = static_cast<std::uint64_t>(min.count());
    return Time(static_cast<std::int64_t>(
        random.between(low, static_cast<std::uint64_t>(std::max(min, top).count()))));
  }
};

/// What one life's tasks find, until it runs out: at the k-th task that begins, or at the k-th that
/// a task hands over, in the middle of what it does.
struct Memory {
  std::uint64_t tasks_left = 0, posts_left = 0;  // 0: for all
  bool in_task = false;
  bool ran_out = false;

  [[nodiscard]] bool for_task() {
    if (tasks_left == 0 || --tasks_left > 0) return true;
    ran_out = true;
    return false;
  }
  void take_for_post() {
    if (!in_task || posts_left == 0 || --posts_left > 0) return;
    ran_out = true;
    throw std::bad_alloc();
  }
};

/// One task after another, each at least a microsecond after the one before: so the order of
/// posting holds whatever the ties say.
class SimExecutor final : public wal::Executor {
 public:
  SimExecutor(EventQueue& queue, LifeId life, const char* kind, Cost cost, raft::Random random,
              Memory* memory = nullptr)
      : queue_(queue), life_(life), kind_(kind), cost_(cost), random_(random), memory_(memory) {}

  void post(wal::Task task) override {
    if (ended_) return;
    if (memory_ != nullptr) memory_->take_for_post();
    const Time cost = std::max(Time(1), cost_.draw(random_)) * slowness_;
    busy_until_ = std::max(busy_until_, queue_.now()) + cost;
    queue_.at(busy_until_, life_, kind_, std::move(task));
  }

  /// What is posted from now on waits until then.
  void stall_until(Time when) { busy_until_ = std::max(busy_until_, when); }
  /// Every task costs so many times as much.
  void slow_down(std::int64_t factor) { slowness_ = std::max<std::int64_t>(1, factor); }
  [[nodiscard]] const char* kind() const { return kind_; }
  /// The life is over: posts are dropped.
  void end() { ended_ = true; }

 private:
  EventQueue& queue_;
  LifeId life_;
  const char* kind_;
  Cost cost_;
  raft::Random random_;
  Memory* memory_;
  Time busy_until_{0};
  std::int64_t slowness_ = 1;
  bool ended_ = false;
};

/// The clocks of one machine; they outlive its nodes' lives.
struct MachineClocks {
  Time base{0};          // what the monotonic clock showed ...
  Time since{0};         // ... at this moment of the world
  std::int64_t ppm = 0;  // how much too fast it runs
  std::int64_t wall_offset_ms = 0;

  [[nodiscard]] Time monotonic(Time now) const {
    const std::int64_t passed = (now - since).count();
    return base + Time(passed + passed / 1'000'000 * ppm + passed % 1'000'000 * ppm / 1'000'000);
  }
  /// From now on it runs at another rate, and is `ahead` of where it was.
  void change(Time now, std::int64_t to_ppm, Time ahead = Time(0)) {
    base = monotonic(now) + ahead;
    since = now;
    ppm = to_ppm;
  }
};

class SimClock final : public net::Clock {
 public:
  /// Milliseconds since 1970 at which every world begins.
  static constexpr std::uint64_t kWallStartMs = 1'750'000'000'000;

  SimClock(EventQueue& queue, SimExecutor& home, LifeId life, const MachineClocks& machine)
      : queue_(queue), home_(home), life_(life), machine_(machine) {}

  std::chrono::microseconds monotonic() const override { return machine_.monotonic(queue_.now()); }
  std::uint64_t wall_ms() const override {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(queue_.now()).count();
    return kWallStartMs + static_cast<std::uint64_t>(ms + machine_.wall_offset_ms);
  }
  void call_after(std::chrono::microseconds delay, wal::Task task) override {
    if (ended_) return;
    const Time real(delay.count() * 1'000'000 / (1'000'000 + machine_.ppm));
    queue_.at(queue_.now() + std::max(Time(1), real), life_, "timer",
              [this, task = std::move(task)]() mutable { home_.post(std::move(task)); });
  }

  void end() { ended_ = true; }

 private:
  EventQueue& queue_;
  SimExecutor& home_;
  LifeId life_;
  const MachineClocks& machine_;
  bool ended_ = false;
};

}  // namespace cairn::kv::sim
