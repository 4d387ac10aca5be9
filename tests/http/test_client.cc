#include "tests/http/test_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace cairn::http {

Client::Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval patience{10, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const int on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    ::close(socket_);
    throw std::runtime_error("can't connect");
  }
}

Client::~Client() {
  if (socket_ >= 0) ::close(socket_);
}

bool Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

void Client::finish_sending() {
  ::shutdown(socket_, SHUT_WR);
}

bool Client::more() {
  char chunk[65536];
  const ssize_t n = ::recv(socket_, chunk, sizeof chunk, 0);
  if (n <= 0) return false;
  unread_.append(chunk, static_cast<std::size_t>(n));
  return true;
}

Answer Client::read(bool head_only) {
  std::size_t end;
  while ((end = unread_.find("\r\n\r\n")) == std::string::npos) {
    if (!more()) return {};
  }
  Answer answer;
  const std::string head = unread_.substr(0, end + 2);
  unread_.erase(0, end + 4);
  answer.status = std::stoi(head.substr(9, 3));
  for (std::size_t at = head.find("\r\n") + 2; at < head.size();) {
    const std::size_t line_end = head.find("\r\n", at);
    const std::size_t colon = head.find(": ", at);
    std::string name = head.substr(at, colon - at);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    answer.fields[name] = head.substr(colon + 2, line_end - colon - 2);
    at = line_end + 2;
  }
  const std::string length = answer.field("content-length");
  if (!head_only && !length.empty()) answer.body = read_bytes(std::stoul(length));
  if (answer.field("transfer-encoding") == "chunked") answer.body = read_chunks();
  return answer;
}

std::string Client::read_chunks() {
  std::string body;
  for (;;) {
    std::size_t end;
    while ((end = unread_.find("\r\n")) == std::string::npos) {
      if (!more()) return "the body has no end";
    }
    const std::size_t size = std::stoul(unread_.substr(0, end), nullptr, 16);
    unread_.erase(0, end + 2);
    body += read_bytes(size);
    if (read_bytes(2) != "\r\n") return "a chunk has no end";
    if (size == 0) return body;
  }
}

std::string Client::read_bytes(std::size_t n) {
  while (unread_.size() < n && more()) {
  }
  n = std::min(n, unread_.size());
  std::string out = unread_.substr(0, n);
  unread_.erase(0, n);
  return out;
}

bool Client::ended() {
  char byte;
  return unread_.empty() && ::recv(socket_, &byte, 1, 0) == 0;
}

bool Client::readable_within(int milliseconds) const {
  pollfd waiting{socket_, POLLIN, 0};
  return ::poll(&waiting, 1, milliseconds) > 0;
}

std::string request(std::string_view method, std::string_view target, std::string_view body,
                    std::string_view fields) {
  std::string out(method);
  out += ' ';
  out += target;
  out += " HTTP/1.1\r\nHost: localhost\r\n";
  out += fields;
  if (!body.empty() || method == "PUT") {
    out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  out += "\r\n";
  out += body;
  return out;
}

}  // namespace cairn::http
