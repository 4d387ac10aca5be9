// Nodes of kvd that this program starts for a run and ends after it: --cluster N.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "tools/bench/relay.h"
#include "tools/lib/http_message.h"
#include "wal/thread_executor.h"

namespace cairn::tools::bench {

/// kvd from the directory of this program, data in a new temporary directory, ports of loopback
/// that the system chose. Nothing of it outlives this object, nor this process. Any thread.
class Cluster {
 public:
  struct Plan {
    std::size_t nodes = 3;
    std::vector<std::string> flags;
    /// Peers reach each other through a relay of this process, so that cut() can be.
    bool relayed = false;
  };
  explicit Cluster(Plan plan);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  /// Starts all and waits until they are ready; an error has the last words of a node that is not.
  [[nodiscard]] std::string start();

  /// Ends all nodes and removes their directory: as the destructor, from any thread.
  void abandon();

  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] std::vector<Endpoint> endpoints() const;
  [[nodiscard]] const std::string& directory() const { return directory_; }
  /// The index of the node that leads partition 0, as any node sees it; size(): none does.
  [[nodiscard]] std::size_t leader() const;

  // Of node `i`, from 0:
  void kill(std::size_t i);
  /// An error if it cannot be started.
  [[nodiscard]] std::string start_again(std::size_t i);
  void stop(std::size_t i);
  void go_on(std::size_t i);
  void cut(std::size_t i);
  void heal(std::size_t i);

 private:
  struct Node {
    std::uint16_t http = 0;
    std::uint16_t peer = 0;    // where it listens
    std::uint16_t listed = 0;  // what the others are told: the relay's, or the same
    pid_t pid = 0;             // 0: does not run
    std::string log;
  };

  [[nodiscard]] std::string prepare();
  [[nodiscard]] std::string wait_ready();
  [[nodiscard]] std::string spawn(std::size_t i);
  [[nodiscard]] std::vector<std::string> command(std::size_t i) const;
  [[nodiscard]] std::string last_words(const Node& node) const;
  void end_all();  // on the keeper's thread

  Plan plan_;
  std::string directory_;
  std::vector<Node> nodes_;  // pids: the keeper's thread
  bool ended_ = false;       // likewise
  std::unique_ptr<Relay> relay_;
  // A child asks to be killed when the thread that made it ends: this one ends last.
  wal::ThreadExecutor keeper_;
};

/// So many different TCP ports of loopback that were free a moment ago.
[[nodiscard]] std::vector<std::uint16_t> free_ports(std::size_t count);

}  // namespace cairn::tools::bench
