// Where a key lives and who leads there, as far as this node knows. Which nodes are wanted where is
// the cluster record's; leaders are hints, learned from the own replica, gossip and redirects,
// newest term first. Speaks of nodes, not of members.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "kv/placement/cluster_record.h"
#include "raft/types.h"

namespace cairn::kv {

inline constexpr raft::GroupId kMetadataGroup = 0;
[[nodiscard]] constexpr raft::GroupId group_of_partition(std::uint32_t partition) {
  return partition + 1;
}
[[nodiscard]] constexpr std::uint32_t partition_of_group(raft::GroupId group) {
  return group - 1;
}

class Routes {
 public:
  Routes() = default;
  /// The record changed: who leads is still known.
  void update(const ClusterRecord& record);

  [[nodiscard]] std::uint32_t partitions() const;
  /// Of the map from keys to partitions, which commands carry: it never changed yet.
  [[nodiscard]] std::uint32_t epoch() const { return 1; }
  [[nodiscard]] raft::GroupId group_of(std::string_view key) const;
  /// Nodes that are wanted there, with a vote; the first one is preferred as leader. While the
  /// group is on its way, others may hold it still.
  [[nodiscard]] const std::vector<raft::NodeId>& members(raft::GroupId group) const;
  [[nodiscard]] bool known(raft::GroupId group) const;

  [[nodiscard]] raft::NodeId leader(raft::GroupId group) const;
  /// In which the leader was heard of last.
  [[nodiscard]] raft::Term term(raft::GroupId group) const;
  /// Word of a leader, any node of the cluster; older terms are ignored. A term of 0 is a hint
  /// without one (a redirect).
  void leads(raft::GroupId group, raft::Term term, raft::NodeId node);
  /// `node` is down or said it does not lead `group`.
  void forget(raft::GroupId group, raft::NodeId node);
  void forget(raft::NodeId node);

 private:
  struct Lead {
    raft::NodeId node = raft::kNobody;
    raft::Term term = 0;
  };
  HashParams hash_;
  std::vector<NodeNumber> nodes_;                 // sorted
  std::vector<std::vector<NodeNumber>> members_;  // by group
  std::vector<Lead> leads_;                       // by group
};

}  // namespace cairn::kv
