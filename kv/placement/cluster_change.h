// From one cluster record to the next, and what the step means for each group. Pure: the metadata
// leader asks here, proposes the outcome, and the reconcilers carry it out.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "cairn/kv/store.h"
#include "kv/placement/cluster_record.h"

namespace cairn::kv {

/// Errors: kBadRequest, kUnknownNode, kMemberExists, kChangeUnderWay, kUnchanged. While nodes join
/// or leave, the only change allowed is to remove nodes that are still joining.
[[nodiscard]] Result<ClusterRecord> with_change(const ClusterRecord& now,
                                                const MemberChange& change);
/// The learner gets votes: kUnknownNode, kUnchanged, kChangeUnderWay.
[[nodiscard]] Result<ClusterRecord> with_promoted(const ClusterRecord& now, NodeNumber node);
/// The node comes back with an empty directory of this incarnation, as a new member in the old
/// one's places. At any time.
[[nodiscard]] Result<ClusterRecord> with_rejoined(const ClusterRecord& now, NodeNumber node,
                                                  std::uint64_t incarnation);
/// A node that was added is met for the first time. At any time.
[[nodiscard]] Result<ClusterRecord> with_met(const ClusterRecord& now, NodeNumber node,
                                             std::uint64_t incarnation);
/// A node's peers dial it here from now on.
[[nodiscard]] Result<ClusterRecord> with_address(const ClusterRecord& now, NodeNumber node,
                                                 const std::string& peer);
/// All groups are as wanted: joining nodes are active, leaving ones gone.
[[nodiscard]] ClusterRecord with_settled(const ClusterRecord& now);

struct PlanFacts {
  std::function<bool(NodeNumber)> alive;
  std::function<std::uint64_t(raft::GroupId)> bytes;
};
[[nodiscard]] MemberPlan plan_of(const ClusterRecord& before, const ClusterRecord& after,
                                 const PlanFacts& facts);
/// No phase may leave a group without a living majority: kQuorumLost names the group.
[[nodiscard]] Result<void> check_plan(const MemberPlan& plan);

}  // namespace cairn::kv
