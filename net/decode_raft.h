// Inside net/: the Raft part of the decoder.
#pragma once

#include "net/peer.capnp.h"
#include "net/wire.h"

namespace cairn::net {

/// False if the batch is malformed. May throw kj::Exception: decode_frame() catches it.
[[nodiscard]] bool decode_raft_batch(schema::RaftBatch::Reader from, raft::NodeId sender,
                                     raft::NodeId receiver, RaftBatch& to);

}  // namespace cairn::net
