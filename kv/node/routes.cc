#include "kv/node/routes.h"

#include <algorithm>
#include <utility>

namespace cairn::kv {
void Routes::update(const ClusterRecord& record) {
  hash_ = record.hash;
  nodes_.clear();
  for (const ClusterNode& node : record.nodes) nodes_.push_back(node.id);
  members_.assign(record.groups.size(), {});
  for (std::size_t group = 0; group < record.groups.size(); ++group)
    for (const raft::NodeId member : record.groups[group].voters)
      members_[group].push_back(node_of(member));
  leads_.resize(record.groups.size());
}

std::uint32_t Routes::partitions() const {
  return members_.empty() ? 0 : static_cast<std::uint32_t>(members_.size() - 1);
}

raft::GroupId Routes::group_of(std::string_view key) const {
  return group_of_partition(partition_of(key, partitions(), hash_));
}

bool Routes::known(raft::GroupId group) const {
  return group < leads_.size();
}

const std::vector<raft::NodeId>& Routes::members(raft::GroupId group) const {
  return members_.at(group);
}

raft::NodeId Routes::leader(raft::GroupId group) const {
  return known(group) ? leads_[group].node : raft::kNobody;
}

raft::Term Routes::term(raft::GroupId group) const {
  return known(group) ? leads_[group].term : 0;
}

void Routes::leads(raft::GroupId group, raft::Term term, raft::NodeId node) {
  if (!known(group)) return;
  if (!std::binary_search(nodes_.begin(), nodes_.end(), node)) return;
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
