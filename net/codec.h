// Inside net/: what encode and decode share. Users of the codec want net/wire.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "net/wire.h"

namespace cairn::net {

struct Envelope {
  std::uint64_t cluster_id = 0;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};

/// Exactly what encode_frame() would append. Above kFrameBytesMax encode_frame throws: ask first.
[[nodiscard]] std::size_t frame_bytes(const PeerMessage& message);

/// Bytes that one message adds to a RaftBatch frame, and what such a frame takes without any.
[[nodiscard]] std::size_t raft_message_bytes(const raft::Message& message);
[[nodiscard]] std::size_t raft_batch_base_bytes();

/// encode_frame() of RaftBatch{messages, wall_ms} without building one: the hot path.
void encode_raft_batch(std::span<const GroupMessage> messages, std::uint64_t wall_ms,
                       const Envelope& envelope, std::string& out);

}  // namespace cairn::net
