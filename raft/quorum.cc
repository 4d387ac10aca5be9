#include "raft/quorum.h"

#include <functional>

namespace cairn::raft {

bool contains(const std::vector<NodeId>& sorted, NodeId id) {
  return std::binary_search(sorted.begin(), sorted.end(), id);
}

bool is_voter(const Configuration& config, NodeId id) {
  return contains(config.voters, id) || contains(config.voters_outgoing, id);
}

bool is_member(const Configuration& config, NodeId id) {
  return is_voter(config, id) || contains(config.learners, id);
}

std::vector<NodeId> members_of(const Configuration& config) {
  std::vector<NodeId> all;
  all.reserve(config.voters.size() + config.voters_outgoing.size() + config.learners.size());
  all.insert(all.end(), config.voters.begin(), config.voters.end());
  all.insert(all.end(), config.voters_outgoing.begin(), config.voters_outgoing.end());
  all.insert(all.end(), config.learners.begin(), config.learners.end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

Index majority_value(Index* values, std::size_t count) {
  // Descending: the value at place majority-1 is held or passed by a majority.
  std::sort(values, values + count, std::greater<>());
  return values[majority_of(count) - 1];
}

}  // namespace cairn::raft
