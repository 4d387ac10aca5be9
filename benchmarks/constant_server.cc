// What the load generator is measured against: a server that does nothing. One thread, epoll; each
// request without a body is answered with the same bytes, one write for all that came in one read.
//
//   constant_server 23080 &
//   kvbench --endpoints http://127.0.0.1:23080 --workload get --no-load --clients 64 --duration 10s
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

namespace {

constexpr std::string_view kBody =
    R"({"key":"k000000000000042","value":"0123456789abcdef","create_revision":1,)"
    R"("mod_revision":1,"version":1})";

std::string constant_answer() {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(kBody.size()) + "\r\n\r\n" + std::string(kBody);
}

int listen_on(std::uint16_t port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return -1;
  return ::listen(listener, 512) == 0 ? listener : -1;
}

void watch(int epoll, int socket) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = socket;
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event);
}

// How many requests end in these bytes; `matched` is how much of a blank line came before.
std::size_t requests_in(std::string_view bytes, unsigned& matched) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  std::size_t count = 0;
  for (const char c : bytes) {
    matched = c == kEnd[matched] ? matched + 1 : (c == '\r' ? 1 : 0);
    if (matched < kEnd.size()) continue;
    matched = 0;
    ++count;
  }
  return count;
}

// False: the connection has ended, or its client does not read.
bool serve(int socket, unsigned& matched, const std::string& answer) {
  static std::array<char, 64 << 10> piece;
  const auto got = ::recv(socket, piece.data(), piece.size(), 0);
  if (got <= 0) return false;
  std::string out;
  for (auto n = requests_in({piece.data(), static_cast<std::size_t>(got)}, matched); n > 0; --n) {
    out += answer;
  }
  return ::send(socket, out.data(), out.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(out.size());
}

}  // namespace

int main(int argc, char** argv) {
  const int listener = argc == 2 ? listen_on(static_cast<std::uint16_t>(std::atoi(argv[1]))) : -1;
  if (listener < 0) {
    std::fprintf(stderr, "error: constant_server PORT, which must be free\n");
    return 2;
  }
  const std::string answer = constant_answer();
  const int epoll = ::epoll_create1(0);
  watch(epoll, listener);
  std::map<int, unsigned> matched;
  for (std::array<epoll_event, 256> events;;) {
    const int n = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < n; ++i) {
      const int socket = events[static_cast<std::size_t>(i)].data.fd;
      if (socket == listener) {
        const int client = ::accept(listener, nullptr, nullptr);
        const int on = 1;
        ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        matched[client] = 0;
        watch(epoll, client);
      } else if (!serve(socket, matched[socket], answer)) {
        matched.erase(socket);
        ::close(socket);
      }
    }
  }
}
