// What clients and nodes say to each other on the native door, as plain values. Encoded as Cap'n
// Proto (door.capnp) in the frames of net/frame.h. Decoders are total: any bytes give a value or
// nothing, never a throw or an allocation out of proportion.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "cairn/kv/store.h"
#include "kv/command/command.h"
#include "kv/placement/cluster_map.h"
#include "net/frame.h"

namespace cairn::kv::door {

inline constexpr std::uint16_t kProtocolMin = 1;
inline constexpr std::uint16_t kProtocolMax = 1;
/// A whole answer: a page of 8 MiB and the item that went beyond it, with their keys.
inline constexpr std::size_t kAnswerFrameBytesMax = net::kFrameBytesMax;
inline constexpr std::size_t kHelloFrameBytesMax = 64u << 10;  // of a client nobody knows yet

struct ClientHello {
  std::uint16_t protocol_min = kProtocolMin;
  std::uint16_t protocol_max = kProtocolMax;
  std::uint64_t frame_bytes_max = kAnswerFrameBytesMax;
};

struct ServerHello {
  std::uint16_t protocol = kProtocolMax;
  std::uint64_t frame_bytes_max = 0;
  std::uint32_t in_flight_max = 0;
  std::uint64_t bytes_in_flight_max = 0;
  std::uint32_t idle_timeout_ms = 0;
  ClusterMap map;  // its cluster id stands in the frame
};

/// Why a node closes.
enum class Reason : std::uint16_t {
  kGarbage = 1,  // what came is no frame of this door, or says nothing
  kTooLarge,     // a frame above the limit
  kProtocol,     // no common version
  kForeignCluster,
  kBusy,     // too many connections
  kTimeout,  // no hello in time
  kIdle,
  kStopping,
  kOverflow,  // answers were not taken
};
inline constexpr Reason kReasonLast = Reason::kOverflow;
/// Short and metric-safe.
[[nodiscard]] const char* name(Reason reason);

struct Goodbye {
  Reason reason = Reason::kGarbage;
  std::uint32_t retry_after_ms = 0;
  std::uint16_t protocol_min = kProtocolMin;
  std::uint16_t protocol_max = kProtocolMax;
};

struct Get {
  std::string key;
  Revision min_revision = 0;
  Consistency consistency = Consistency::kLinearizable;
};

struct OpenSession {
  std::uint32_t partition = 0;
  std::uint64_t client = 0;
};

/// A write is a Command of kind kWrite; only what door.capnp has of one travels.
struct Request {
  std::uint64_t id = 0;
  std::uint32_t deadline_ms = 0;
  std::variant<Command, Get, ScanOptions, OpenSession> body;
};

struct Failure {
  Error error;
  bool session_unknown = false;
  bool unrecorded = false;
  NodeNumber leader = 0;
};

struct Written {
  Revision revision = 0;
  std::uint64_t version = 0;
  std::uint64_t deleted = 0;
  bool created = false;
  bool replayed = false;
  std::optional<Item> previous;
};

struct Opened {};

struct Reply {
  std::uint64_t id = 0;
  std::variant<Failure, Written, ReadResult, ScanResult, Opened> body;
};

/// Ids of a frame's header.
struct Envelope {
  std::uint64_t cluster_id = 0;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};

// Each appends one frame to `out`, whose size is a multiple of 8. std::length_error above net's
// largest frame: request_bytes() and reply_bytes() tell beforehand.
void encode(const ClientHello& hello, const Envelope& envelope, std::string& out);
void encode(const ServerHello& hello, const Envelope& envelope, std::string& out);
void encode(const ClusterMap& map, const Envelope& envelope, std::string& out);
void encode(const Goodbye& goodbye, const Envelope& envelope, std::string& out);
void encode(const Request& request, const Envelope& envelope, std::string& out);
void encode(const Reply& reply, const Envelope& envelope, std::string& out);
[[nodiscard]] std::size_t frame_bytes(const Request& request);
[[nodiscard]] std::size_t frame_bytes(const Reply& reply);

// Of a payload; nullopt: it does not say what its type promises.
[[nodiscard]] std::optional<ClientHello> decode_client_hello(std::string_view payload);
[[nodiscard]] std::optional<ServerHello> decode_server_hello(std::string_view payload);
[[nodiscard]] std::optional<ClusterMap> decode_cluster_map(std::string_view payload);
[[nodiscard]] std::optional<Goodbye> decode_goodbye(std::string_view payload);
/// False: nothing can be read. A request that can be read, but asks for nothing known or has a
/// value out of its range, still gives its id in `to.id`, and why in `refused`.
[[nodiscard]] bool decode_request(std::string_view payload, Request& to, const char*& refused);
[[nodiscard]] bool decode_reply(std::string_view payload, Reply& to);

}  // namespace cairn::kv::door
