#include "http/server_impl.h"

#include <algorithm>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <charconv>
#include <optional>
#include <utility>

#include "http/session.h"

namespace cairn::http {
namespace {

using boost::asio::ip::tcp;
using std::chrono::milliseconds;

constexpr milliseconds kTickMax{250};
constexpr milliseconds kTickMin{5};
constexpr int kBacklog = 4096;
// Connections over the cap that are told so at the same time; more are just closed.
constexpr std::size_t kRefusalsMax = 64;

// A quarter of the shortest deadline: none is met later than that.
milliseconds tick_of(const ServerOptions& o) {
  const milliseconds shortest = std::min({o.head_timeout, o.request_timeout, o.idle_timeout,
                                          o.write_timeout, o.linger_timeout, o.stop_timeout});
  return std::clamp(shortest / 4, kTickMin, kTickMax);
}

struct HostPort {
  std::string host, port;
};

// "host:port" or "[address]:port". An empty host is refused: it would mean every interface.
std::optional<HostPort> split_listen(const std::string& listen) {
  const std::size_t colon = listen.rfind(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  HostPort out{listen.substr(0, colon), listen.substr(colon + 1)};
  unsigned port = 0;
  const char* end = out.port.data() + out.port.size();
  const auto parsed = std::from_chars(out.port.data(), end, port);
  if (out.port.empty() || parsed.ec != std::errc() || parsed.ptr != end || port > 65535) {
    return std::nullopt;
  }
  if (out.host.front() == '[' && out.host.back() == ']') {
    out.host = out.host.substr(1, out.host.size() - 2);
  } else if (out.host.find(':') != std::string::npos) {
    return std::nullopt;
  }
  return out;
}

kv::Error configuration(std::string detail) {
  return {kv::Errc::kConfiguration, std::move(detail)};
}

}  // namespace

kv::Result<void> validate(const ServerOptions& o) {
  const auto within = [](std::size_t n, std::size_t low, std::size_t high) {
    return n >= low && n <= high;
  };
  constexpr std::size_t kMiB = 1u << 20;
  if (!split_listen(o.listen)) return configuration("listen is not host:port: " + o.listen);
  if (!within(o.body_bytes_max, 1, 64 * kMiB))
    return configuration("body_bytes_max: 1 B .. 64 MiB");
  if (!within(o.head_bytes_max, 256, kMiB)) return configuration("head_bytes_max: 256 B .. 1 MiB");
  if (!within(o.fields_max, 4, 1000)) return configuration("fields_max: 4 .. 1,000");
  if (!within(o.target_bytes_max, 64, kMiB))
    return configuration("target_bytes_max: 64 B .. 1 MiB");
  if (!within(o.connections_max, 1, 1'000'000)) {
    return configuration("connections_max: 1 .. 1,000,000");
  }
  if (!within(o.pipeline_max, 1, 1024)) return configuration("pipeline_max: 1 .. 1,024");
  if (o.buffer_bytes_max < kMiB) return configuration("buffer_bytes_max: at least 1 MiB");
  if (o.write_bytes_per_second_min < 1024) {
    return configuration("write_bytes_per_second_min: at least 1 KiB");
  }
  if (!within(o.list_limit_max, 1, 10'000)) return configuration("list_limit_max: 1 .. 10,000");
  if (!within(o.list_limit_default, 1, o.list_limit_max)) {
    return configuration("list_limit_default: 1 .. list_limit_max");
  }
  if (!within(o.remove_limit_default, 1, o.list_limit_max)) {
    return configuration("remove_limit_default: 1 .. list_limit_max");
  }
  for (const milliseconds t : {o.head_timeout, o.request_timeout, o.idle_timeout, o.write_timeout,
                               o.linger_timeout, o.stop_timeout}) {
    if (t < milliseconds{10} || t > std::chrono::hours{24}) {
      return configuration("each timeout: 10 ms .. 24 h");
    }
  }
  return {};
}

Server::Impl::Impl(std::shared_ptr<Backend> backend, ServerOptions options)
    : executor_(backend->executor()),
      door_(std::make_shared<Door>(backend, std::move(options))),
      acceptor_(executor_),
      timer_(executor_),
      tick_(tick_of(door_->options())) {}

kv::Result<std::shared_ptr<Server::Impl>> Server::Impl::start(std::shared_ptr<Backend> backend,
                                                              ServerOptions options) {
  if (auto valid = validate(options); !valid) return valid.error();
  auto impl = std::make_shared<Impl>(std::move(backend), std::move(options));
  if (auto listening = impl->listen(); !listening) return listening.error();
  boost::asio::post(impl->executor_, [impl] { impl->begin(); });
  return impl;
}

kv::Result<void> Server::Impl::listen() {
  const std::string& where = door_->options().listen;
  const HostPort parts = *split_listen(where);
  boost::asio::io_context lookup;
  boost::system::error_code ec;
  const auto found = tcp::resolver(lookup).resolve(
      parts.host, parts.port, tcp::resolver::passive | tcp::resolver::numeric_service, ec);
  if (ec || found.empty()) return configuration("listen: can't resolve " + where);
  const tcp::endpoint endpoint = found.begin()->endpoint();

  acceptor_.open(endpoint.protocol(), ec);
  if (!ec) acceptor_.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec) acceptor_.bind(endpoint, ec);
  if (!ec) acceptor_.listen(kBacklog, ec);
  if (!ec) local_ = acceptor_.local_endpoint(ec);
  if (ec == boost::asio::error::address_in_use) {
    return kv::Error(kv::Errc::kAddressInUse, where);
  }
  if (ec == boost::system::errc::address_not_available) {
    return configuration("listen: this machine does not have the address " + where);
  }
  if (ec) return kv::Error(kv::Errc::kIo, "listen on " + where + ": " + ec.message());
  return {};
}

std::string Server::Impl::address() const {
  const auto host = local_.address();
  const std::string text = host.is_v6() ? "[" + host.to_string() + "]" : host.to_string();
  return text + ":" + std::to_string(local_.port());
}

void Server::Impl::begin() {
  {
    const std::lock_guard lock(mutex_);
    loop_thread_ = std::this_thread::get_id();
    if (stop_asked_) return;  // begin_stop() is on its way
  }
  accept();
}

void Server::Impl::accept() {
  acceptor_.async_accept(
      [self = shared_from_this()](boost::system::error_code ec, tcp::socket socket) {
        self->on_accept(ec, std::move(socket));
      });
}

void Server::Impl::on_accept(boost::system::error_code ec, tcp::socket socket) {
  if (door_->stopping()) return;
  if (ec) {
    // Out of descriptors, mostly. Not at once again: that would spin.
    accept_failed_ = true;
    return schedule_tick();
  }
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  boost::system::error_code blocks;
  socket.non_blocking(true, blocks);  // sessions write at once what the socket takes at once
  if (blocks) {
    schedule_tick();
    return accept();
  }
  const std::size_t max = door_->options().connections_max;
  if (door_->connections() < max + kRefusalsMax) {
    std::make_shared<TcpSession>(door_, std::move(socket))->start(door_->connections() >= max);
  } else {
    door_->metrics().refused(HttpMetrics::Refused::kConnection);
  }
  schedule_tick();
  accept();
}

// Runs only while there is something to watch: an idle server does not wake up.
void Server::Impl::schedule_tick() {
  if (tick_scheduled_) return;
  if (door_->connections() == 0 && !accept_failed_) return;
  tick_scheduled_ = true;
  timer_.expires_after(tick_);
  timer_.async_wait([self = shared_from_this()](boost::system::error_code ec) {
    self->tick_scheduled_ = false;
    if (!ec) self->on_tick();
  });
}

void Server::Impl::on_tick() {
  const auto now = Clock::now();
  door_->for_each([now](Connection& c) { c.tick(now); });
  if (now >= stop_deadline_) door_->for_each([](Connection& c) { c.abort(); });
  if (door_->stopping()) {
    if (door_->connections() == 0) return;
  } else if (std::exchange(accept_failed_, false)) {
    accept();
  }
  schedule_tick();
}

void Server::Impl::begin_stop() {
  if (door_->stopping()) return;
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  accept_failed_ = false;
  stop_deadline_ = Clock::now() + door_->options().stop_timeout;
  door_->wind_down([self = weak_from_this()] {
    if (const auto impl = self.lock()) impl->finish_stop();
  });
  if (door_->connections() == 0) return finish_stop();
  schedule_tick();
}

void Server::Impl::finish_stop() {
  timer_.cancel();
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

void Server::Impl::stop() {
  std::unique_lock lock(mutex_);
  const bool on_loop = loop_thread_ == std::this_thread::get_id();
  if (!std::exchange(stop_asked_, true)) {
    lock.unlock();
    boost::asio::dispatch(executor_, [self = shared_from_this()] { self->begin_stop(); });
    lock.lock();
  }
  if (on_loop) return;
  // Past the deadline only if the loop no longer runs; then nothing of ours runs either.
  changed_.wait_for(lock, door_->options().stop_timeout + std::chrono::seconds(2),
                    [this] { return stopped_; });
}

}  // namespace cairn::http
