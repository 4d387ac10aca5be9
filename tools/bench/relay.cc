#include "tools/bench/relay.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace cairn::tools::bench {
namespace {

constexpr std::size_t kPiece = 64 << 10;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

int new_socket() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

/// The inode of the loopback socket with this local port, as /proc names it; empty: none.
std::string inode_of(std::uint16_t port) {
  std::ifstream table("/proc/net/tcp");
  std::array<char, 16> wanted{};
  std::snprintf(wanted.data(), wanted.size(), "0100007F:%04X", port);
  std::string line;
  std::getline(table, line);
  while (std::getline(table, line)) {
    // sl local rem st queues timer retransmits uid timeout inode
    std::istringstream fields(line);
    std::string slot, local, word;
    fields >> slot >> local;
    if (local != wanted.data()) continue;
    for (int i = 0; i < 8; ++i) fields >> word;
    return word;
  }
  return "";
}

bool has_socket(pid_t process, const std::string& inode) {
  std::error_code error;
  const std::string wanted = "socket:[" + inode + "]";
  const std::filesystem::path folder = "/proc/" + std::to_string(process) + "/fd";
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code gone;
    if (std::filesystem::read_symlink(at->path(), gone) == wanted) return true;
  }
  return false;
}

}  // namespace

Relay::Relay(std::vector<Route> routes)
    : routes_(std::move(routes)),
      processes_(routes_.size()),
      cut_(routes_.size()),
      piece_(kPiece) {}

Relay::~Relay() {
  stopping_ = true;
  wake();
  if (thread_.joinable()) thread_.join();
  for (Link& link : links_) close(link);
  for (const int socket : listeners_) ::close(socket);
  for (const int end : wake_pipe_) {
    if (end >= 0) ::close(end);
  }
}

std::string Relay::start() {
  if (::pipe2(wake_pipe_, O_NONBLOCK | O_CLOEXEC) != 0) return std::strerror(errno);
  for (const Route& route : routes_) {
    const int socket = new_socket();
    listeners_.push_back(socket);
    const int on = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_in address = loopback(route.listen);
    if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(socket, 64) != 0) {
      return "relay: port " + std::to_string(route.listen) + ": " + std::strerror(errno);
    }
  }
  thread_ = std::thread([this] { run(); });
  return "";
}

void Relay::set_process(std::size_t node, pid_t pid) {
  const std::lock_guard lock(mutex_);
  processes_[node] = pid;
}

void Relay::cut(std::size_t node) {
  {
    const std::lock_guard lock(mutex_);
    cut_[node] = true;
  }
  wake();
}

void Relay::heal(std::size_t node) {
  {
    const std::lock_guard lock(mutex_);
    cut_[node] = false;
  }
  wake();
}

void Relay::wake() {
  const char byte = 0;
  [[maybe_unused]] const auto written = ::write(wake_pipe_[1], &byte, 1);
}

bool Relay::silent(const Link& link) {
  const std::lock_guard lock(mutex_);
  return cut_[link.to] || (link.from < cut_.size() && cut_[link.from]);
}

std::size_t Relay::who_dialled(std::uint16_t port) {
  const std::string inode = inode_of(port);
  std::vector<pid_t> processes;
  {
    const std::lock_guard lock(mutex_);
    processes = processes_;
  }
  std::size_t node = 0;
  while (node < processes.size() &&
         (inode.empty() || processes[node] == 0 || !has_socket(processes[node], inode))) {
    ++node;
  }
  return node;
}

void Relay::accept(std::size_t route) {
  sockaddr_in from{};
  socklen_t size = sizeof from;
  const int dialler = ::accept4(listeners_[route], reinterpret_cast<sockaddr*>(&from), &size,
                                SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (dialler < 0) return;
  const int on = 1;
  ::setsockopt(dialler, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  Link link;
  link.dialler.socket = dialler;
  link.from = who_dialled(ntohs(from.sin_port));
  link.to = route;
  link.target.socket = new_socket();
  const sockaddr_in to = loopback(routes_[route].forward);
  // A node that is down refuses: so shall this connection.
  if (::connect(link.target.socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 &&
      errno != EINPROGRESS) {
    close(link);
    return;
  }
  links_.push_back(std::move(link));
}

bool Relay::flush(Half& half) {
  while (half.out_at < half.out.size()) {
    const auto n = ::send(half.socket, half.out.data() + half.out_at, half.out.size() - half.out_at,
                          MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR || errno == ENOTCONN;
    half.out_at += static_cast<std::size_t>(n);
  }
  half.out.clear();
  half.out_at = 0;
  return true;
}

// What has come from one end goes to the other; read only once all before is written.
bool Relay::pump(Half& from, Half& to) {
  if (!to.out.empty()) return flush(to);
  const auto n = ::recv(from.socket, piece_.data(), piece_.size(), 0);
  if (n == 0) return false;
  if (n < 0) return errno == EAGAIN || errno == EINTR || errno == ENOTCONN;
  to.out.assign(piece_.begin(), piece_.begin() + n);
  return flush(to);
}

void Relay::close(Link& link) {
  for (Half* half : {&link.dialler, &link.target}) {
    if (half->socket >= 0) ::close(half->socket);
    half->socket = -1;
  }
  link.dead = true;
}

void Relay::run() {
  std::vector<pollfd> polled;
  while (!stopping_) {
    polled.clear();
    polled.push_back({wake_pipe_[0], POLLIN, 0});
    for (const int socket : listeners_) polled.push_back({socket, POLLIN, 0});
    const std::size_t links = links_.size();
    for (const Link& link : links_) {
      const bool still = silent(link);
      const auto events = [still](const Half& own, const Half& other) {
        // Written to first, then read from the other: a full end stops its reader.
        return static_cast<short>((own.out.empty() ? 0 : POLLOUT) |
                                  (other.out.empty() ? POLLIN : 0)) *
               (still ? 0 : 1);
      };
      // A negative descriptor is not looked at: a cut link shows not even its end.
      polled.push_back({still ? -1 : link.dialler.socket,
                        static_cast<short>(events(link.dialler, link.target)), 0});
      polled.push_back({still ? -1 : link.target.socket,
                        static_cast<short>(events(link.target, link.dialler)), 0});
    }
    if (::poll(polled.data(), polled.size(), 1000) <= 0) continue;
    std::array<char, 64> bytes;
    while (::read(wake_pipe_[0], bytes.data(), bytes.size()) > 0) {
    }
    for (std::size_t i = 0; i < links; ++i) {
      Link& link = links_[i];
      const auto& dialler = polled[1 + listeners_.size() + 2 * i];
      const auto& target = polled[2 + listeners_.size() + 2 * i];
      if (dialler.revents == 0 && target.revents == 0) continue;
      if (!pump(link.dialler, link.target) || !pump(link.target, link.dialler)) close(link);
    }
    std::erase_if(links_, [](const Link& link) { return link.dead; });
    for (std::size_t i = 0; i < listeners_.size(); ++i) {
      if (polled[1 + i].revents != 0) accept(i);
    }
  }
}

}  // namespace cairn::tools::bench
