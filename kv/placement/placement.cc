#include "kv/placement/placement.h"

#include <algorithm>
#include <stdexcept>

#include "kv/command/byte_reader.h"

namespace cairn::kv {
namespace {

constexpr std::uint16_t kFormatVersion = 1;

bool nodes_fit(const std::vector<raft::NodeId>& nodes) {
  if (nodes.empty() || nodes.size() > kReplicasMax) return false;
  for (auto at = nodes.begin(); at != nodes.end(); ++at) {
    if (*at == raft::kNobody || std::find(nodes.begin(), at, *at) != at) return false;
  }
  return true;
}

bool well_formed(const Placement& placement) {
  return placement.hash.id == kHashXxh3 && !placement.replicas.empty() &&
         placement.replicas.size() <= kPartitionsMax &&
         std::all_of(placement.replicas.begin(), placement.replicas.end(), nodes_fit);
}

}  // namespace

std::string encode_placement(const Placement& placement) {
  if (!well_formed(placement)) throw std::logic_error("encode_placement: not a valid placement");
  std::string bytes;
  append_le(kFormatVersion, bytes);
  append_le(placement.epoch, bytes);
  append_le(placement.hash.id, bytes);
  append_le(placement.hash.seed, bytes);
  append_le(placement.partitions(), bytes);
  for (const auto& nodes : placement.replicas) {
    append_le(static_cast<std::uint8_t>(nodes.size()), bytes);
    for (const raft::NodeId node : nodes) append_le(node, bytes);
  }
  return bytes;
}

boost::system::result<Placement> decode_placement(std::string_view bytes) {
  ByteReader in(bytes);
  const auto version = in.number<std::uint16_t>();
  if (in.ok() && version > kFormatVersion) return CommandError::kNewerVersion;
  if (version != kFormatVersion) return CommandError::kMalformed;
  Placement placement;
  placement.epoch = in.number<std::uint32_t>();
  placement.hash.id = in.number<std::uint32_t>();
  placement.hash.seed = in.number<std::uint64_t>();
  const auto partitions = in.number<std::uint32_t>();
  if (!in.ok() || partitions > kPartitionsMax) return CommandError::kMalformed;
  placement.replicas.resize(partitions);
  for (auto& nodes : placement.replicas) {
    const auto count = in.number<std::uint8_t>();
    nodes.resize(in.count(count, sizeof(raft::NodeId)));
    for (raft::NodeId& node : nodes) node = in.number<raft::NodeId>();
  }
  if (!in.done() || !well_formed(placement)) return CommandError::kMalformed;
  return placement;
}

}  // namespace cairn::kv
