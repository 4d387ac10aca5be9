// Where the time of a run went: the first limit that explains its rate, in words.
#pragma once

#include <string>
#include <vector>

#include "tools/bench/tally.h"
#include "tools/bench/watcher.h"

namespace cairn::tools::bench {

/// A thread of a node, or the log's disk, as a share of the time (0 .. 1).
struct StageUse {
  std::string node;
  std::string stage;  // "loop" "log" "apply" "read" "background"
  double share = 0;
  std::string detail;  // "1240 syncs a second, 0.71 ms each"
};

struct Bottleneck {
  std::string verdict;  // one line
  std::vector<StageUse> stages;
  /// The server's own means, in nanoseconds; 0: not told.
  double request = 0;  // http_request_duration_seconds
  double round = 0;    // consensus_round_duration_seconds
  double sync = 0;     // a write and sync of the log
};

struct ClientUse {
  double share = 0;         // of its threads' time on a processor, 0 .. 1
  bool in_process = false;  // the store runs in it: then the share says nothing
  unsigned cores = 1;
  bool same_machine = false;
  double cpu = 0;  // processors' worth that the client used
};

constexpr double kClientLimit = 0.8;

[[nodiscard]] Bottleneck find_bottleneck(const std::vector<Watcher::Span>& spans,
                                         const Tally& tally, bool open_loop,
                                         const ClientUse& client);

}  // namespace cairn::tools::bench
