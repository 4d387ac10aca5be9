#include "net/framed_listener.h"

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <utility>

#include "net/address.h"

namespace cairn::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::milliseconds kAcceptPause{100};  // after "too many open files" and the like

}  // namespace

class FramedListener::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& context, Accepted accepted)
      : acceptor_(context), pause_(context), accepted_(std::move(accepted)) {}

  error_code listen(const std::string& address) {
    const auto at = parse_host_port(address);
    if (!at) return make_error_code(boost::system::errc::invalid_argument);
    error_code error;
    auto ip = asio::ip::make_address(at->host.empty() ? "0.0.0.0" : at->host, error);
    if (error) {
      tcp::resolver resolver(acceptor_.get_executor());
      const auto found = resolver.resolve(at->host, std::to_string(at->port), error);
      if (error) return error;
      ip = found.begin()->endpoint().address();
    }
    const tcp::endpoint endpoint(ip, at->port);
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

  void stop() {
    stopped_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
  }

  std::uint16_t port() const {
    error_code error;
    const tcp::endpoint local = acceptor_.local_endpoint(error);
    return error ? std::uint16_t{0} : local.port();
  }

 private:
  void on_accept(const error_code& error, tcp::socket socket) {
    if (stopped_) return;
    if (!error || error == asio::error::connection_aborted) {
      accept();  // first: the callback may throw
      if (!error) accepted_(std::move(socket));
      return;
    }
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([self = shared_from_this()](const error_code& cancelled) {
      if (!cancelled && !self->stopped_) self->accept();
    });
  }

  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  const Accepted accepted_;
  bool stopped_ = false;
};

boost::system::result<std::unique_ptr<FramedListener>> FramedListener::open(
    asio::io_context& context, const std::string& address, Accepted accepted) {
  auto impl = std::make_shared<Impl>(context, std::move(accepted));
  if (const error_code error = impl->listen(address); error) return error;
  impl->accept();
  return std::unique_ptr<FramedListener>(new FramedListener(std::move(impl)));
}

FramedListener::FramedListener(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
FramedListener::~FramedListener() {
  impl_->stop();
}
std::uint16_t FramedListener::port() const {
  return impl_->port();
}
void FramedListener::stop() {
  impl_->stop();
}

}  // namespace cairn::net
