// One end of real TCP connections, with a loop of its own, for tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "net/asio_transport.h"
#include "tests/net/on_loop.h"

namespace cairn::net::test {

/// Tells "open", "dialled", "frame <bytes>", "close <reason>". Connections are numbered from 0 in
/// the order they opened; frames are kept.
class TcpEnd {
 public:
  explicit TcpEnd(AsioTransportLimits limits = {}, std::string listen = "127.0.0.1:0")
      : transport(std::make_unique<AsioTransport>(loop.context(), std::move(listen), limits)) {
    loop.start();
    started = on_loop(loop, [this] { return transport->start(callbacks()); });
  }
  ~TcpEnd() {
    on_loop(loop, [this] {
      transport.reset();
      return 0;
    });
    loop.stop();
  }

  std::string address() {
    return "127.0.0.1:" + std::to_string(on_loop(loop, [this] { return transport->port(); }));
  }
  ConnectionId dial(const std::string& to) {
    return on_loop(loop, [&] { return transport->dial(to); });
  }
  bool send(ConnectionId id, const std::string& bytes) {
    return on_loop(loop, [&] { return transport->send(id, bytes); });
  }
  void trust(ConnectionId id) {
    on_loop(loop, [&] {
      transport->trust(id);
      return 0;
    });
  }
  ConnectionId opened(std::size_t n) {
    return on_loop(loop, [&] { return connections.at(n); });
  }
  std::vector<std::string> received() {
    return on_loop(loop, [&] { return frames; });
  }

  Told told;
  AsioLoop loop{"tcp-end", broken_to(told)};
  std::unique_ptr<AsioTransport> transport;
  boost::system::result<void> started;
  bool trust_all = false;
  std::function<void(ConnectionId, std::string&)> react;  // set before traffic

 private:
  Transport::Callbacks callbacks() {
    Transport::Callbacks c;
    c.on_open = [this](ConnectionId id, bool dialled) {
      connections.push_back(id);
      if (trust_all) transport->trust(id);
      told.add(dialled ? "dialled" : "open");
    };
    c.on_frame = [this](ConnectionId id, std::string frame) {
      if (react) react(id, frame);
      told.add("frame " + std::to_string(frame.size()));
      frames.push_back(std::move(frame));
    };
    c.on_close = [this](ConnectionId, const char* reason) {
      told.add(std::string("close ") + reason);
    };
    return c;
  }

  std::vector<ConnectionId> connections;  // the loop's, as is the next
  std::vector<std::string> frames;
};

}  // namespace cairn::net::test
