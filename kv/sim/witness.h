// The exact witness of linearizability: each call's place in the committed log lies between its
// begin and its end, and the model at that place gives what the client saw. Linear in the number of
// calls; the black-box search of history.h must come to the same verdict.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kv/sim/clients.h"
#include "kv/sim/model.h"

namespace cairn::kv::sim {

struct WitnessVerdict {
  std::vector<std::string> failures;
  std::uint64_t judged = 0;
};

/// Where in the log each call took place, for the order in which a search tries them.
class Places {
 public:
  Places(const std::vector<std::shared_ptr<Seen>>& calls,
         const std::map<raft::GroupId, Model>& models);
  [[nodiscard]] std::uint64_t of(const Seen& seen) const;

 private:
  const std::map<raft::GroupId, Model>& models_;
  /// Removals have no value by which to know them: those that no answered call owns are given to
  /// the unanswered ones, first come, first served.
  std::map<const Seen*, raft::Index> removals_;
};

[[nodiscard]] WitnessVerdict judge_calls(const std::vector<std::shared_ptr<Seen>>& calls,
                                         const std::map<raft::GroupId, Model>& models,
                                         std::uint32_t partitions);

}  // namespace cairn::kv::sim
