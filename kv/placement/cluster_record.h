// The cluster record: who the nodes are and who is wanted where. The metadata group holds it, each
// node keeps the newest it has seen; it changes as a whole, from one epoch to the next. What a
// group's members really are is said by that group's own configuration alone (hazard M8).
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kv/command/command.h"
#include "kv/placement/hash.h"
#include "kv/placement/member.h"

namespace cairn::kv {

inline constexpr std::size_t kNodesMax = 256;
inline constexpr std::uint32_t kReplicasMax = 7;
inline constexpr std::size_t kNodeAddressBytesMax = 255;
inline constexpr std::size_t kClusterRecordBytesMax = 1u << 20;
/// The metadata group lives on the first so many nodes by id.
inline constexpr std::size_t kMetadataMembersMax = 5;

struct ClusterNode {
  enum class State : std::uint8_t {
    kJoining = 1,  // not everything that is wanted of it is there yet
    kActive = 2,
    kLeaving = 3,  // wanted nowhere; dropped from the record once no group names it
  };
  NodeNumber id = 0;
  std::uint32_t generation = 0;
  std::uint64_t incarnation = 0;  // of its directory; 0: not met yet
  std::string peer;               // "host:port"; empty: founded alone, without a network
  State state = State::kActive;
  bool learner = false;  // takes part without a vote, until it is promoted

  [[nodiscard]] raft::NodeId member() const { return member_id(id, generation); }
  friend bool operator==(const ClusterNode&, const ClusterNode&) = default;
};

/// The wanted members of a group.
struct WantedGroup {
  std::vector<raft::NodeId> voters;  // the preferred leader first
  std::vector<raft::NodeId> learners;
  friend bool operator==(const WantedGroup&, const WantedGroup&) = default;
};

struct ClusterRecord {
  std::uint64_t epoch = 0;  // 1: as founded; +1 with each change. 0: none
  std::uint64_t cluster_id = 0;
  HashParams hash;
  std::uint32_t replicas = 0;
  std::vector<ClusterNode> nodes;   // sorted by id
  std::vector<WantedGroup> groups;  // by group: 0 is the metadata group, p + 1 partition p

  [[nodiscard]] std::uint32_t partitions() const {
    return groups.empty() ? 0 : static_cast<std::uint32_t>(groups.size() - 1);
  }
  /// Null: no such node.
  [[nodiscard]] const ClusterNode* node(NodeNumber id) const;
  /// The wanted members of `group` include this one.
  [[nodiscard]] bool wants(raft::GroupId group, raft::NodeId member) const;
  /// No node joins or leaves.
  [[nodiscard]] bool settled() const;
  friend bool operator==(const ClusterRecord&, const ClusterRecord&) = default;
};

/// In range and free of contradictions: decode gives nothing else.
[[nodiscard]] bool valid_cluster_record(const ClusterRecord& record);

/// Little-endian: u16 format version (1), u64 epoch, u64 cluster, u32 hash id, u64 hash seed, u32
/// replicas; u16 nodes, and of each u32 id, u32 generation, u64 incarnation, u8 state, u8 learner,
/// u8 length, address; u32 groups, and of each u8 voters, that many u64 members, u16 learners, that
/// many u64 members. Throws std::logic_error for a record that is not valid.
[[nodiscard]] std::string encode_cluster_record(const ClusterRecord& record);
/// Total.
[[nodiscard]] boost::system::result<ClusterRecord> decode_cluster_record(std::string_view bytes);

/// Where every group is wanted, from the nodes of `record` that do not leave: groups by the ring,
/// the metadata group on the first nodes by id. `groups` keeps its size.
void place_groups(ClusterRecord& record);

}  // namespace cairn::kv
