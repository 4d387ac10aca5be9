// The HTTP/JSON door of a store.
//
//   auto server = cairn::http::Server::start(store, {.listen = "127.0.0.1:8001"}).value();
//
// The server lives on the store's loop thread and makes no thread of its own. Stop it before the
// store: what is in flight still wants its answer.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cairn/kv/error.h"
#include "cairn/kv/store.h"

namespace cairn::http {

struct ServerOptions {
  /// "host:port"; port 0 takes a free one (see Server::port()). A host is an address, "[address]"
  /// or a name that resolves to one.
  std::string listen = "127.0.0.1:8001";
  /// Names a request may have in `Host`, besides IP literals and "localhost". Without port.
  std::vector<std::string> allowed_hosts;
  /// Foreign origins that may send requests, as browsers write them: "https://ui.example:8443".
  std::vector<std::string> allowed_origins;

  /// A request's body, and so a value. 1 B .. 64 MiB.
  std::size_t body_bytes_max = 1u << 20;
  /// All header fields together, 256 B .. 1 MiB, and how many, 4 .. 1,000.
  std::size_t head_bytes_max = 8u << 10;
  std::size_t fields_max = 100;
  /// The request target, 64 B .. 1 MiB.
  std::size_t target_bytes_max = 16u << 10;
  /// A connection over this number is answered `overloaded`. 1 .. 1,000,000.
  std::size_t connections_max = 10'000;
  /// Requests of one connection that are under way at once, 1 .. 1,024.
  std::size_t pipeline_max = 16;
  /// Request bodies being read and answers not yet sent, over all connections; new requests are
  /// answered `overloaded` beyond. 1 MiB or more.
  std::size_t buffer_bytes_max = 64u << 20;
  /// Items of a list: when not asked, and at most.
  std::uint32_t list_limit_default = 100;
  std::uint32_t list_limit_max = 10'000;
  /// Keys deleted by one step of a prefix delete when not asked; at most list_limit_max.
  std::uint32_t remove_limit_default = 1000;

  /// From a request's first byte to the end of its head; to the end of its body. 10 ms or more
  /// each.
  std::chrono::milliseconds head_timeout{10'000};
  std::chrono::milliseconds request_timeout{30'000};
  /// Between requests.
  std::chrono::milliseconds idle_timeout{60'000};
  /// For the client to take what is sent, and the time that it needs at this rate (1 KiB/s or more)
  /// besides.
  std::chrono::milliseconds write_timeout{30'000};
  std::size_t write_bytes_per_second_min = 64u << 10;
  /// After the last answer of a connection: what still comes is read and dropped this long, so that
  /// the client sees the answer rather than a reset.
  std::chrono::milliseconds linger_timeout{2'000};
  /// How long stop() lets requests finish.
  std::chrono::milliseconds stop_timeout{5'000};

  /// More samples for /metrics. Called on the store's loop thread; must not block.
  std::function<std::vector<kv::Sample>()> more_metrics;
};

class Server {
 public:
  /// Listens and serves. `store` outlives the server, and is not moved meanwhile. Errors:
  /// kConfiguration (names the option), kAddressInUse (names the address), kIo.
  [[nodiscard]] static kv::Result<Server> start(kv::Store& store, ServerOptions options);
  ~Server();  // stop()
  Server(Server&&) noexcept;
  Server& operator=(Server&&) noexcept;

  /// The port it listens on.
  [[nodiscard]] std::uint16_t port() const noexcept;
  /// "address:port" it listens on.
  [[nodiscard]] std::string address() const;
  /// Accepts no more, closes idle connections, lets requests under way finish, for at most
  /// ServerOptions::stop_timeout, and returns when no connection is left. On the loop thread, where
  /// it cannot wait, it returns at once and the rest follows. Again is a no-op.
  void stop();

  class Impl;
  explicit Server(std::shared_ptr<Impl> impl) noexcept;  // of start()

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace cairn::http
