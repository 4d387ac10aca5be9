// The founding record: what makes a cluster this cluster. Its byte form and its id.
#pragma once

#include <boost/system/result.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "kv/command/command.h"
#include "kv/placement/cluster_record.h"
#include "net/wire.h"

namespace cairn::kv {

inline constexpr std::size_t kFoundersMax = 256;
inline constexpr std::size_t kFounderAddressBytesMax = 512;

/// A hash of the founders' ids, addresses and incarnations and of the parameters, whatever
/// record.cluster_id says; never 0.
[[nodiscard]] std::uint64_t compute_cluster_id(const net::FoundingRecord& record);

/// A whole record: everything in range, founders sorted and distinct with their incarnations known,
/// and the id that belongs to them.
[[nodiscard]] bool valid_founding_record(const net::FoundingRecord& record);

/// Epoch 1: all founders are active, their incarnations met, in generation 0.
[[nodiscard]] ClusterRecord first_cluster_record(const net::FoundingRecord& record);

/// The founder with this id, or null.
[[nodiscard]] const net::Founder* find_founder(const net::FoundingRecord& record,
                                               std::uint64_t node);

/// Little-endian: u16 format version (1), u64 cluster id, u32 partitions, u32 replicas, u32 hash
/// id, u64 hash seed, u16 founders, and for each one u64 node, u64 incarnation, u16 length,
/// address. Throws std::logic_error for a record that is not valid.
[[nodiscard]] std::string encode_founding_record(const net::FoundingRecord& record);

/// Total; gives valid records only.
[[nodiscard]] boost::system::result<net::FoundingRecord> decode_founding_record(
    std::string_view bytes);

}  // namespace cairn::kv
