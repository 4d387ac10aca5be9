// Transport over TCP. Lives on the thread that runs the io_context; the home executor of everything
// above it must be that thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "net/transport.h"
#include "net/wire.h"

namespace cairn::net {

struct AsioTransportLimits {
  std::size_t frame_bytes_max = kFrameBytesMax;
  std::size_t untrusted_frame_bytes_max = kUntrustedFrameBytesMax;
  std::chrono::milliseconds untrusted_timeout{5000};  // from accept or dial to trust()
  std::size_t untrusted_connections_max = 256;        // accepted ones; further ones are closed
  std::size_t queue_bytes_max = 96u << 20;            // per connection, waiting to be written
  std::chrono::milliseconds peer_timeout{5000};       // bytes sent and not acknowledged for so long
};

class AsioTransport final : public Transport {
 public:
  /// `listen`: "host:port", port 0 for any, empty for no listener. A name is resolved in start(),
  /// which then may block for a moment.
  AsioTransport(boost::asio::io_context& context, std::string listen,
                AsioTransportLimits limits = {});
  /// On the home executor, or after the io_context's thread has gone; not from a callback.
  ~AsioTransport() override;
  AsioTransport(const AsioTransport&) = delete;
  AsioTransport& operator=(const AsioTransport&) = delete;

  /// May be called before the io_context runs. Fails with address_in_use and the like.
  [[nodiscard]] boost::system::result<void> start(Callbacks callbacks) override;
  ConnectionId dial(const std::string& address) override;
  bool send(ConnectionId connection, std::string frames) override;
  [[nodiscard]] std::size_t queued_bytes(ConnectionId connection) const override;
  void close(ConnectionId connection) override;
  void trust(ConnectionId connection) override;
  void stop() override;

  /// Of the listener, after start(); 0 without one.
  [[nodiscard]] std::uint16_t port() const;
  /// Accepted and closed at once because too many had not said hello yet.
  [[nodiscard]] std::uint64_t turned_away() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;  // pending socket operations hold it too
};

}  // namespace cairn::net
