// The requests of one connection that are under way, in order. Answers may come in any order; they
// leave in the order of the requests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

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
  explicit Exchanges(std::size_t max) : max_(max) {}

  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool full() const { return size_ >= max_; }
  /// Bytes of answers that wait for an earlier one.
  [[nodiscard]] std::size_t waiting_bytes() const { return waiting_bytes_; }

  /// May a call begin beside those not yet answered?
  [[nodiscard]] bool admits(const AccessOf& later) const {
    for (std::size_t i = 0; i < size_; ++i) {
      const Exchange& e = at(i);
      if (!e.done && conflict(e.access, later)) return false;
    }
    return true;
  }

  /// The id to answer with. Not while full.
  std::uint64_t push(Exchange&& exchange) {
    waiting_bytes_ += exchange.response.body.size();
    if (size_ == slots_.size()) grow();
    at(size_++) = std::move(exchange);
    return first_ + size_ - 1;
  }

  /// Null if `id` is unknown or was answered.
  [[nodiscard]] Exchange* answer(std::uint64_t id, Response&& response) {
    if (id < first_ || id - first_ >= size_) return nullptr;
    Exchange& e = at(static_cast<std::size_t>(id - first_));
    if (e.done) return nullptr;
    e.done = true;
    e.response = std::move(response);
    waiting_bytes_ += e.response.body.size();
    return &e;
  }

  /// The next to be sent, if it is answered.
  [[nodiscard]] const Exchange* front_done() const {
    return size_ > 0 && at(0).done ? &at(0) : nullptr;
  }
  void pop() {
    waiting_bytes_ -= at(0).response.body.size();
    at(0) = Exchange();  // what it holds goes now
    begin_ = (begin_ + 1) & (slots_.size() - 1);
    --size_;
    ++first_;
  }

 private:
  Exchange& at(std::size_t i) { return slots_[(begin_ + i) & (slots_.size() - 1)]; }
  const Exchange& at(std::size_t i) const { return slots_[(begin_ + i) & (slots_.size() - 1)]; }
  void grow() {
    std::vector<Exchange> wider(slots_.empty() ? 1 : slots_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i) wider[i] = std::move(at(i));
    slots_.swap(wider);
    begin_ = 0;
  }

  const std::size_t max_;
  std::vector<Exchange> slots_;  // a ring, a power of two; as many as were ever under way together
  std::size_t begin_ = 0;
  std::size_t size_ = 0;
  std::uint64_t first_ = 0;
  std::size_t waiting_bytes_ = 0;
};

}  // namespace cairn::http
