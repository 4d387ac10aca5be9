// What nodes ask of each other on behalf of clients: plain values and their byte form
// (kv/node/rpc.capnp), carried in net::Request and net::Reply. Decoders are total.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "cairn/kv/error.h"
#include "cairn/kv/store.h"
#include "kv/engine/engine.h"
#include "raft/types.h"

namespace cairn::kv {

enum class RequestKind : std::uint16_t {
  kWrite = 1,
  kRead = 2,
  kScan = 3,
  // Of the cluster itself; their bodies and answers stand in admin.h.
  kRecord = 4,      // the cluster record: encode_cluster_record
  kChange = 5,      // MemberChange -> MemberPlan
  kPromote = 6,     // node -> MemberPlan
  kRejoin = 7,      // RejoinRequest -> nothing
  kMoveLeader = 8,  // MoveLeaderRequest -> the leader's node
  kStates = 9,      // what replicas' states are: state_watch.h
  kStateView = 10,  // StateAsk (state_rpc.h) -> what it asks for
  kCompare = 11,    // StateComparison -> StateReport
  kBackup = 16,
};

struct WriteRequest {
  raft::GroupId group = 0;
  std::string command;
};

struct ReadRequest {
  raft::GroupId group = 0;
  std::string key;
  bool eventual = false;
  Revision min_revision = 0;
  bool lease = false;
};

struct ScanRequest {
  raft::GroupId group = 0;
  EngineView::Range range;
  bool eventual = false;
  Revision min_revision = 0;
  bool lease = false;
};

/// The next chunk of a partition's state as of the moment when chunk 0 was asked for.
struct BackupRequest {
  raft::GroupId group = 0;
  std::uint64_t stream = 0;  // the asker's name for it
  std::uint32_t sequence = 0;
};

/// A refusal or an unknown outcome. `leader` is a hint where to go (0: none). With committed kNo
/// the request was never proposed: it may be sent elsewhere.
struct Refusal {
  Error error;
  raft::NodeId leader = raft::kNobody;
};

struct PageReply {
  EngineView::Page page;
  Revision revision = 0;
};

struct BackupChunk {
  std::optional<std::string> bytes;  // nullopt: the chunk before was the last
};

struct AdminReply {
  std::string body;
};

using RpcReply = std::variant<Refusal, Answer, ReadResult, PageReply, BackupChunk, AdminReply>;

[[nodiscard]] std::string encode_write_request(raft::GroupId group, std::string_view command);
[[nodiscard]] std::string encode_request(const ReadRequest& request);
[[nodiscard]] std::string encode_request(const ScanRequest& request);
[[nodiscard]] std::string encode_request(const BackupRequest& request);
[[nodiscard]] std::optional<WriteRequest> decode_write_request(std::string_view bytes);
[[nodiscard]] std::optional<ReadRequest> decode_read_request(std::string_view bytes);
[[nodiscard]] std::optional<ScanRequest> decode_scan_request(std::string_view bytes);
[[nodiscard]] std::optional<BackupRequest> decode_backup_request(std::string_view bytes);

[[nodiscard]] std::string encode_reply(const RpcReply& reply);
[[nodiscard]] std::optional<RpcReply> decode_reply(std::string_view bytes);

}  // namespace cairn::kv
