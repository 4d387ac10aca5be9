// Looks at the servers once a second while a run goes on: who leads, what their metrics say.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tools/bench/marks.h"
#include "tools/bench/metrics_page.h"
#include "tools/lib/http_client.h"

namespace cairn::tools::bench {

/// What a node's metrics said at one time.
struct Look {
  Clock::time_point at;
  MetricsPage page;
};

class Watcher {
 public:
  /// Begins now; `marks` outlives it.
  Watcher(const std::vector<Endpoint>& endpoints, Marks& marks);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  /// The first and the last look at each node within that time; none: it did not answer twice.
  struct Span {
    std::string node;  // "node 2", or its address
    Look first, last;
  };
  [[nodiscard]] std::vector<Span> spans(Clock::time_point from, Clock::time_point to) const;

 private:
  struct Node {
    explicit Node(const Endpoint& endpoint) : client(endpoint), name(endpoint.authority()) {}
    HttpClient client;
    bool answers = true;
    std::string name;         // its address until it has told its id; written under mutex_
    std::vector<Look> looks;  // guarded by mutex_
  };
  struct Leadership {
    std::uint64_t leader = 0, term = 0;
  };

  void run();
  void look_at(Node& node);
  void note_changes(const Node& node, const MetricsPage& before, const MetricsPage& now);
  void note_leaders(const std::string& cluster_view, Node& node);
  [[nodiscard]] std::optional<std::string> ask(Node& node, const char* target);

  Marks& marks_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<Leadership> leaders_;  // by partition
  mutable std::mutex mutex_;         // guards the looks and over_
  std::condition_variable over_cv_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace cairn::tools::bench
