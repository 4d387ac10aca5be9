// Where a key lives and who leads there, as far as this node knows. The placement is the cluster's;
// leaders are hints, learned from the own replica, gossip and redirects, newest term first.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "kv/placement/placement.h"
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
  /// The metadata group lives on the first five founders by id.
  Routes(Placement placement, std::vector<raft::NodeId> founders);

  [[nodiscard]] std::uint32_t partitions() const;
  [[nodiscard]] std::uint32_t epoch() const;
  [[nodiscard]] raft::GroupId group_of(std::string_view key) const;
  /// First one preferred as leader.
  [[nodiscard]] const std::vector<raft::NodeId>& members(raft::GroupId group) const;
  [[nodiscard]] bool known(raft::GroupId group) const;

  [[nodiscard]] raft::NodeId leader(raft::GroupId group) const;
  /// Word of a leader; older terms are ignored. A term of 0 is a hint without one (a redirect).
  void leads(raft::GroupId group, raft::Term term, raft::NodeId node);
  /// `node` is down or said it does not lead `group`.
  void forget(raft::GroupId group, raft::NodeId node);
  void forget(raft::NodeId node);

 private:
  struct Lead {
    raft::NodeId node = raft::kNobody;
    raft::Term term = 0;
  };
  Placement placement_;
  std::vector<raft::NodeId> metadata_members_;
  std::vector<Lead> leads_;  // by group
};

}  // namespace cairn::kv
