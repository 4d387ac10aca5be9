// The listening socket, the one timer, and the stop.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "cairn/http/server.h"
#include "http/backend.h"
#include "http/door.h"

namespace cairn::http {

/// ServerOptions within their ranges; the error's detail names the option.
[[nodiscard]] kv::Result<void> validate(const ServerOptions& options);

class Server::Impl : public std::enable_shared_from_this<Server::Impl> {
 public:
  /// Listens at once, on the caller's thread; serves on the backend's executor.
  [[nodiscard]] static kv::Result<std::shared_ptr<Impl>> start(std::shared_ptr<Backend> backend,
                                                               ServerOptions options);
  Impl(std::shared_ptr<Backend> backend, ServerOptions options);

  [[nodiscard]] std::uint16_t port() const { return local_.port(); }
  [[nodiscard]] std::string address() const;
  void stop();

 private:
  kv::Result<void> listen();
  // On the loop thread.
  void begin();
  void accept();
  void on_accept(boost::system::error_code ec, boost::asio::ip::tcp::socket socket);
  void schedule_tick();
  void on_tick();
  void begin_stop();
  void finish_stop();

  const boost::asio::any_io_executor executor_;
  const std::shared_ptr<Door> door_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::ip::tcp::endpoint local_;
  boost::asio::steady_timer timer_;
  const std::chrono::milliseconds tick_;
  bool tick_scheduled_ = false;
  bool accept_failed_ = false;  // tried again at the next tick
  Clock::time_point stop_deadline_ = Clock::time_point::max();

  // Shared with the thread that stops the server.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread::id loop_thread_;  // once it is known
  bool stop_asked_ = false;
  bool stopped_ = false;
};

}  // namespace cairn::http
