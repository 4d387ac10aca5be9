#include "net/asio_transport.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>

#include "net/address.h"
#include "net/asio_connection.h"

namespace cairn::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kAcceptPause{100};  // after "too many open files" and the like

error_code invalid_address() {
  return make_error_code(boost::system::errc::invalid_argument);
}

}  // namespace

class AsioTransport::Impl final : public AsioConnection::Owner,
                                  public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& context, std::string listen, AsioTransportLimits limits)
      : context_(context),
        listen_(std::move(listen)),
        limits_(limits),
        acceptor_(context),
        accept_pause_(context),
        resolver_(context),
        deadline_timer_(context) {}

  boost::system::result<void> start(Callbacks callbacks) {
    callbacks_ = std::move(callbacks);
    if (listen_.empty()) return {};
    if (const error_code error = open_listener(); error) {
      error_code ignored;
      acceptor_.close(ignored);
      return error;
    }
    accept();
    return {};
  }

  ConnectionId dial(const std::string& address) {
    const auto connection = add(true);
    const ConnectionId id = connection->id();
    const auto target = parse_host_port(address);
    if (!target || target->host.empty() || target->port == 0) {
      asio::post(context_, [self = shared_from_this(), connection] {
        self->on_broken(*connection, "refused");
      });
      return id;
    }
    error_code not_a_literal;
    const auto literal = asio::ip::make_address(target->host, not_a_literal);
    if (not_a_literal) {
      resolve(connection, *target);
    } else {
      const tcp::endpoint endpoint(literal, target->port);
      connection->socket().async_connect(
          endpoint, [self = shared_from_this(), connection](const error_code& error) {
            self->on_connected(*connection, error);
          });
    }
    return id;
  }

  bool send(ConnectionId id, std::string frames) {
    AsioConnection* const connection = find(id);
    if (connection == nullptr || frames.size() > limits_.queue_bytes_max ||
        connection->queued_bytes() > limits_.queue_bytes_max - frames.size()) {
      return false;
    }
    if (!frames.empty()) connection->send(std::move(frames));
    return true;
  }

  std::size_t queued_bytes(ConnectionId id) const {
    const AsioConnection* const connection = find(id);
    return connection == nullptr ? 0 : connection->queued_bytes();
  }

  void close(ConnectionId id) {
    const auto at = connections_.find(id);
    if (at == connections_.end()) return;
    forget(*at->second);
    asio::post(context_, [self = shared_from_this(), id] {
      if (!self->stopped_) self->callbacks_.on_close(id, "closed");
    });
  }

  void trust(ConnectionId id) {
    AsioConnection* const connection = find(id);
    if (connection == nullptr || connection->trusted()) return;
    if (!connection->dialled()) --untrusted_;
    connection->trust(limits_.frame_bytes_max);
  }

  void stop() {
    stopped_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    resolver_.cancel();
    accept_pause_.cancel();
    deadline_timer_.cancel();
    for (const auto& [id, connection] : connections_) connection->close();
    connections_.clear();
    deadlines_.clear();
  }

  std::uint16_t port() const {
    error_code error;
    const tcp::endpoint local = acceptor_.local_endpoint(error);
    return error ? std::uint16_t{0} : local.port();
  }
  std::uint64_t turned_away() const { return turned_away_; }

  void on_frame(AsioConnection& connection, std::string frame) override {
    callbacks_.on_frame(connection.id(), std::move(frame));
  }

  void on_broken(AsioConnection& connection, const char* reason) override {
    if (stopped_ || connection.closed()) return;
    const ConnectionId id = connection.id();
    forget(connection);
    callbacks_.on_close(id, reason);
  }

 private:
  using ConnectionPtr = std::shared_ptr<AsioConnection>;

  AsioConnection* find(ConnectionId id) const {
    const auto at = connections_.find(id);
    return at == connections_.end() ? nullptr : at->second.get();
  }

  ConnectionPtr add(bool dialled) {
    auto connection = std::make_shared<AsioConnection>(context_, *this, ++last_id_, dialled,
                                                       limits_.untrusted_frame_bytes_max);
    connections_.emplace(connection->id(), connection);
    if (!dialled) ++untrusted_;
    deadlines_.push_back({Clock::now() + limits_.untrusted_timeout, connection->id()});
    if (deadlines_.size() == 1) await_deadline();
    return connection;
  }

  /// The caller holds, or a pending operation holds, what is left of the connection.
  void forget(AsioConnection& connection) {
    if (!connection.dialled() && !connection.trusted()) --untrusted_;
    const ConnectionPtr keep = connection.shared_from_this();
    connection.close();
    connections_.erase(connection.id());
  }

  error_code open_listener() {
    const auto at = parse_host_port(listen_);
    if (!at) return invalid_address();
    error_code error;
    auto address = asio::ip::make_address(at->host.empty() ? "0.0.0.0" : at->host, error);
    if (error) {
      const auto found = resolver_.resolve(at->host, std::to_string(at->port), error);
      if (error) return error;
      if (found.empty()) return invalid_address();
      address = found.begin()->endpoint().address();
    }
    const tcp::endpoint endpoint(address, at->port);
    if (acceptor_.open(endpoint.protocol(), error); error) return error;
    if (acceptor_.set_option(tcp::acceptor::reuse_address(true), error); error) return error;
    if (acceptor_.bind(endpoint, error); error) return error;
    acceptor_.listen(asio::socket_base::max_listen_connections, error);
    return error;
  }

  void accept() {
    acceptor_.async_accept(
        [self = shared_from_this()](const error_code& error, tcp::socket socket) {
          self->on_accept(error, std::move(socket));
        });
  }

  void on_accept(const error_code& error, tcp::socket socket) {
    if (stopped_) return;
    if (!error || error == asio::error::connection_aborted) {
      accept();  // first: the callback may throw
      if (!error) take_in(std::move(socket));
      return;
    }
    accept_pause_.expires_after(kAcceptPause);
    accept_pause_.async_wait([self = shared_from_this()](const error_code& cancelled) {
      if (!cancelled && !self->stopped_) self->accept();
    });
  }

  void take_in(tcp::socket socket) {
    if (untrusted_ >= limits_.untrusted_connections_max) {
      ++turned_away_;
      return;  // closed by its destructor
    }
    const ConnectionPtr connection = add(false);
    connection->socket() = std::move(socket);
    connection->established(limits_.peer_timeout);
    callbacks_.on_open(connection->id(), false);
  }

  void resolve(const ConnectionPtr& connection, const HostPort& target) {
    resolver_.async_resolve(
        target.host, std::to_string(target.port), asio::ip::resolver_base::numeric_service,
        [self = shared_from_this(), connection](const error_code& error,
                                                tcp::resolver::results_type found) {
          if (error) return self->on_broken(*connection, "refused");
          if (connection->closed()) return;
          asio::async_connect(connection->socket(), found,
                              [self, connection](const error_code& failed, const tcp::endpoint&) {
                                self->on_connected(*connection, failed);
                              });
        });
  }

  void on_connected(AsioConnection& connection, const error_code& error) {
    if (stopped_ || connection.closed()) return;
    if (error) return on_broken(connection, "refused");
    error_code ignored;
    const tcp::socket& socket = connection.socket();
    // A dial within the ephemeral range may meet itself when nobody listens there.
    if (socket.local_endpoint(ignored) == socket.remote_endpoint(ignored)) {
      return on_broken(connection, "refused");
    }
    connection.established(limits_.peer_timeout);
    callbacks_.on_open(connection.id(), true);
  }

  // Everybody has the same time to earn trust: the queue is in order of its deadlines.
  struct Deadline {
    Clock::time_point at;
    ConnectionId id;
  };

  void await_deadline() {
    deadline_timer_.expires_at(deadlines_.front().at);
    deadline_timer_.async_wait([self = shared_from_this()](const error_code& cancelled) {
      if (!cancelled && !self->stopped_) self->close_late();
    });
  }

  void close_late() {
    const auto now = Clock::now();
    while (!deadlines_.empty()) {
      const Deadline deadline = deadlines_.front();
      const AsioConnection* const connection = find(deadline.id);
      const bool waiting = connection != nullptr && !connection->trusted();
      if (waiting && deadline.at > now) return await_deadline();
      deadlines_.pop_front();
      if (waiting) {
        asio::post(context_,
                   [self = shared_from_this(), id = deadline.id] { self->close_untrusted(id); });
      }
    }
  }

  void close_untrusted(ConnectionId id) {
    AsioConnection* const connection = find(id);
    if (connection != nullptr && !connection->trusted()) on_broken(*connection, "timeout");
  }

  asio::io_context& context_;
  const std::string listen_;
  const AsioTransportLimits limits_;
  Callbacks callbacks_;
  tcp::acceptor acceptor_;
  asio::steady_timer accept_pause_;
  tcp::resolver resolver_;
  asio::steady_timer deadline_timer_;
  std::deque<Deadline> deadlines_;
  std::map<ConnectionId, ConnectionPtr> connections_;
  ConnectionId last_id_ = 0;
  std::size_t untrusted_ = 0;  // accepted ones
  std::uint64_t turned_away_ = 0;
  bool stopped_ = false;
};

AsioTransport::AsioTransport(asio::io_context& context, std::string listen,
                             AsioTransportLimits limits)
    : impl_(std::make_shared<Impl>(context, std::move(listen), limits)) {}

AsioTransport::~AsioTransport() {
  impl_->stop();
}

boost::system::result<void> AsioTransport::start(Callbacks callbacks) {
  return impl_->start(std::move(callbacks));
}
ConnectionId AsioTransport::dial(const std::string& address) {
  return impl_->dial(address);
}
bool AsioTransport::send(ConnectionId connection, std::string frames) {
  return impl_->send(connection, std::move(frames));
}
std::size_t AsioTransport::queued_bytes(ConnectionId connection) const {
  return impl_->queued_bytes(connection);
}
void AsioTransport::close(ConnectionId connection) {
  impl_->close(connection);
}
void AsioTransport::trust(ConnectionId connection) {
  impl_->trust(connection);
}
void AsioTransport::stop() {
  impl_->stop();
}
std::uint16_t AsioTransport::port() const {
  return impl_->port();
}
std::uint64_t AsioTransport::turned_away() const {
  return impl_->turned_away();
}

}  // namespace cairn::net
