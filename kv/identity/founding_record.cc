#include "kv/identity/founding_record.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "kv/command/byte_reader.h"
#include "kv/placement/hash.h"

namespace cairn::kv {
namespace {

constexpr std::uint16_t kFormatVersion = 1;
constexpr std::uint64_t kNodeIdMax = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kFounderBytesMin = 8 + 8 + 2;

/// All that the cluster id stands for.
void append_body(const net::FoundingRecord& record, std::string& to) {
  append_le(record.partitions, to);
  append_le(record.replicas, to);
  append_le(record.hash_id, to);
  append_le(record.hash_seed, to);
  append_le(static_cast<std::uint16_t>(record.founders.size()), to);
  for (const net::Founder& founder : record.founders) {
    append_le(founder.node, to);
    append_le(founder.incarnation, to);
    append_le(static_cast<std::uint16_t>(founder.address.size()), to);
    to += founder.address;
  }
}

bool founders_fit(const std::vector<net::Founder>& founders) {
  if (founders.empty() || founders.size() > kFoundersMax) return false;
  std::uint64_t before = 0;
  for (const net::Founder& founder : founders) {
    if (founder.node <= before || founder.node > kNodeIdMax || founder.incarnation == 0 ||
        founder.address.size() > kFounderAddressBytesMax) {
      return false;
    }
    before = founder.node;
  }
  return true;
}

}  // namespace

std::uint64_t compute_cluster_id(const net::FoundingRecord& record) {
  std::string body;
  append_body(record, body);
  const std::uint64_t id = hash_bytes(body, {});
  return id == 0 ? 1 : id;
}

bool valid_founding_record(const net::FoundingRecord& record) {
  return record.partitions > 0 && record.partitions <= kPartitionsMax && record.replicas > 0 &&
         record.replicas <= kReplicasMax && record.hash_id == kHashXxh3 &&
         founders_fit(record.founders) && record.cluster_id == compute_cluster_id(record);
}

ClusterRecord first_cluster_record(const net::FoundingRecord& record) {
  ClusterRecord first;
  first.epoch = 1;
  first.cluster_id = record.cluster_id;
  first.hash = {record.hash_id, record.hash_seed};
  first.replicas = record.replicas;
  for (const net::Founder& founder : record.founders)
    first.nodes.push_back({founder.node, 0, founder.incarnation, founder.address,
                           ClusterNode::State::kActive, false});
  first.groups.resize(record.partitions + 1);
  place_groups(first);
  return first;
}

const net::Founder* find_founder(const net::FoundingRecord& record, std::uint64_t node) {
  const auto at = std::find_if(record.founders.begin(), record.founders.end(),
                               [&](const net::Founder& f) { return f.node == node; });
  return at == record.founders.end() ? nullptr : &*at;
}

std::string encode_founding_record(const net::FoundingRecord& record) {
  if (!valid_founding_record(record)) {
    throw std::logic_error("encode_founding_record: not a valid record");
  }
  std::string bytes;
  append_le(kFormatVersion, bytes);
  append_le(record.cluster_id, bytes);
  append_body(record, bytes);
  return bytes;
}

boost::system::result<net::FoundingRecord> decode_founding_record(std::string_view bytes) {
  ByteReader in(bytes);
  const auto version = in.number<std::uint16_t>();
  if (in.ok() && version > kFormatVersion) return CommandError::kNewerVersion;
  if (version != kFormatVersion) return CommandError::kMalformed;
  net::FoundingRecord record;
  record.cluster_id = in.number<std::uint64_t>();
  record.partitions = in.number<std::uint32_t>();
  record.replicas = in.number<std::uint32_t>();
  record.hash_id = in.number<std::uint32_t>();
  record.hash_seed = in.number<std::uint64_t>();
  record.founders.resize(in.count(in.number<std::uint16_t>(), kFounderBytesMin));
  for (net::Founder& founder : record.founders) {
    founder.node = in.number<std::uint64_t>();
    founder.incarnation = in.number<std::uint64_t>();
    founder.address = in.bytes(in.number<std::uint16_t>());
  }
  if (!in.done() || !valid_founding_record(record)) return CommandError::kMalformed;
  return record;
}

}  // namespace cairn::kv
