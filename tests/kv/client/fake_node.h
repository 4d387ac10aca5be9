// A node's native door that a test plays itself: what it says to each request, in which order, and
// when it hangs up. A thread of its own.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "kv/door/messages.h"

namespace cairn::kv {

class FakeNode {
 public:
  /// What to do with a request; nothing: never answered.
  struct Action {
    std::vector<door::Reply> say;
    bool hang_up = false;
  };
  using Play = std::function<Action(const door::Request&)>;

  FakeNode(NodeNumber id, Play play) : id_(id), play_(std::move(play)) {
    acceptor_.open(boost::asio::ip::tcp::v4());
    acceptor_.set_option(boost::asio::ip::tcp::acceptor::reuse_address(true));
    acceptor_.bind({boost::asio::ip::address_v4::loopback(), 0});
    acceptor_.listen();
    address_ = "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
    map_.cluster_id = 77;
    map_.epoch = 1;
    map_.partitions = {{id, 1, {id}}};
    map_.doors = {{id, address_}};
  }
  ~FakeNode() {
    stopping_ = true;
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
    hang_up();
    if (thread_.joinable()) thread_.join();
    for (std::thread& serving : serving_) serving.join();
  }

  [[nodiscard]] const std::string& address() const { return address_; }
  /// Before start(): what it tells of the cluster.
  ClusterMap& map() { return map_; }
  void start() {
    thread_ = std::thread([this] { accept(); });
  }
  [[nodiscard]] int requests() const { return requests_; }
  [[nodiscard]] int connections() const { return connections_; }

 private:
  using Socket = boost::asio::ip::tcp::socket;

  void accept() {
    for (;;) {
      boost::system::error_code error;
      auto socket = std::make_shared<Socket>(acceptor_.accept(error));
      if (stopping_ || error) return;
      ++connections_;
      const std::lock_guard lock(mutex_);
      sockets_.push_back(socket);
      serving_.emplace_back([this, socket] { serve(*socket); });
    }
  }

  void hang_up() {
    const std::lock_guard lock(mutex_);
    for (const auto& socket : sockets_)
      if (socket->is_open()) ::shutdown(socket->native_handle(), SHUT_RDWR);
  }

  void serve(Socket& socket) {
    std::uint64_t client = 0;
    while (auto frame = read(socket)) {
      const std::string_view payload = std::string_view(frame->second);
      client = frame->first.from;
      std::string out;
      const door::Envelope envelope{map_.cluster_id, id_, client};
      bool close = false;
      if (frame->first.type == net::FrameType::kClientHello) {
        door::encode(door::ServerHello{1, 9u << 20, 1000, 32u << 20, 60'000, map_}, envelope, out);
      } else {
        door::Request request;
        const char* refused = nullptr;
        EXPECT_TRUE(door::decode_request(payload, request, refused));
        ++requests_;
        const Action action = act(request);
        for (const door::Reply& reply : action.say) door::encode(reply, envelope, out);
        close = action.hang_up;
      }
      boost::system::error_code error;
      boost::asio::write(socket, boost::asio::buffer(out), error);
      if (close || error) break;
    }
    ::shutdown(socket.native_handle(), SHUT_RDWR);
  }

  Action act(const door::Request& request) {
    const std::lock_guard lock(play_mutex_);
    return play_(request);
  }

  static std::optional<std::pair<net::FrameHeader, std::string>> read(Socket& socket) {
    std::string head(net::kFrameHeaderBytes, '\0');
    boost::system::error_code error;
    boost::asio::read(socket, boost::asio::buffer(head), error);
    if (error) return std::nullopt;
    const auto header = net::parse_frame_header(head, net::kFrameBytesMax, net::FrameDoor::kClient);
    if (!header) return std::nullopt;
    std::string payload(header->payload_bytes, '\0');
    boost::asio::read(socket, boost::asio::buffer(payload), error);
    if (error) return std::nullopt;
    return std::pair{*header, std::move(payload)};
  }

  const NodeNumber id_;
  const Play play_;
  boost::asio::io_context context_;
  boost::asio::ip::tcp::acceptor acceptor_{context_};
  std::string address_;
  ClusterMap map_;
  std::thread thread_;
  std::mutex mutex_;  // guards the two below
  std::vector<std::shared_ptr<Socket>> sockets_;
  std::vector<std::thread> serving_;
  std::mutex play_mutex_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> requests_{0};
  std::atomic<int> connections_{0};
};

}  // namespace cairn::kv
