// One client's connection at a node: its hello, its requests, its bounds. Loop thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

#include "kv/door/messages.h"
#include "net/framed_socket.h"

namespace cairn::kv::door {

class DoorServer;

class DoorConnection final : public net::FramedSocket::Owner,
                             public std::enable_shared_from_this<DoorConnection> {
 public:
  using Micros = std::chrono::microseconds;

  /// `server` outlives it, or calls abandon() first.
  DoorConnection(DoorServer& server, std::uint64_t number, Micros now);

  void adopt(boost::asio::ip::tcp::socket socket);
  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] bool up() const { return state_ == State::kUp; }

  /// The answer of a request that was begun with admit().
  void answer(const Reply& reply, std::size_t request_bytes);
  void say_map(const ClusterMap& map);
  /// Says why, and closes when that is sent.
  void goodbye(Reason reason, std::uint32_t retry_after_ms = 0);
  /// The loop ends: kStopping is said at once.
  void finish();
  /// Looks at its deadlines.
  void tick(Micros now);
  /// Closes at once, without a word to the server.
  void abandon();

 private:
  enum class State { kHello, kUp, kClosing, kClosed };

  void on_connected() override {}
  void on_frame(const net::FrameHeader& header, std::string_view payload) override;
  void on_read_end() override;
  void on_bad_frame(const char* reason) override;
  void on_closed(const char* reason) override;

  [[nodiscard]] bool addressed_right(const net::FrameHeader& header) const;
  void on_hello(const net::FrameHeader& header, std::string_view payload);
  void on_request(std::string_view payload);
  /// Null: it may be begun; else the bound that it meets.
  [[nodiscard]] const char* over(const Request& request, std::size_t bytes);
  void send(const Reply& reply);
  void reject(const char* reason, Reason why = Reason::kGarbage);
  void recharge();
  [[nodiscard]] Envelope envelope() const;

  DoorServer* server_;
  const std::uint64_t number_;
  const std::shared_ptr<net::FramedSocket> socket_;
  State state_ = State::kHello;
  std::uint64_t client_ = 0;  // its own number, from its hello
  std::size_t in_flight_ = 0;
  std::size_t bytes_in_flight_ = 0;
  std::size_t charged_ = 0;  // of the server's budget
  std::size_t sessions_opened_ = 0;
  Micros since_;    // accepted; later: closing
  Micros read_at_;  // when it was last seen to have read
  Micros sent_at_;  // when the client was last seen to take bytes
  std::uint64_t bytes_read_ = 0;
  std::uint64_t bytes_sent_ = 0;
};

}  // namespace cairn::kv::door
