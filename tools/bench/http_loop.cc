#include "tools/bench/http_loop.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "tools/lib/http_client.h"

namespace cairn::tools::bench {
namespace {

constexpr std::uint64_t kTimerTag = UINT64_MAX;
constexpr std::chrono::milliseconds kSweep{50};
constexpr std::chrono::milliseconds kRetry{100};
constexpr std::chrono::seconds kConnectTimeout{5};

}  // namespace

HttpLoop::HttpLoop(const Protocol& protocol, std::vector<Endpoint> endpoints, std::size_t first,
                   std::size_t connections, std::size_t pipeline, Clock::duration timeout)
    : protocol_(protocol),
      endpoints_(std::move(endpoints)),
      pipeline_(pipeline),
      timeout_(timeout),
      connections_(connections, Connection(pipeline)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
  for (const Endpoint& endpoint : endpoints_) {
    hosts_.push_back("Host: " + endpoint.authority() + "\r\n");
  }
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    connections_[i].endpoint = (first + i) % endpoints_.size();
  }
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kTimerTag;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, timer_, &event);
}

HttpLoop::~HttpLoop() {
  for (Connection& connection : connections_) {
    if (connection.socket >= 0) ::close(connection.socket);
  }
  ::close(timer_);
  ::close(epoll_);
}

std::string HttpLoop::open() {
  const auto start = Clock::now();
  sweep(start);
  while (open_count_ < connections_.size() && Clock::now() < start + kConnectTimeout) {
    poll_once(10);
    sweep(Clock::now());
    // Each connection goes from endpoint to endpoint; once all have been refused by all, enough.
    if (open_count_ == 0 && refusals_ >= connections_.size() * endpoints_.size()) break;
  }
  last_open_ = Clock::now();
  return open_count_ > 0 ? "" : last_error_;
}

std::string HttpLoop::run(Lane& lane) {
  lane_ = &lane;
  auto now = Clock::now();
  if (!lane.open_loop()) {
    for (Connection& connection : connections_) fill(connection, now);
  }
  std::string lost;
  while (!lane.spent(now) || in_flight_ > 0) {
    if (lane.open_loop()) {
      start_due(now);
      arm_timer();
    }
    poll_once(static_cast<int>(kSweep.count()));
    now = Clock::now();
    if (now >= next_sweep_) sweep(now);
    if (open_count_ > 0) {
      last_open_ = now;
    } else if (now > last_open_ + timeout_) {
      lost = last_error_;
      break;
    }
  }
  lane_ = nullptr;
  return lost;
}

void HttpLoop::connect(Connection& connection, Clock::time_point now) {
  std::string error;
  connection.socket = begin_connect(endpoints_[connection.endpoint], error);
  if (connection.socket < 0) {
    lose(connection, error, now);
    return;
  }
  connection.state = Connection::State::kConnecting;
  connection.connect_until = now + kConnectTimeout;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT;
  event.data.u64 = static_cast<std::uint64_t>(&connection - connections_.data());
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.socket, &event);
  connection.wants_write = true;
}

void HttpLoop::connected(Connection& connection, Clock::time_point now) {
  const std::string error = connect_result(connection.socket);
  if (!error.empty()) {
    lose(connection, error, now);
    return;
  }
  connection.state = Connection::State::kOpen;
  ++open_count_;
  watch(connection, false);
  if (lane_) fill(connection, now);
}

void HttpLoop::lose(Connection& connection, const std::string& code, Clock::time_point now) {
  if (connection.state == Connection::State::kOpen) {
    --open_count_;
  } else {
    ++refusals_;
    last_error_ = endpoints_[connection.endpoint].url() + ": " + code;
  }
  if (connection.socket >= 0) ::close(connection.socket);
  connection.socket = -1;
  connection.state = Connection::State::kClosed;
  connection.retry_at = now + kRetry;
  connection.endpoint = (connection.endpoint + 1) % endpoints_.size();
  connection.out.clear();
  connection.out_at = 0;
  connection.reader.clear();
  second_steps_ = false;
  in_flight_ -= connection.in_flight.size();
  while (!connection.in_flight.empty()) {
    lane_->ended(connection.in_flight.pop(), {Outcome::Result::kError, code}, now);
  }
}

void HttpLoop::watch(Connection& connection, bool wants_write) {
  if (connection.wants_write == wants_write) return;
  connection.wants_write = wants_write;
  epoll_event event{};
  event.events = wants_write ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.u64 = static_cast<std::uint64_t>(&connection - connections_.data());
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.socket, &event);
}

void HttpLoop::poll_once(int timeout_ms) {
  std::array<epoll_event, 256> events;
  const int n = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout_ms);
  const auto now = Clock::now();
  for (int i = 0; i < n; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.u64 == kTimerTag) {
      std::uint64_t times = 0;
      [[maybe_unused]] auto got = ::read(timer_, &times, sizeof times);
    } else {
      handle(connections_[event.data.u64], event.events, now);
    }
  }
}

void HttpLoop::handle(Connection& connection, std::uint32_t events, Clock::time_point now) {
  if (connection.state == Connection::State::kConnecting) {
    connected(connection, now);
    return;
  }
  if (connection.state == Connection::State::kOpen && (events & EPOLLOUT) != 0) flush(connection);
  if (connection.state == Connection::State::kOpen && (events & ~EPOLLOUT) != 0) read(connection);
}

void HttpLoop::read(Connection& connection) {
  const AnswerReader::Space space = connection.reader.space();
  const auto n = ::recv(connection.socket, space.data, space.size, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  const auto now = Clock::now();
  bool alive = n > 0;
  if (alive) {
    connection.reader.feed(static_cast<std::size_t>(n));
    alive = take_answers(connection, now);
  }
  if (!alive) {
    lose(connection, "connection_lost", now);
  } else if (lane_) {
    fill(connection, now);
  }
}

bool HttpLoop::take_answers(Connection& connection, Clock::time_point now) {
  for (Answer answer;;) {
    const auto outcome = connection.reader.next(answer);
    if (outcome == AnswerReader::Outcome::kNeedMore) return true;
    if (outcome == AnswerReader::Outcome::kBroken || connection.in_flight.empty()) return false;
    const Operation operation = connection.in_flight.pop();
    --in_flight_;
    const auto second = lane_->ended(operation, protocol_.judge(operation, answer), now);
    if (second) {
      // On a connection that ends it fails with the rest.
      begin(connection, *second);
      second_steps_ = true;
    }
    if (answer.closes) return false;
  }
}

void HttpLoop::begin(Connection& connection, const Operation& operation) {
  protocol_.append(connection.out, operation, hosts_[connection.endpoint]);
  connection.in_flight.push(operation);
  ++in_flight_;
}

void HttpLoop::fill(Connection& connection, Clock::time_point now) {
  if (connection.state != Connection::State::kOpen) return;
  bool any = std::exchange(second_steps_, false);
  while (connection.in_flight.size() < pipeline_) {
    auto operation = lane_->take(now);
    if (!operation) break;
    begin(connection, *operation);
    any = true;
  }
  if (any) flush(connection);
}

void HttpLoop::start_due(Clock::time_point now) {
  std::size_t busy = 0;
  while (lane_->next_due() <= now && busy < connections_.size()) {
    Connection& connection = connections_[cursor_];
    cursor_ = (cursor_ + 1) % connections_.size();
    const bool free =
        connection.state == Connection::State::kOpen && connection.in_flight.size() < pipeline_;
    if (!free) {
      ++busy;
      continue;
    }
    auto operation = lane_->take(now);
    if (!operation) return;
    begin(connection, *operation);
    flush(connection);
    busy = 0;
  }
}

void HttpLoop::flush(Connection& connection) {
  while (connection.out_at < connection.out.size()) {
    const auto n = ::send(connection.socket, connection.out.data() + connection.out_at,
                          connection.out.size() - connection.out_at, MSG_NOSIGNAL);
    if (n > 0) {
      connection.out_at += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      watch(connection, true);
      return;
    } else if (errno != EINTR) {
      // The end shows when reading: an answer may still be there.
      break;
    }
  }
  connection.out.clear();
  connection.out_at = 0;
  watch(connection, false);
}

void HttpLoop::sweep(Clock::time_point now) {
  next_sweep_ = now + kSweep;
  for (Connection& connection : connections_) {
    switch (connection.state) {
      case Connection::State::kClosed:
        if (now >= connection.retry_at) connect(connection, now);
        break;
      case Connection::State::kConnecting:
        if (now >= connection.connect_until) lose(connection, "no connection in time", now);
        break;
      case Connection::State::kOpen:
        if (!connection.in_flight.empty() && now - connection.in_flight.front().asked > timeout_) {
          lose(connection, "client_timeout", now);
        }
        break;
    }
  }
}

void HttpLoop::arm_timer() {
  // The clock of time_point is the timer's: CLOCK_MONOTONIC. All in the past: at once.
  const auto due =
      std::chrono::duration_cast<std::chrono::nanoseconds>(lane_->next_due().time_since_epoch());
  itimerspec when{};
  when.it_value.tv_sec = due.count() / 1'000'000'000;
  when.it_value.tv_nsec = due.count() % 1'000'000'000;
  // What is due already waits for a free connection, not for the timer.
  if (lane_->next_due() <= Clock::now()) return;
  ::timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr);
}

}  // namespace cairn::tools::bench
