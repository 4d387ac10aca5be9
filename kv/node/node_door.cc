// What the native door asks of a node beyond what a program in this process does: writes under a
// client's own session, and the map by which clients find their way.
#include <algorithm>
#include <utility>

#include "kv/node/node_impl.h"

namespace cairn::kv {

void NodeImpl::client_command(Command command, std::uint32_t partition,
                              std::chrono::milliseconds timeout,
                              std::function<void(Result<Answer>)> done) {
  const Micros deadline = deadline_of(timeout);
  if (command.kind == CommandKind::kWrite) {
    write_command(std::move(command), deadline, std::move(done));
    return;
  }
  if (auto refused = refuse_write()) {
    done(std::move(*refused));
    return;
  }
  if (command.kind != CommandKind::kOpenSession || command.session.client == 0 ||
      partition >= routes_.partitions()) {
    done(Error(Errc::kBadRequest, "no such partition, or no such command"));
    return;
  }
  submit(group_of_partition(partition), std::move(command), deadline, std::move(done));
}

/// A command that its client has numbered goes on as it is, once: should its fate be unknown, the
/// client sends it again under the same number. (The forwarder would number it anew.)
void NodeImpl::relay(raft::GroupId group, const Command& command, Micros deadline,
                     const std::function<void(Result<Answer>)>& done) {
  const raft::NodeId to = routes_.leader(group);
  const bool sent =
      to != raft::kNobody && to != self_ &&
      send_write(to, group, encode_command(command), deadline,
                 [done](Result<Answer> answer, raft::NodeId) { done(std::move(answer)); });
  if (sent) return;
  if (to != raft::kNobody) redirected(group, to, raft::kNobody);
  Error nobody(Errc::kNoLeader, "the partition has no leader that this node can reach");
  nobody.retry_after_ms = 20;
  done(std::move(nobody));
}

ClusterMap NodeImpl::cluster_map() const {
  ClusterMap map;
  if (record_.epoch == 0) return map;
  map.cluster_id = record_.cluster_id;
  map.epoch = record_.epoch;
  map.hash = record_.hash;
  for (const ClusterNode& node : record_.nodes) {
    const auto facts = peer_facts_.find(node.id);
    std::string address;
    if (node.id == self_)
      address = options_.client;
    else if (facts != peer_facts_.end())
      address = facts->second.client;
    if (!address.empty()) map.doors.push_back({node.id, std::move(address)});
  }
  map.partitions.reserve(routes_.partitions());
  for (std::uint32_t p = 0; p < routes_.partitions(); ++p) {
    const raft::GroupId group = group_of_partition(p);
    map.partitions.push_back({routes_.leader(group), routes_.term(group), routes_.members(group)});
  }
  return map;
}

}  // namespace cairn::kv
