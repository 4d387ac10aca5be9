// Majority arithmetic, pure. A joint configuration decides only what both of its halves decide
// (dissertation 4.3). Learners never count.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "raft/types.h"

namespace cairn::raft {

enum class VoteResult { kPending, kWon, kLost };
enum class Ballot { kMissing, kYes, kNo };

inline std::size_t majority_of(std::size_t members) {
  return members / 2 + 1;
}

/// Sorted lists: membership by binary search.
bool contains(const std::vector<NodeId>& sorted, NodeId id);
bool is_voter(const Configuration& config, NodeId id);
bool is_member(const Configuration& config, NodeId id);

inline bool is_joint(const Configuration& config) {
  return !config.voters_outgoing.empty();
}
inline bool is_empty(const Configuration& config) {
  return config.voters.empty() && config.learners.empty() && config.voters_outgoing.empty();
}

/// Everyone in the configuration, sorted, once.
std::vector<NodeId> members_of(const Configuration& config);

/// The largest value that a majority has reached. `values` is reordered.
Index majority_value(Index* values, std::size_t count);

namespace detail {

inline constexpr std::size_t kMembersOnStack = 16;

template <typename Reached>
Index half_value(const std::vector<NodeId>& half, Reached&& reached) {
  if (half.size() <= kMembersOnStack) {
    std::array<Index, kMembersOnStack> values{};
    std::transform(half.begin(), half.end(), values.begin(), reached);
    return majority_value(values.data(), half.size());
  }
  std::vector<Index> values(half.size());
  std::transform(half.begin(), half.end(), values.begin(), reached);
  return majority_value(values.data(), half.size());
}

template <typename Vote>
VoteResult half_result(const std::vector<NodeId>& half, Vote&& vote) {
  std::size_t yes = 0;
  std::size_t no = 0;
  for (NodeId id : half) {
    Ballot ballot = vote(id);
    yes += ballot == Ballot::kYes;
    no += ballot == Ballot::kNo;
  }
  if (yes >= majority_of(half.size())) return VoteResult::kWon;
  if (half.size() - no < majority_of(half.size())) return VoteResult::kLost;
  return VoteResult::kPending;
}

}  // namespace detail

/// The largest value reached by a quorum, where `reached(id)` is what member `id` has reached.
/// 0 without voters: an empty configuration decides nothing.
template <typename Reached>
Index quorum_value(const Configuration& config, Reached&& reached) {
  if (config.voters.empty()) return 0;
  Index value = detail::half_value(config.voters, reached);
  if (!config.voters_outgoing.empty()) {
    value = std::min(value, detail::half_value(config.voters_outgoing, reached));
  }
  return value;
}

/// Counts ballots: `vote(id)` gives member `id`'s.
template <typename Vote>
VoteResult quorum_vote(const Configuration& config, Vote&& vote) {
  if (config.voters.empty()) return VoteResult::kLost;
  VoteResult incoming = detail::half_result(config.voters, vote);
  if (config.voters_outgoing.empty()) return incoming;
  VoteResult outgoing = detail::half_result(config.voters_outgoing, vote);
  if (incoming == outgoing) return incoming;
  if (incoming == VoteResult::kLost || outgoing == VoteResult::kLost) return VoteResult::kLost;
  return VoteResult::kPending;
}

/// Do those for whom `present(id)` holds form a quorum?
template <typename Present>
bool quorum_present(const Configuration& config, Present&& present) {
  return quorum_vote(config, [&](NodeId id) { return present(id) ? Ballot::kYes : Ballot::kNo; }) ==
         VoteResult::kWon;
}

}  // namespace cairn::raft
