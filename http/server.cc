#include "cairn/http/server.h"

#include <utility>

#include "http/server_impl.h"
#include "http/store_backend.h"

namespace cairn::http {

kv::Result<Server> Server::start(kv::Store& store, ServerOptions options) {
  auto impl = Impl::start(make_store_backend(store), std::move(options));
  if (!impl) return impl.error();
  return Server(std::move(*impl));
}

Server::Server(std::shared_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Server::Server(Server&&) noexcept = default;

Server& Server::operator=(Server&& other) noexcept {
  if (this != &other) {
    stop();
    impl_ = std::move(other.impl_);
  }
  return *this;
}

Server::~Server() {
  stop();
}

std::uint16_t Server::port() const noexcept {
  return impl_ ? impl_->port() : 0;
}
std::string Server::address() const {
  return impl_ ? impl_->address() : std::string();
}

void Server::stop() {
  if (impl_) impl_->stop();
}

}  // namespace cairn::http
