#include "tools/lib/http_client.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace cairn::tools {
namespace {

std::string error_text(int error) {
  return std::strerror(error);
}

// Waits until the socket can be read or written; false at the deadline.
bool wait_for(int socket, short events, std::chrono::steady_clock::time_point deadline) {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd wait{socket, events, 0};
    const int milliseconds = static_cast<int>(std::min<std::int64_t>(left.count(), 60'000));
    const int got = ::poll(&wait, 1, milliseconds);
    if (got > 0) return true;
    if (got < 0 && errno != EINTR) return false;
  }
}

}  // namespace

int begin_connect(const Endpoint& endpoint, std::string& error) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(endpoint.port);
  if (const int code = ::getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &found)) {
    error = ::gai_strerror(code);
    return -1;
  }
  const int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  const int socket = ::socket(found->ai_family, found->ai_socktype | flags, found->ai_protocol);
  int failure = socket < 0 ? errno : 0;
  if (socket >= 0) {
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(socket, found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS) {
      failure = errno;
    }
  }
  ::freeaddrinfo(found);
  if (failure == 0) return socket;
  if (socket >= 0) ::close(socket);
  error = error_text(failure);
  return -1;
}

std::string connect_result(int socket) {
  int code = 0;
  socklen_t size = sizeof code;
  if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &size) != 0) code = errno;
  return code == 0 ? "" : error_text(code);
}

void HttpClient::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
  reader_.clear();
}

std::string HttpClient::connect(Deadline deadline) {
  std::string error;
  socket_ = begin_connect(endpoint_, error);
  if (socket_ < 0) return error;
  if (!wait_for(socket_, POLLOUT, deadline)) return "no connection in time";
  return connect_result(socket_);
}

std::string HttpClient::write_all(const std::string& bytes, Deadline deadline) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const auto n = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n >= 0) {
      sent += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      if (!wait_for(socket_, POLLOUT, deadline)) return "the request was not taken in time";
    } else if (errno != EINTR) {
      return error_text(errno);
    }
  }
  return "";
}

std::string HttpClient::read_answer(HttpResponse& response, bool to_head, Deadline deadline) {
  std::array<char, 64 << 10> piece;
  for (;;) {
    switch (reader_.next(response, to_head)) {
      case ResponseReader::Outcome::kAnswer:
        return "";
      case ResponseReader::Outcome::kBroken:
        return "the answer is not HTTP/1.1";
      case ResponseReader::Outcome::kNeedMore:
        break;
    }
    if (!wait_for(socket_, POLLIN, deadline)) return "no answer in time";
    const auto n = ::recv(socket_, piece.data(), piece.size(), 0);
    if (n > 0) {
      if (idle_.count() > 0) deadline = std::chrono::steady_clock::now() + idle_;
      reader_.feed(piece.data(), static_cast<std::size_t>(n));
    } else if (n == 0) {
      const bool whole = reader_.end(response) == ResponseReader::Outcome::kAnswer;
      return whole ? "" : "the connection was closed before an answer";
    } else if (errno != EAGAIN && errno != EINTR) {
      return error_text(errno);
    }
  }
}

Exchange HttpClient::download(const HttpRequest& request, std::chrono::milliseconds idle,
                              ResponseReader::Sink sink) {
  reader_.set_sink(std::move(sink));
  idle_ = idle;
  Exchange exchange = send(request, std::chrono::steady_clock::now() + idle);
  idle_ = std::chrono::milliseconds(0);
  reader_.set_sink(nullptr);
  return exchange;
}

Exchange HttpClient::send(const HttpRequest& request, Deadline deadline) {
  Exchange exchange;
  if (socket_ >= 0) {
    // A kept connection that the server has closed meanwhile must not look like a lost request.
    pollfd wait{socket_, POLLIN, 0};
    if (::poll(&wait, 1, 0) != 0) close();
  }
  if (socket_ < 0) {
    exchange.error = connect(deadline);
    if (!exchange.error.empty()) {
      close();
      return exchange;
    }
  }
  exchange.connected = true;
  HttpResponse response;
  // A server may refuse before it has read all: its answer says more than the failed write.
  const std::string not_sent = write_all(request.bytes(endpoint_), deadline);
  exchange.error = read_answer(response, request.method == "HEAD", deadline);
  if (!exchange.error.empty() || response.closes || !not_sent.empty()) close();
  if (exchange.error.empty()) {
    exchange.response = std::move(response);
  } else if (!not_sent.empty()) {
    exchange.error = not_sent;
  }
  return exchange;
}

}  // namespace cairn::tools
