// What happened when: a slot for each second of a phase, and the longest time without a write.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "tools/lib/histogram.h"

namespace cairn::tools::bench {

/// Slots of a second; of two, four … once there are more than kSlotsMax, so that memory is bounded.
class Series {
 public:
  struct Slot {
    std::uint64_t operations = 0;  // that ended in it, well or ill
    std::uint64_t errors = 0;
    std::uint64_t writes = 0;  // acknowledged
    CoarseHistogram latency{};
  };
  static constexpr std::size_t kSlotsMax = 3600;

  void succeeded(std::chrono::nanoseconds since_start, std::uint64_t latency, bool write);
  void failed(std::chrono::nanoseconds since_start);
  void merge(const Series& other);

  [[nodiscard]] const std::vector<Slot>& slots() const { return slots_; }
  [[nodiscard]] std::chrono::seconds width() const { return width_; }

 private:
  Slot& slot_of(std::chrono::nanoseconds since_start);
  void widen();

  std::vector<Slot> slots_;
  std::chrono::seconds width_{1};
};

/// A bit for each millisecond of a phase in which a write was acknowledged.
class WriteTimes {
 public:
  struct Gap {
    std::chrono::milliseconds from{0};
    std::chrono::milliseconds length{0};
  };
  void acknowledged(std::chrono::nanoseconds since_start);
  void merge(const WriteTimes& other);
  /// The longest time without a write between the begin of the phase and `end`.
  [[nodiscard]] Gap longest_gap(std::chrono::milliseconds end) const;

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace cairn::tools::bench
