// Many kept-alive connections under load on one thread, by epoll.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "tools/bench/lane.h"
#include "tools/bench/protocol.h"
#include "tools/lib/http_message.h"

namespace cairn::tools::bench {

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
    int socket = -1;
    enum class State { kClosed, kConnecting, kOpen } state = State::kClosed;
    bool wants_write = false;
    std::size_t endpoint = 0;
    Clock::time_point retry_at{};
    Clock::time_point connect_until{};
    std::string out;
    std::size_t out_at = 0;
    ResponseReader reader;
    std::deque<Operation> in_flight;  // answers come in this order
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
  HttpResponse response_;
  std::vector<char> piece_;
  int epoll_ = -1;
  int timer_ = -1;
};

}  // namespace cairn::tools::bench
