// The executor and clock seams of one life of a node, as events of virtual time.
#pragma once

#include <algorithm>
#include <cstdint>
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

/// One task after another, each at least a microsecond after the one before: so the order of
/// posting holds whatever the ties say.
class SimExecutor final : public wal::Executor {
 public:
  SimExecutor(EventQueue& queue, LifeId life, const char* kind, Cost cost, raft::Random random)
      : queue_(queue), life_(life), kind_(kind), cost_(cost), random_(random) {}

  void post(wal::Task task) override {
    if (ended_) return;
    busy_until_ = std::max(busy_until_, queue_.now()) + std::max(Time(1), cost_.draw(random_));
    queue_.at(busy_until_, life_, kind_, std::move(task));
  }

  /// What is posted from now on waits until then.
  void stall_until(Time when) { busy_until_ = std::max(busy_until_, when); }
  /// The life is over: posts are dropped.
  void end() { ended_ = true; }

 private:
  EventQueue& queue_;
  LifeId life_;
  const char* kind_;
  Cost cost_;
  raft::Random random_;
  Time busy_until_{0};
  bool ended_ = false;
};

class SimClock final : public net::Clock {
 public:
  /// Milliseconds since 1970 at which every world begins.
  static constexpr std::uint64_t kWallStartMs = 1'750'000'000'000;

  /// `boot` is what the monotonic clock says as the world begins.
  SimClock(EventQueue& queue, SimExecutor& home, LifeId life, Time boot,
           std::int64_t wall_offset_ms)
      : queue_(queue), home_(home), life_(life), boot_(boot), wall_offset_ms_(wall_offset_ms) {}

  std::chrono::microseconds monotonic() const override { return boot_ + queue_.now(); }
  std::uint64_t wall_ms() const override {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(queue_.now()).count();
    return kWallStartMs + static_cast<std::uint64_t>(ms + wall_offset_ms_);
  }
  void call_after(std::chrono::microseconds delay, wal::Task task) override {
    if (ended_) return;
    queue_.at(queue_.now() + std::max(Time(1), delay), life_, "timer",
              [this, task = std::move(task)]() mutable { home_.post(std::move(task)); });
  }

  void set_wall_offset(std::int64_t ms) { wall_offset_ms_ = ms; }
  void end() { ended_ = true; }

 private:
  EventQueue& queue_;
  SimExecutor& home_;
  LifeId life_;
  Time boot_;
  std::int64_t wall_offset_ms_;
  bool ended_ = false;
};

}  // namespace cairn::kv::sim
