#include "kv/placement/cluster_record.h"

#include <algorithm>
#include <set>
#include <stdexcept>

#include "kv/command/byte_reader.h"
#include "kv/placement/ring.h"

namespace cairn::kv {
namespace {

constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kNodeBytesMin = 4 + 4 + 8 + 1 + 1 + 1;
constexpr std::size_t kGroupBytesMin = 1 + 2;

bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

bool valid_node(const ClusterNode& node) {
  using State = ClusterNode::State;
  const bool state = node.state == State::kJoining || node.state == State::kActive ||
                     node.state == State::kLeaving;
  return node.id != 0 && node.id <= kNodeNumberMax && state &&
         node.peer.size() <= kNodeAddressBytesMax && printable(node.peer);
}

bool valid_group(const ClusterRecord& record, const WantedGroup& group) {
  if (group.voters.empty() || group.voters.size() > kReplicasMax) return false;
  if (group.learners.size() > kNodesMax) return false;
  std::set<NodeNumber> seen;
  const auto fits = [&](raft::NodeId member, bool learner) {
    const ClusterNode* node = record.node(node_of(member));
    return node != nullptr && node->member() == member && node->learner == learner &&
           node->state != ClusterNode::State::kLeaving && seen.insert(node->id).second;
  };
  return std::all_of(group.voters.begin(), group.voters.end(),
                     [&](raft::NodeId m) { return fits(m, false); }) &&
         std::all_of(group.learners.begin(), group.learners.end(),
                     [&](raft::NodeId m) { return fits(m, true); });
}

void append_members(const std::vector<raft::NodeId>& members, std::string& out) {
  for (const raft::NodeId member : members) append_le(member, out);
}

std::vector<raft::NodeId> read_members(ByteReader& in, std::size_t stated) {
  std::vector<raft::NodeId> members(in.count(stated, 8));
  for (raft::NodeId& member : members) member = in.number<std::uint64_t>();
  return members;
}

ClusterNode read_node(ByteReader& in) {
  ClusterNode node;
  node.id = in.number<std::uint32_t>();
  node.generation = in.number<std::uint32_t>();
  node.incarnation = in.number<std::uint64_t>();
  node.state = static_cast<ClusterNode::State>(in.number<std::uint8_t>());
  node.learner = in.number<std::uint8_t>() != 0;
  node.peer = in.bytes(in.number<std::uint8_t>());
  return node;
}

/// Those of `placed` that vote, then those that only learn, as members.
WantedGroup wanted_group(const ClusterRecord& record, const std::vector<raft::NodeId>& voters,
                         const std::vector<raft::NodeId>& with_learners) {
  WantedGroup group;
  for (const raft::NodeId id : voters) group.voters.push_back(record.node(id)->member());
  for (const raft::NodeId id : with_learners)
    if (record.node(id)->learner) group.learners.push_back(record.node(id)->member());
  return group;
}

std::vector<raft::NodeId> first_nodes(const std::vector<PlacementNode>& nodes) {
  std::vector<raft::NodeId> first;
  for (const PlacementNode& node : nodes)
    if (first.size() < kMetadataMembersMax) first.push_back(node.id);
  return first;
}

}  // namespace

const ClusterNode* ClusterRecord::node(NodeNumber id) const {
  const auto at = std::lower_bound(nodes.begin(), nodes.end(), id,
                                   [](const ClusterNode& n, NodeNumber i) { return n.id < i; });
  return at != nodes.end() && at->id == id ? &*at : nullptr;
}

bool ClusterRecord::wants(raft::GroupId group, raft::NodeId member) const {
  if (group >= groups.size()) return false;
  const WantedGroup& wanted = groups[group];
  const auto in = [member](const std::vector<raft::NodeId>& list) {
    return std::find(list.begin(), list.end(), member) != list.end();
  };
  return in(wanted.voters) || in(wanted.learners);
}

bool ClusterRecord::settled() const {
  return std::all_of(nodes.begin(), nodes.end(),
                     [](const ClusterNode& n) { return n.state == ClusterNode::State::kActive; });
}

bool valid_cluster_record(const ClusterRecord& record) {
  if (record.epoch == 0 || record.cluster_id == 0 || record.hash.id != kHashXxh3) return false;
  if (record.replicas == 0 || record.replicas > kReplicasMax) return false;
  if (record.nodes.empty() || record.nodes.size() > kNodesMax) return false;
  if (record.groups.size() < 2 || record.groups.size() > kPartitionsMax + 1) return false;
  for (std::size_t i = 0; i < record.nodes.size(); ++i) {
    if (!valid_node(record.nodes[i])) return false;
    if (i > 0 && record.nodes[i].id <= record.nodes[i - 1].id) return false;
  }
  return std::all_of(record.groups.begin(), record.groups.end(),
                     [&](const WantedGroup& group) { return valid_group(record, group); });
}

std::string encode_cluster_record(const ClusterRecord& record) {
  if (!valid_cluster_record(record)) throw std::logic_error("not a valid cluster record");
  std::string out;
  append_le(kVersion, out);
  append_le(record.epoch, out);
  append_le(record.cluster_id, out);
  append_le(record.hash.id, out);
  append_le(record.hash.seed, out);
  append_le(record.replicas, out);
  append_le(static_cast<std::uint16_t>(record.nodes.size()), out);
  for (const ClusterNode& node : record.nodes) {
    append_le(static_cast<std::uint32_t>(node.id), out);
    append_le(node.generation, out);
    append_le(node.incarnation, out);
    append_le(static_cast<std::uint8_t>(node.state), out);
    append_le(static_cast<std::uint8_t>(node.learner), out);
    append_le(static_cast<std::uint8_t>(node.peer.size()), out);
    out += node.peer;
  }
  append_le(static_cast<std::uint32_t>(record.groups.size()), out);
  for (const WantedGroup& group : record.groups) {
    append_le(static_cast<std::uint8_t>(group.voters.size()), out);
    append_members(group.voters, out);
    append_le(static_cast<std::uint16_t>(group.learners.size()), out);
    append_members(group.learners, out);
  }
  return out;
}

boost::system::result<ClusterRecord> decode_cluster_record(std::string_view bytes) {
  if (bytes.size() > kClusterRecordBytesMax) return CommandError::kMalformed;
  ByteReader in(bytes);
  const auto version = in.number<std::uint16_t>();
  if (in.ok() && version > kVersion) return CommandError::kNewerVersion;
  ClusterRecord record;
  record.epoch = in.number<std::uint64_t>();
  record.cluster_id = in.number<std::uint64_t>();
  record.hash.id = in.number<std::uint32_t>();
  record.hash.seed = in.number<std::uint64_t>();
  record.replicas = in.number<std::uint32_t>();
  const std::size_t nodes = in.count(in.number<std::uint16_t>(), kNodeBytesMin);
  for (std::size_t i = 0; i < nodes && in.ok(); ++i) record.nodes.push_back(read_node(in));
  const std::size_t groups = in.count(in.number<std::uint32_t>(), kGroupBytesMin);
  for (std::size_t i = 0; i < groups && in.ok(); ++i) {
    WantedGroup group;
    group.voters = read_members(in, in.number<std::uint8_t>());
    group.learners = read_members(in, in.number<std::uint16_t>());
    record.groups.push_back(std::move(group));
  }
  if (version != kVersion || !in.done() || !valid_cluster_record(record))
    return CommandError::kMalformed;
  return record;
}

void place_groups(ClusterRecord& record) {
  std::vector<PlacementNode> voters, all;
  for (const ClusterNode& node : record.nodes) {
    if (node.state == ClusterNode::State::kLeaving) continue;
    all.push_back({node.id, {}, {}});
    if (!node.learner) voters.push_back({node.id, {}, {}});
  }
  RingParams params;
  params.hash = record.hash;
  const std::uint32_t partitions = record.partitions();
  const ReplicaTable table = place(voters, partitions, record.replicas, params);
  const ReplicaTable wide = place(all, partitions, record.replicas, params);
  record.groups[0] = wanted_group(record, first_nodes(voters), first_nodes(all));
  for (std::uint32_t p = 0; p < partitions; ++p)
    record.groups[p + 1] = wanted_group(record, table[p], wide[p]);
}

}  // namespace cairn::kv
