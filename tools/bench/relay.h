// A relay between the peers of --cluster, so that one of them can be cut off without privileges.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace cairn::tools::bench {

/// Carries the bytes of each connection made to route i's port to node i. While node i is cut off,
/// nothing moves on connections to it or from it: they stay open and silent, as with a network that
/// drops everything, and what was sent arrives after heal(). Who made a connection is looked up in
/// /proc among the nodes' processes.
class Relay {
 public:
  struct Route {
    std::uint16_t listen = 0;   // on 127.0.0.1
    std::uint16_t forward = 0;  // to 127.0.0.1
  };
  explicit Relay(std::vector<Route> routes);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  [[nodiscard]] std::string start();
  void set_process(std::size_t node, pid_t pid);
  void cut(std::size_t node);
  void heal(std::size_t node);

 private:
  struct Half {
    int socket = -1;
    std::vector<char> out{};  // to be written to this socket
    std::size_t out_at = 0;
  };
  struct Link {
    Half dialler, target;
    std::size_t from = 0;  // node; nodes(): not known
    std::size_t to = 0;
    bool dead = false;
  };

  void run();
  void accept(std::size_t route);
  [[nodiscard]] std::size_t who_dialled(std::uint16_t port);
  [[nodiscard]] bool silent(const Link& link);
  bool pump(Half& from, Half& to);
  static bool flush(Half& half);
  static void close(Link& link);
  void wake();

  std::vector<Route> routes_;
  std::vector<int> listeners_;
  int wake_pipe_[2] = {-1, -1};
  std::mutex mutex_;  // guards the two below
  std::vector<pid_t> processes_;
  std::vector<bool> cut_;
  std::atomic<bool> stopping_{false};
  std::vector<Link> links_;  // the relay's thread
  std::vector<char> piece_;  // likewise
  std::thread thread_;
};

}  // namespace cairn::tools::bench
