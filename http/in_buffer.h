// Bytes read and not yet consumed, in one piece. Small while idle, so that ten thousand idle
// connections cost little.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace cairn::http {

class InBuffer {
 public:
  /// `max`: the most that may stand unconsumed.
  explicit InBuffer(std::size_t max) : max_(std::max(max, kSmall)) {}

  [[nodiscard]] std::string_view unread() const { return {data_.get() + begin_, end_ - begin_}; }
  /// Moves nothing: a read may be under way into prepare()'s space.
  void consume(std::size_t n) { begin_ += n; }

  struct Space {
    char* data;
    std::size_t size;
  };
  /// Where to read to, never empty unless `max` bytes are unconsumed. `large`: a body is coming.
  [[nodiscard]] Space prepare(bool large) {
    if (begin_ == end_) {
      begin_ = end_ = 0;
      resize(large ? kLarge : kSmall);
    }
    if (end_ == capacity_ && begin_ > 0) {
      std::memmove(data_.get(), data_.get() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    if (end_ == capacity_ && capacity_ < max_) resize(std::min(capacity_ * 2, max_));
    return {data_.get() + end_, capacity_ - end_};
  }
  void commit(std::size_t n) { end_ += n; }

 private:
  static constexpr std::size_t kSmall = 4096;
  static constexpr std::size_t kLarge = 65'536;

  void resize(std::size_t capacity) {
    if (capacity == capacity_) return;
    std::unique_ptr<char[]> data(new char[capacity]);
    std::memcpy(data.get(), data_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    data_ = std::move(data);
    capacity_ = capacity;
  }

  std::size_t max_;
  std::unique_ptr<char[]> data_ = std::unique_ptr<char[]>(new char[kSmall]);
  std::size_t capacity_ = kSmall, begin_ = 0, end_ = 0;
};

}  // namespace cairn::http
