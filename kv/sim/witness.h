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

/// Where in the log a call took place, for the order in which a search tries them.
[[nodiscard]] std::uint64_t place_of(const Seen& seen, const Model& model);

[[nodiscard]] WitnessVerdict judge_calls(const std::vector<std::shared_ptr<Seen>>& calls,
                                         const std::map<raft::GroupId, Model>& models,
                                         std::uint32_t partitions);

}  // namespace cairn::kv::sim
