// The requests of one connection that are under way, in order. Answers may come in any order; they
// leave in the order of the requests.
#pragma once

#include <boost/circular_buffer.hpp>
#include <cstddef>
#include <cstdint>

#include "http/door.h"
#include "http/handlers.h"

namespace cairn::http {

struct Exchange {
  Method method = Method::kOther;
  Endpoint endpoint = Endpoint::kNone;
  AccessOf access;
  bool is_request = true;  // false: an answer to what never was one
  bool done = false;
  Clock::time_point began;
  Response response;
};

class Exchanges {
 public:
  explicit Exchanges(std::size_t max) : ring_(max) {}

  [[nodiscard]] bool empty() const { return ring_.empty(); }
  [[nodiscard]] std::size_t size() const { return ring_.size(); }
  [[nodiscard]] bool full() const { return ring_.full(); }
  /// Bytes of answers that wait for an earlier one.
  [[nodiscard]] std::size_t waiting_bytes() const { return waiting_bytes_; }

  /// May a call begin beside those not yet answered?
  [[nodiscard]] bool admits(const AccessOf& later) const {
    for (const Exchange& e : ring_) {
      if (!e.done && conflict(e.access, later)) return false;
    }
    return true;
  }

  /// The id to answer with.
  std::uint64_t push(Exchange&& exchange) {
    waiting_bytes_ += exchange.response.body.size();
    ring_.push_back(std::move(exchange));
    return first_ + ring_.size() - 1;
  }

  /// Null if `id` is unknown or was answered.
  [[nodiscard]] Exchange* answer(std::uint64_t id, Response&& response) {
    if (id < first_ || id - first_ >= ring_.size()) return nullptr;
    Exchange& e = ring_[static_cast<std::size_t>(id - first_)];
    if (e.done) return nullptr;
    e.done = true;
    e.response = std::move(response);
    waiting_bytes_ += e.response.body.size();
    return &e;
  }

  /// The next to be sent, if it is answered.
  [[nodiscard]] const Exchange* front_done() const {
    return !ring_.empty() && ring_.front().done ? &ring_.front() : nullptr;
  }
  void pop() {
    waiting_bytes_ -= ring_.front().response.body.size();
    ring_.pop_front();
    ++first_;
  }

 private:
  boost::circular_buffer_space_optimized<Exchange> ring_;
  std::uint64_t first_ = 0;
  std::size_t waiting_bytes_ = 0;
};

}  // namespace cairn::http
