// What nodes say to each other, as plain values. Encoded as Cap'n Proto (net/peer.capnp) inside
// checksummed frames (net/frame.h); bytes from peers are decoded and validated into these at the
// edge, so that nothing behind it meets a lazy or throwing reader (hazards H11, H12).
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "raft/message.h"

namespace cairn::net {

inline constexpr std::uint16_t kProtocolMin = 1;
inline constexpr std::uint16_t kProtocolMax = 1;
/// Largest frame on a trusted connection, header included. Above every propose-time cap (hazard
/// N9).
inline constexpr std::size_t kFrameBytesMax = 24u << 20;
inline constexpr std::size_t kUntrustedFrameBytesMax = 64u << 10;

// Counts that a decoder refuses to go beyond; an encoder that does breaks an invariant of its own.
inline constexpr std::size_t kHelloBootsMax = 1000;
inline constexpr std::size_t kFoundersMax = 128;
inline constexpr std::size_t kAddressBytesMax = 255;       // of addresses and doors: visible ASCII
inline constexpr std::size_t kMembersMax = 1024;           // in each list of a configuration
inline constexpr std::size_t kRaftMessagesMax = 1u << 16;  // in a RaftBatch
inline constexpr std::size_t kEntriesMax = 1u << 18;       // in an AppendRequest
inline constexpr std::size_t kLeadsMax = 1u << 16;
/// Terms and log indexes stay below this, so that adding one to what a peer said never wraps.
inline constexpr std::uint64_t kOrdinalMax = std::uint64_t{1} << 62;

enum class Channel : std::uint8_t {
  kControl = 0,  // Raft control and appends, requests, gossip
  kBulk = 1,     // snapshots, forwarded scans, backup
};

/// One start of a directory: boot number and the nonce drawn for it.
struct BootNonce {
  std::uint64_t boot = 0;
  std::uint64_t nonce = 0;
  friend bool operator==(const BootNonce&, const BootNonce&) = default;
};

struct Founder {
  std::uint64_t node = 0;
  std::string address;
  std::uint64_t incarnation = 0;  // 0: not known yet
  friend bool operator==(const Founder&, const Founder&) = default;
};

/// The record that makes a cluster: same bytes on every founder, or it is another cluster.
struct FoundingRecord {
  std::uint64_t cluster_id = 0;  // 0: none
  std::uint32_t partitions = 0;
  std::uint32_t replicas = 0;
  std::uint32_t hash_id = 0;  // 1 = xxh3-64
  std::uint64_t hash_seed = 0;
  std::vector<Founder> founders;  // sorted by node
  friend bool operator==(const FoundingRecord&, const FoundingRecord&) = default;
};

/// First frame on every connection, both ways.
struct Hello {
  std::uint16_t protocol_min = kProtocolMin;
  std::uint16_t protocol_max = kProtocolMax;
  std::uint32_t feature_level = 1;
  Channel channel = Channel::kControl;
  std::uint64_t node = 0;
  std::uint64_t to = 0;
  std::uint64_t incarnation = 0;
  std::uint64_t boot = 0;
  std::uint64_t nonce = 0;
  std::vector<BootNonce> boots;  // the last 1,000, this one included, oldest first
  FoundingRecord founding;       // cluster_id 0: unfounded
  std::string http;              // advertised door, may be empty
  std::uint64_t frame_bytes_max = kFrameBytesMax;
  std::uint64_t wall_ms = 0;
  std::uint64_t record_epoch = 0;  // of the newest cluster record known; 0: none
  /// Without a place in the cluster, and known to have had one: its directory was lost, copied or
  /// rolled back. Asks to come back as a new member.
  bool rejoin = false;
  std::string client;  // advertised native door, may be empty
};

/// Says yes or why not; a refused connection is closed after it.
struct HelloReply {
  enum class Verdict : std::uint8_t {
    kAccepted = 0,
    kWiped,  // this (node, incarnation, boot) contradicts what the peer has stored
    kForeignCluster,
    kUnknownNode,
    kProtocol,  // no common protocol version
    kBusy,      // try again (stopping, or storing the triple failed)
  };
  Verdict verdict = Verdict::kAccepted;
  std::uint16_t protocol = kProtocolMax;
};

struct GroupMessage {
  raft::GroupId group = 0;
  raft::Message message;
};

/// Raft messages of many groups to one peer; heartbeats of all groups travel together.
struct RaftBatch {
  std::vector<GroupMessage> messages;
  std::uint64_t wall_ms = 0;  // sender's clock, for the median that bounds revisions; 0: unheard
};

/// A call on the peer; `body` belongs to kv. Answered by a Reply with the same id, or not at all
/// when the connection goes: then the outcome is unknown.
struct Request {
  std::uint64_t id = 0;
  std::uint16_t kind = 0;
  std::uint32_t deadline_ms = 0;  // left when sent
  std::string body;
};

struct Reply {
  std::uint64_t id = 0;
  std::string body;
};

/// Of a node that sees all founders and is not founded: which incarnations they have.
struct FoundingWord {
  struct Seen {
    std::uint64_t node = 0;
    std::uint64_t incarnation = 0;
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  std::uint64_t version = 0;  // another one whenever `seen` is another; 0: no word
  std::uint64_t heard = 0;    // the newest version of the receiver's words; 0: none
  std::vector<Seen> seen;     // all founders, rising by node
  friend bool operator==(const FoundingWord&, const FoundingWord&) = default;
};

/// Partitions this node leads, and where its replicas stand; sent when it changes and every second.
struct Gossip {
  struct Lead {
    raft::GroupId group = 0;
    raft::Term term = 0;
    std::uint64_t reached = 0;  // epoch of the cluster record whose wish for it is fulfilled; or 0
    std::uint64_t bytes = 0;    // about the size of its state
  };
  std::vector<Lead> leads;
  std::string http;
  std::uint64_t record_epoch = 0;  // of the newest cluster record that the sender has
  FoundingWord founding;
  std::string client;  // as in Hello
};

/// A piece of a snapshot stream, on the bulk channel. `stream` is unique on the sender.
struct SnapshotChunk {
  raft::GroupId group = 0;
  std::uint64_t stream = 0;
  raft::Term term = 0;      // of the leader
  raft::SnapshotMeta meta;  // same in each chunk
  std::uint64_t sequence = 0;
  bool last = false;
  std::string bytes;  // carries its own chained checksum (kv/FORMAT.md)
};

/// Flow control: the receiver has taken chunks below `next`, or gives up.
struct SnapshotAck {
  raft::GroupId group = 0;
  std::uint64_t stream = 0;
  std::uint64_t next = 0;
  bool done = false;    // installed, durable
  bool failed = false;  // not wanted, or broken: stop sending
};

using PeerMessage =
    std::variant<Hello, HelloReply, RaftBatch, Request, Reply, Gossip, SnapshotChunk, SnapshotAck>;

/// Appends one frame (header, payload) to `out`.
void encode_frame(const PeerMessage& message, std::uint64_t cluster_id, std::uint64_t from,
                  std::uint64_t to, std::string& out);

struct DecodedFrame {
  std::uint64_t cluster_id = 0;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  PeerMessage message;
};

/// Total: any bytes give a value or an error, never a throw or an unbounded allocation.
[[nodiscard]] boost::system::result<DecodedFrame> decode_frame(std::string_view frame);
/// Of a frame whose payload's checksum was found right, as a Transport promises of what it
/// delivers: it is not computed a second time.
[[nodiscard]] boost::system::result<DecodedFrame> decode_checked_frame(std::string_view frame);

enum class NetError {
  kTruncated = 1,
  kBadMagic,
  kBadChecksum,
  kNewerVersion,
  kTooLarge,
  kMalformed,  // the payload does not say what its type promises
  kWrongDoor,  // a client's frame on the peer port, or a peer's on the native door
};
boost::system::error_code make_error_code(NetError e) noexcept;

}  // namespace cairn::net

template <>
struct boost::system::is_error_code_enum<cairn::net::NetError> : std::true_type {};
