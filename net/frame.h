// The frame: what travels between nodes, and between clients and nodes. 48 bytes of header, then
// one Cap'n Proto message.
//
//   offset bytes
//        0     4  magic: "CRNF" between nodes, "CRNC" on the native door
//        4     2  format version
//        6     2  type (FrameType): names the payload's root struct in peer.capnp, or in
//                 kv/door/door.capnp
//        8     8  cluster id, 0 while unfounded (a client's: while not known)
//       16     8  from: node id, or the client's number
//       24     8  to: node id, or the client's number; 0 in a client's hello
//       32     4  payload bytes, a multiple of 8
//       36     4  low half of H = xxh3-64 of bytes 0..35: the length is believed only after this
//       40     8  xxh3-64 of the payload with seed H, so that it covers the header as well
//       48        payload: Cap'n Proto stream framing of exactly one segment
//
// All numbers little-endian.
#pragma once

#include <boost/system/result.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "net/wire.h"

namespace cairn::net {

inline constexpr std::size_t kFrameHeaderBytes = 48;
inline constexpr std::uint16_t kFrameVersion = 1;

enum class FrameType : std::uint16_t {
  kHello = 1,
  kHelloReply = 2,
  kRaftBatch = 3,
  kRequest = 4,
  kReply = 5,
  kGossip = 6,
  kSnapshotChunk = 7,
  kSnapshotAck = 8,
  // Of the native door, under its own magic.
  kClientHello = 64,
  kServerHello = 65,
  kClientRequest = 66,
  kClientAnswer = 67,
  kClusterMap = 68,
  kGoodbye = 69,
};

/// Which port a frame belongs to: one never takes the other's.
enum class FrameDoor { kPeer, kClient };

struct FrameHeader {
  FrameType type = FrameType::kHello;
  std::uint64_t cluster_id = 0;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::uint32_t payload_bytes = 0;
  std::uint64_t payload_seed = 0;      // H
  std::uint64_t payload_checksum = 0;  // as written; compared by payload_matches()

  std::size_t frame_bytes() const { return kFrameHeaderBytes + payload_bytes; }
};

/// Looks at the first kFrameHeaderBytes of `bytes` alone: nothing is allocated for a frame before
/// this has said yes.
[[nodiscard]] boost::system::result<FrameHeader> parse_frame_header(
    std::string_view bytes, std::size_t frame_bytes_max, FrameDoor door = FrameDoor::kPeer);
[[nodiscard]] bool payload_matches(const FrameHeader& header, std::string_view payload);

/// Writes the header of a frame whose payload already stands behind it. Takes type (and with it the
/// magic), ids and payload_bytes from `header`.
void seal_frame(const FrameHeader& header, char* frame);

/// The metric-safe word of Transport::Callbacks::on_close for a frame refused with `error`.
[[nodiscard]] const char* close_reason(const boost::system::error_code& error);

}  // namespace cairn::net
