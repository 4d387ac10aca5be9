// The door's own numbers. Plain counters: everything here happens on the loop thread.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cairn/kv/store.h"
#include "http/router.h"

namespace cairn::http {

class HttpMetrics {
 public:
  /// Why something was turned away before it was a request.
  enum class Refused : std::uint8_t { kRequest, kConnection, kMemory };

  void answered(Method method, Endpoint endpoint, int status, std::chrono::nanoseconds duration);
  /// An answer to what was never a whole request.
  void answered_unread(int status);
  void refused(Refused why) { ++refused_[static_cast<std::size_t>(why)]; }
  void connection_timed_out() { ++timeouts_; }

  [[nodiscard]] std::vector<kv::Sample> samples(std::size_t connections,
                                                std::size_t buffered_bytes) const;

  static constexpr std::size_t kBuckets = 13;

 private:
  static constexpr std::size_t kMethods = 6;
  static constexpr std::size_t kStatuses = 21;
  struct Series {
    std::array<std::uint64_t, kStatuses> by_status{};
    std::array<std::uint64_t, kBuckets> buckets{};  // each its own count; the page adds them up
    std::uint64_t count = 0;
    std::uint64_t nanoseconds = 0;
  };
  static std::size_t status_slot(int status);
  void append_series(std::vector<kv::Sample>& out) const;

  std::array<std::array<Series, kEndpoints>, kMethods> series_{};
  std::array<std::uint64_t, 3> refused_{};
  std::uint64_t timeouts_ = 0;
};

}  // namespace cairn::http
