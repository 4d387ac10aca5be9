// What all connections of a server share. Lives on the loop thread.
#pragma once

#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "cairn/http/server.h"
#include "http/backend.h"
#include "http/handlers.h"
#include "http/host_policy.h"
#include "http/http_metrics.h"

namespace cairn::http {

using Clock = std::chrono::steady_clock;

/// One connection, as the server sees it.
class Connection : public boost::intrusive::list_base_hook<
                       boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  virtual ~Connection() = default;
  /// Looks at the deadlines. May close the connection.
  virtual void tick(Clock::time_point now) = 0;
  /// The server stops: close when idle, else when what is under way is answered.
  virtual void wind_down() = 0;
  /// Close now.
  virtual void abort() = 0;

 protected:
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
};

class Door {
 public:
  Door(std::shared_ptr<Backend> backend, ServerOptions options);

  [[nodiscard]] const ServerOptions& options() const { return options_; }
  [[nodiscard]] const HostPolicy& policy() const { return policy_; }
  [[nodiscard]] HttpMetrics& metrics() { return metrics_; }
  [[nodiscard]] HandlerContext& handlers() { return handlers_; }

  void add(Connection& connection);
  void remove(Connection& connection);
  [[nodiscard]] std::size_t connections() const { return count_; }
  /// Calls `visit` for each; it may remove the one it is called with, and no other.
  template <class Visit>
  void for_each(Visit visit) {
    for (auto i = connections_.begin(); i != connections_.end();) visit(*i++);
  }

  /// Serves what is under way and nothing more; `on_empty` is called each time that the last
  /// connection goes from now on.
  void wind_down(std::function<void()> on_empty);
  [[nodiscard]] bool stopping() const { return stopping_; }

  /// A connection's share of the buffered bytes has changed.
  void charge(std::size_t before, std::size_t after) { buffered_ = buffered_ - before + after; }
  [[nodiscard]] bool over_budget() const { return buffered_ > options_.buffer_bytes_max; }

  /// For the Date field; made anew when the second changes.
  [[nodiscard]] const std::string& date();

 private:
  using List = boost::intrusive::list<Connection, boost::intrusive::constant_time_size<false>>;

  const std::shared_ptr<Backend> backend_;
  const ServerOptions options_;
  const HostPolicy policy_;
  HttpMetrics metrics_;
  HandlerContext handlers_;
  List connections_;
  std::size_t count_ = 0;
  std::size_t buffered_ = 0;
  bool stopping_ = false;
  std::function<void()> on_empty_;
  std::int64_t date_second_ = -1;
  std::string date_;
};

}  // namespace cairn::http
