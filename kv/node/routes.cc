#include "kv/node/routes.h"

#include <algorithm>
#include <set>
#include <utility>

namespace cairn::kv {
namespace {

constexpr std::size_t kMetadataMembersMax = 5;

}  // namespace

Routes::Routes(Placement placement, std::vector<raft::NodeId> founders)
    : placement_(std::move(placement)), metadata_members_(std::move(founders)) {
  std::sort(metadata_members_.begin(), metadata_members_.end());
  if (metadata_members_.size() > kMetadataMembersMax) metadata_members_.resize(kMetadataMembersMax);
  leads_.resize(placement_.partitions() + 1);
}

std::uint32_t Routes::partitions() const {
  return placement_.partitions();
}

std::uint32_t Routes::epoch() const {
  return placement_.epoch;
}

raft::GroupId Routes::group_of(std::string_view key) const {
  return group_of_partition(partition_of(key, placement_.partitions(), placement_.hash));
}

bool Routes::known(raft::GroupId group) const {
  return group < leads_.size();
}

const std::vector<raft::NodeId>& Routes::members(raft::GroupId group) const {
  return group == kMetadataGroup ? metadata_members_
                                 : placement_.replicas.at(partition_of_group(group));
}

raft::NodeId Routes::leader(raft::GroupId group) const {
  return known(group) ? leads_[group].node : raft::kNobody;
}

void Routes::leads(raft::GroupId group, raft::Term term, raft::NodeId node) {
  if (!known(group)) return;
  const std::vector<raft::NodeId>& all = members(group);
  if (std::find(all.begin(), all.end(), node) == all.end()) return;
  Lead& lead = leads_[group];
  if (term == 0) {
    if (lead.node == raft::kNobody) lead.node = node;
  } else if (term >= lead.term) {
    lead = {node, term};
  }
}

void Routes::forget(raft::GroupId group, raft::NodeId node) {
  if (known(group) && leads_[group].node == node) leads_[group].node = raft::kNobody;
}

void Routes::forget(raft::NodeId node) {
  for (Lead& lead : leads_)
    if (lead.node == node) lead.node = raft::kNobody;
}

}  // namespace cairn::kv
