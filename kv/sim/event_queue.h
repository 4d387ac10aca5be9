// What happens in a world, in the order of virtual time.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "kv/sim/random.h"
#include "wal/executor.h"

namespace cairn::kv::sim {

/// Since the world began.
using Time = std::chrono::microseconds;

using NodeId = std::uint64_t;

/// Whose event it is: one life of a node, from a start to a stop or crash. 0: the world's own.
using LifeId = std::uint64_t;

struct Event {
  Time at{0};
  std::uint64_t tie = 0;       // seeded: decides between events of one moment
  std::uint64_t sequence = 0;  // and this between equal ties
  LifeId life = 0;
  const char* kind = "";  // a literal, for the trace
  wal::Task run;
};

class EventQueue {
 public:
  explicit EventQueue(raft::Random ties) : ties_(ties) {}

  [[nodiscard]] Time now() const { return now_; }
  /// Not earlier than now.
  void at(Time when, LifeId life, const char* kind, wal::Task run);
  [[nodiscard]] bool empty() const { return heap_.empty(); }
  [[nodiscard]] std::size_t size() const { return heap_.size(); }
  [[nodiscard]] Time next() const { return heap_.front().at; }
  /// The earliest event; time moves on to it.
  [[nodiscard]] Event pop();
  /// Time moves on with nothing happening; not past the next event.
  void advance(Time to);
  /// Forgets the events of a life that has ended. What the tasks own dies inside this call.
  void drop(LifeId life);

 private:
  std::vector<Event> heap_;
  Time now_{0};
  std::uint64_t sequence_ = 0;
  raft::Random ties_;
};

}  // namespace cairn::kv::sim
