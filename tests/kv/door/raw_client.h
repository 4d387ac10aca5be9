// A client of the native door that says what a test wants, byte by byte.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <string>
#include <utility>

#include "kv/door/messages.h"

namespace cairn::kv {

class RawClient {
 public:
  using Frame = std::pair<net::FrameHeader, std::string>;
  static constexpr std::uint64_t kNumber = 4711;

  explicit RawClient(const std::string& address) {
    const auto colon = address.rfind(':');
    socket_.connect({boost::asio::ip::make_address(address.substr(0, colon)),
                     static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1)))});
  }

  void send(const std::string& bytes) {
    boost::system::error_code ignored;
    boost::asio::write(socket_, boost::asio::buffer(bytes), ignored);
  }
  template <class Message>
  [[nodiscard]] std::string frame(const Message& message) const {
    std::string out;
    door::encode(message, {cluster_, kNumber, node_}, out);
    return out;
  }
  void ask(const door::Request& request) { send(frame(request)); }

  /// The next frame; nullopt: the node hung up.
  std::optional<Frame> read() {
    std::string head(net::kFrameHeaderBytes, '\0');
    if (!fill(head)) return std::nullopt;
    const auto header = net::parse_frame_header(head, net::kFrameBytesMax, net::FrameDoor::kClient);
    if (!header) {
      ADD_FAILURE() << header.error().message();
      return std::nullopt;
    }
    std::string payload(header->payload_bytes, '\0');
    if (!fill(payload)) return std::nullopt;
    EXPECT_TRUE(net::payload_matches(*header, payload));
    return Frame{*header, std::move(payload)};
  }
  std::optional<door::ServerHello> hello() {
    send(frame(door::ClientHello{}));
    const auto answer = read();
    if (!answer || answer->first.type != net::FrameType::kServerHello) return std::nullopt;
    cluster_ = answer->first.cluster_id;
    node_ = answer->first.from;
    return door::decode_server_hello(answer->second);
  }
  /// The next answer; maps that come between are passed over.
  std::optional<door::Reply> answer() {
    for (;;) {
      const auto frame = read();
      if (!frame || frame->first.type == net::FrameType::kGoodbye) return std::nullopt;
      if (frame->first.type != net::FrameType::kClientAnswer) continue;
      door::Reply reply;
      EXPECT_TRUE(door::decode_reply(frame->second, reply));
      return reply;
    }
  }
  /// What it says before it hangs up; nullopt: it hangs up without a word.
  std::optional<door::Reason> goodbye() {
    std::optional<door::Reason> reason;
    while (const auto frame = read()) {
      if (frame->first.type != net::FrameType::kGoodbye) continue;
      const auto word = door::decode_goodbye(frame->second);
      EXPECT_TRUE(word);
      if (word) reason = word->reason;
    }
    return reason;
  }
  void set_cluster(std::uint64_t cluster) { cluster_ = cluster; }

 private:
  /// False: the end, or nothing within ten seconds.
  bool fill(std::string& into) {
    std::size_t have = 0;
    while (have < into.size()) {
      pollfd wait{socket_.native_handle(), POLLIN, 0};
      if (::poll(&wait, 1, 10'000) <= 0) {
        ADD_FAILURE() << "the node neither answers nor hangs up";
        return false;
      }
      boost::system::error_code error;
      have += socket_.read_some(boost::asio::buffer(into.data() + have, into.size() - have), error);
      if (error) return false;
    }
    return true;
  }

  boost::asio::io_context context_;
  boost::asio::ip::tcp::socket socket_{context_};
  std::uint64_t cluster_ = 0;
  std::uint64_t node_ = 0;
};

}  // namespace cairn::kv
