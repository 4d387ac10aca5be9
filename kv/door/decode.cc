// Payloads to validated values; the one place of the door where kj::Exception is caught. What came
// in a frame of bounded size is read once: one segment that fills the payload, a traversal limit of
// that size, every list capped (hazard H11).
#include <capnp/message.h>
#include <kj/exception.h>

#include <utility>

#include "kv/command/limits.h"
#include "kv/command/message.h"
#include "kv/door/door.capnp.h"
#include "kv/door/messages.h"
#include "kv/placement/cluster_record.h"

namespace cairn::kv::door {
namespace {

using kv::wire::as_view;

constexpr std::size_t kItemsMax = 10'000;
constexpr std::size_t kReplicasPerPartitionMax = 1024;
constexpr std::size_t kDetailBytesMax = 4096;
constexpr std::size_t kCursorBytesMax = 64u << 10;

/// `read(root)` of the payload's message; false if it is none.
template <class Root, class Read>
bool with_root(std::string_view payload, Read read) {
  try {
    kv::wire::OneSegment segment;
    if (!segment.open(payload)) return false;
    const kj::ArrayPtr<const capnp::word> words = segment.words();
    capnp::SegmentArrayMessageReader message(kj::arrayPtr(&words, 1), segment.limits());
    return read(message.getRoot<Root>());
  } catch (const kj::Exception&) {
    return false;
  }
}

template <class Data>
void take(Data from, std::string& to) {
  to.assign(as_view(from));
}

bool visible(std::string_view text) {
  for (const char c : text)
    if (c <= ' ' || c > '~') return false;
  return true;
}

bool read_map(wire::ClusterMap::Reader from, ClusterMap& to) {
  // Each list is opened once: the reader counts every word that it is asked for.
  const auto doors = from.getDoors();
  const auto partitions = from.getPartitions();
  if (doors.size() > kNodesMax || partitions.size() > kPartitionsMax) return false;
  to.epoch = from.getEpoch();
  to.hash = {from.getHashId(), from.getHashSeed()};
  if (partitions.size() > 0 && to.hash.id != kHashXxh3) return false;
  NodeNumber last = 0;
  for (const wire::Door::Reader door : doors) {
    const std::string_view address = as_view(door.getAddress());
    if (door.getNode() <= last || address.empty() || address.size() > kNodeAddressBytesMax ||
        !visible(address)) {
      return false;
    }
    last = door.getNode();
    to.doors.push_back({last, std::string(address)});
  }
  for (const wire::Partition::Reader partition : partitions) {
    ClusterMap::Partition& p = to.partitions.emplace_back(
        ClusterMap::Partition{partition.getLeader(), partition.getTerm(), {}});
    const auto replicas = partition.getReplicas();
    if (replicas.size() > kReplicasPerPartitionMax) return false;
    for (const std::uint64_t node : replicas) p.replicas.push_back(node);
  }
  return true;
}

bool read_item(wire::Item::Reader from, Item& to) {
  const auto key = from.getKey();
  const auto value = from.getValue();
  if (key.size() > kCommandKeyBytesMax || value.size() > kCommandValueBytesMax) return false;
  take(key, to.key);
  take(value, to.value);
  to.create_revision = from.getCreateRevision();
  to.mod_revision = from.getModRevision();
  to.version = from.getVersion();
  return true;
}

// --- requests: a null result means that all is well ---------------------------------------------

const char* read_consistency(std::uint8_t from, Consistency& to) {
  if (from > static_cast<std::uint8_t>(Consistency::kEventual)) return "no such consistency level";
  to = static_cast<Consistency>(from);
  return nullptr;
}

const char* read_write(wire::Write::Reader from, Command& to) {
  to.kind = CommandKind::kWrite;
  to.condition = {from.getIfAbsent(), from.getIfRevision()};
  to.return_previous = from.getReturnPrevious();
  take(from.getIdempotencyKey(), to.idempotency_key);
  if (from.hasSession()) {
    const auto session = from.getSession();
    to.session = {session.getClient(), session.getSequence(), session.getAcknowledged()};
    if (to.session.client == 0 || to.session.sequence == 0 ||
        to.session.acknowledged >= to.session.sequence) {
      return "the session's numbers contradict each other";
    }
  }
  const auto operations = from.getOperations();
  if (operations.size() > kCommandOperationsMax) return "the batch has too many operations";
  to.operations.reserve(std::min<std::size_t>(operations.size(), 64));
  for (const wire::Operation::Reader op : operations) {
    Operation& o = to.operations.emplace_back();
    take(op.getKey(), o.key);
    switch (op.which()) {
      case wire::Operation::PUT:
        take(op.getPut(), o.value);
        continue;
      case wire::Operation::REMOVE:
        o.kind = Operation::Kind::kRemove;
        continue;
      case wire::Operation::NONE:
        break;
    }
    return "an operation says nothing";
  }
  return nullptr;
}

const char* read_get(wire::Get::Reader from, Get& to) {
  take(from.getKey(), to.key);
  to.min_revision = from.getMinRevision();
  return read_consistency(from.getConsistency(), to.consistency);
}

const char* read_scan(wire::Scan::Reader from, ScanOptions& to) {
  const auto prefix = from.getPrefix();
  const auto start = from.getStart();
  const auto end = from.getEnd();
  const auto cursor = from.getCursor();
  if (prefix.size() > kCommandKeyBytesMax || start.size() > kCommandKeyBytesMax ||
      end.size() > kCommandKeyBytesMax || cursor.size() > kCursorBytesMax) {
    return "a bound of the range is too long";
  }
  take(prefix, to.prefix);
  take(start, to.start);
  take(end, to.end);
  take(cursor, to.cursor);
  to.limit = from.getLimit();
  to.reverse = from.getReverse();
  to.keys_only = from.getKeysOnly();
  to.count_only = from.getCountOnly();
  to.read.min_revision = from.getMinRevision();
  return read_consistency(from.getConsistency(), to.read.consistency);
}

const char* read_request(wire::Request::Reader from, Request& to) {
  switch (from.which()) {
    case wire::Request::WRITE:
      return read_write(from.getWrite(), to.body.emplace<Command>());
    case wire::Request::GET:
      return read_get(from.getGet(), to.body.emplace<Get>());
    case wire::Request::SCAN:
      return read_scan(from.getScan(), to.body.emplace<ScanOptions>());
    case wire::Request::OPEN_SESSION: {
      const auto open = from.getOpenSession();
      to.body = OpenSession{open.getPartition(), open.getClient()};
      return open.getClient() == 0 ? "a session needs a number" : nullptr;
    }
    case wire::Request::NONE:
      break;
  }
  return "no such request";
}

// --- answers -----------------------------------------------------------------------------------

bool read_failure(wire::Failure::Reader from, Failure& to) {
  const auto detail = from.getDetail();
  if (from.getCode() < static_cast<int>(Errc::kBadRequest) ||
      from.getCode() > static_cast<int>(kErrcLast) ||
      from.getCommitted() > static_cast<int>(Committed::kPartial) ||
      detail.size() > kDetailBytesMax) {
    return false;
  }
  to.error.code = static_cast<Errc>(from.getCode());
  to.error.committed = static_cast<Committed>(from.getCommitted());
  to.error.retry_after_ms = from.getRetryAfterMs();
  to.error.revision = from.getRevision();
  take(detail, to.error.detail);
  to.session_unknown = from.getSessionUnknown();
  to.unrecorded = from.getUnrecorded();
  to.leader = from.getLeader();
  return true;
}

bool read_written(wire::Written::Reader from, Written& to) {
  to.revision = from.getRevision();
  to.version = from.getVersion();
  to.deleted = from.getDeleted();
  to.created = from.getCreated();
  to.replayed = from.getReplayed();
  return !from.hasPrevious() || read_item(from.getPrevious(), to.previous.emplace());
}

bool read_found(wire::Found::Reader from, ReadResult& to) {
  to.revision = from.getRevision();
  return !from.hasItem() || read_item(from.getItem(), to.item.emplace());
}

bool read_page(wire::Page::Reader from, ScanResult& to) {
  const auto items = from.getItems();
  const auto next = from.getNext();
  if (items.size() > kItemsMax || next.size() > kCursorBytesMax) return false;
  for (const wire::Item::Reader item : items)
    if (!read_item(item, to.items.emplace_back())) return false;
  if (from.getMore()) take(next, to.next.emplace());
  to.count = from.getCount();
  to.revision = from.getRevision();
  return true;
}

bool read_reply(wire::Answer::Reader from, Reply& to) {
  to.id = from.getId();
  switch (from.which()) {
    case wire::Answer::FAILURE:
      return read_failure(from.getFailure(), to.body.emplace<Failure>());
    case wire::Answer::WRITTEN:
      return read_written(from.getWritten(), to.body.emplace<Written>());
    case wire::Answer::ITEM:
      return read_found(from.getItem(), to.body.emplace<ReadResult>());
    case wire::Answer::PAGE:
      return read_page(from.getPage(), to.body.emplace<ScanResult>());
    case wire::Answer::OPENED:
      to.body = Opened{};
      return true;
    case wire::Answer::NONE:
      break;
  }
  return false;
}

}  // namespace

std::optional<ClientHello> decode_client_hello(std::string_view payload) {
  ClientHello hello;
  const bool ok = with_root<wire::ClientHello>(payload, [&](wire::ClientHello::Reader from) {
    hello = {from.getProtocolMin(), from.getProtocolMax(), from.getFrameBytesMax()};
    return hello.protocol_min != 0 && hello.protocol_min <= hello.protocol_max;
  });
  return ok ? std::optional(hello) : std::nullopt;
}

std::optional<ServerHello> decode_server_hello(std::string_view payload) {
  ServerHello hello;
  const bool ok = with_root<wire::ServerHello>(payload, [&](wire::ServerHello::Reader from) {
    hello.protocol = from.getProtocol();
    hello.frame_bytes_max = from.getFrameBytesMax();
    hello.in_flight_max = from.getInFlightMax();
    hello.bytes_in_flight_max = from.getBytesInFlightMax();
    hello.idle_timeout_ms = from.getIdleTimeoutMs();
    return hello.in_flight_max > 0 && hello.bytes_in_flight_max > 0 &&
           hello.frame_bytes_max > net::kFrameHeaderBytes && read_map(from.getMap(), hello.map);
  });
  return ok ? std::optional(std::move(hello)) : std::nullopt;
}

std::optional<ClusterMap> decode_cluster_map(std::string_view payload) {
  ClusterMap map;
  const bool ok = with_root<wire::ClusterMap>(
      payload, [&](wire::ClusterMap::Reader from) { return read_map(from, map); });
  return ok ? std::optional(std::move(map)) : std::nullopt;
}

std::optional<Goodbye> decode_goodbye(std::string_view payload) {
  Goodbye goodbye;
  const bool ok = with_root<wire::Goodbye>(payload, [&](wire::Goodbye::Reader from) {
    if (from.getReason() == 0 || from.getReason() > static_cast<int>(kReasonLast)) return false;
    goodbye = {static_cast<Reason>(from.getReason()), from.getRetryAfterMs(), from.getProtocolMin(),
               from.getProtocolMax()};
    return true;
  });
  return ok ? std::optional(goodbye) : std::nullopt;
}

bool decode_request(std::string_view payload, Request& to, const char*& refused) {
  return with_root<wire::Request>(payload, [&](wire::Request::Reader from) {
    to.id = from.getId();
    to.deadline_ms = from.getDeadlineMs();
    refused = read_request(from, to);
    return true;
  });
}

bool decode_reply(std::string_view payload, Reply& to) {
  return with_root<wire::Answer>(payload,
                                 [&](wire::Answer::Reader from) { return read_reply(from, to); });
}

}  // namespace cairn::kv::door
