// Many kept-alive connections under load on one thread, by epoll.
#pragma once

#include <string>
#include <vector>

#include "tools/bench/answers.h"
#include "tools/bench/lane.h"
#include "tools/bench/protocol.h"
#include "tools/lib/http_message.h"

namespace cairn::tools::bench {

/// The operations of a connection that wait for their answers, oldest first: as many as fit.
class InFlight {
 public:
  explicit InFlight(std::size_t capacity) : ring_(capacity) {}
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] const Operation& front() const { return ring_[first_]; }
  void push(const Operation& operation) { ring_[(first_ + size_++) % ring_.size()] = operation; }
  Operation pop() {
    const Operation& operation = ring_[first_];
    first_ = (first_ + 1) % ring_.size();
    --size_;
    return operation;
  }

 private:
  std::vector<Operation> ring_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

class HttpLoop {
 public:
  /// Connection i of this loop begins at endpoint (first + i) of the list, and goes to the next one
  /// when it is lost.
  HttpLoop(const Protocol& protocol, std::vector<Endpoint> endpoints, std::size_t first,
           std::size_t connections, std::size_t pipeline, Clock::duration timeout);
  ~HttpLoop();
  HttpLoop(const HttpLoop&) = delete;
  HttpLoop& operator=(const HttpLoop&) = delete;

  /// Connects all that can be connected; an error if none can.
  [[nodiscard]] std::string open();
  /// Works until the lane is spent and every answer is in; an error if no server is left.
  [[nodiscard]] std::string run(Lane& lane);

 private:
  struct Connection {
    explicit Connection(std::size_t pipeline) : in_flight(pipeline) {}

    int socket = -1;
    enum class State { kClosed, kConnecting, kOpen } state = State::kClosed;
    bool wants_write = false;
    std::size_t endpoint = 0;
    Clock::time_point retry_at{};
    Clock::time_point connect_until{};
    std::string out;
    std::size_t out_at = 0;
    AnswerReader reader;
    InFlight in_flight;  // answers come in this order
  };

  void connect(Connection& connection, Clock::time_point now);
  void connected(Connection& connection, Clock::time_point now);
  /// Closes it; what is in flight has failed.
  void lose(Connection& connection, const std::string& code, Clock::time_point now);
  void handle(Connection& connection, std::uint32_t events, Clock::time_point now);
  void read(Connection& connection);
  /// False: an answer said that the connection ends.
  bool take_answers(Connection& connection, Clock::time_point now);
  void begin(Connection& connection, const Operation& operation);
  /// Closed loop: as many operations as the connection may have. Open loop: those that are due.
  void fill(Connection& connection, Clock::time_point now);
  void start_due(Clock::time_point now);
  void flush(Connection& connection);
  void watch(Connection& connection, bool wants_write);
  void poll_once(int timeout_ms);
  void sweep(Clock::time_point now);
  void arm_timer();

  const Protocol& protocol_;
  std::vector<Endpoint> endpoints_;
  std::vector<std::string> hosts_;
  std::size_t pipeline_;
  Clock::duration timeout_;
  std::vector<Connection> connections_;
  std::size_t cursor_ = 0;     // open loop: who gets the next operation
  std::size_t in_flight_ = 0;  // of all connections
  std::size_t open_count_ = 0;
  std::size_t refusals_ = 0;       // connections that were not made
  Clock::time_point last_open_{};  // when some connection was last seen open
  Clock::time_point next_sweep_{};
  std::string last_error_;
  Lane* lane_ = nullptr;
  bool second_steps_ = false;  // of the connection that is read: begun, not sent
  int epoll_ = -1;
  int timer_ = -1;
};

}  // namespace cairn::tools::bench
