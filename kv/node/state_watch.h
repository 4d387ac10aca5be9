// The leader's side of comparing states: replicas say what their hash was at an applied index, and
// where they do not agree a majority of the voters says who is the odd one (hazard Z8). Only words
// about the same index count together, and who is quarantined already has no say: so a majority
// always stands against whoever is found odd, and is left. Without one - two against two, one
// against one - it is told and nobody is touched. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kv/engine/engine.h"
#include "kv/placement/member.h"
#include "raft/types.h"

namespace cairn::kv {

/// A replica's word about a group, and the leader's about that word.
struct StateWord {
  raft::GroupId group = 0;
  raft::Index index = 0;
  std::uint64_t hash = 0;
  bool odd = false;  // it is quarantined
};
enum class StateVerdict : std::uint8_t {
  kUnknown = 0,  // the leader does not remember that index, or is not there yet
  kEqual = 1,
  kDiffers = 2,  // and no majority says whose fault it is
  kOdd = 3,      // a majority of the voters says otherwise
};
struct StateAnswer {
  raft::GroupId group = 0;
  raft::Index index = 0;
  StateVerdict verdict = StateVerdict::kUnknown;
};
[[nodiscard]] std::string encode_state_words(const std::vector<StateWord>& words);
/// nullopt: malformed, or hashes of another making, which say nothing here.
[[nodiscard]] std::optional<std::vector<StateWord>> decode_state_words(std::string_view bytes);
[[nodiscard]] std::string encode_state_answers(const std::vector<StateAnswer>& answers);
[[nodiscard]] std::optional<std::vector<StateAnswer>> decode_state_answers(std::string_view bytes);

class StateWatch {
 public:
  /// Who decides: two lists while a group is between two sets of voters, and both must agree.
  using Voters = std::vector<std::vector<NodeNumber>>;
  /// `own`: what this node, the leader, had at that index.
  StateVerdict heard(const StateWord& word, NodeNumber from, std::optional<std::uint64_t> own,
                     NodeNumber self, const Voters& voters);
  /// A majority of the voters says that the leader's own state is the odd one; where.
  [[nodiscard]] std::optional<raft::Index> leader_odd_at(raft::GroupId group) const;
  /// Who differs from the leader, and where that was seen last.
  using Differing = std::map<std::pair<raft::GroupId, NodeNumber>, raft::Index>;
  [[nodiscard]] const Differing& differing() const { return differing_; }
  [[nodiscard]] std::uint64_t compared() const { return compared_; }
  /// This node leads the group no more, or its state was made anew.
  void forget(raft::GroupId group);
  void forget_node(NodeNumber node);
  /// Only these have a replica of the group.
  void keep(raft::GroupId group, const std::vector<NodeNumber>& nodes);

 private:
  static constexpr std::size_t kIndexesKept = 64;
  using Said = std::map<NodeNumber, std::uint64_t>;

  std::map<raft::GroupId, std::map<raft::Index, Said>> said_;
  std::map<raft::GroupId, raft::Index> leader_odd_;
  Differing differing_;
  std::uint64_t compared_ = 0;
};

}  // namespace cairn::kv
