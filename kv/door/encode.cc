// Values to frames: sized exactly, then built in place in the bytes that will be sent.
#include "kv/door/door.capnp.h"
#include "kv/door/messages.h"
#include "net/frame_builder.h"

namespace cairn::kv::door {
namespace {

using net::as_data;
using net::list_words;
using net::root_words;
using net::words_of;

net::Envelope envelope_of(const Envelope& e) {
  return {e.cluster_id, e.from, e.to};
}

template <class Builder, class Set>
void set_bytes(const std::string& bytes, Builder& to, Set set) {
  if (!bytes.empty()) (to.*set)(as_data(bytes));
}

// --- sizes -------------------------------------------------------------------------------------

std::size_t words(const ClusterMap& m) {
  std::size_t n = capnp::sizeInWords<wire::ClusterMap>() + list_words<wire::Door>(m.doors.size()) +
                  list_words<wire::Partition>(m.partitions.size());
  for (const ClusterMap::Door& door : m.doors) n += words_of(door.address.size());
  for (const ClusterMap::Partition& p : m.partitions) n += p.replicas.size();
  return n;
}

std::size_t item_words(const Item& item) {
  return capnp::sizeInWords<wire::Item>() + words_of(item.key.size()) + words_of(item.value.size());
}

std::size_t body_words(const Command& c) {
  std::size_t n = capnp::sizeInWords<wire::Write>() + words_of(c.idempotency_key.size()) +
                  list_words<wire::Operation>(c.operations.size());
  if (c.session.client != 0) n += capnp::sizeInWords<wire::Session>();
  for (const Operation& op : c.operations) {
    n += words_of(op.key.size());
    if (op.kind == Operation::Kind::kPut) n += words_of(op.value.size());
  }
  return n;
}
std::size_t body_words(const Get& get) {
  return capnp::sizeInWords<wire::Get>() + words_of(get.key.size());
}
std::size_t body_words(const ScanOptions& s) {
  return capnp::sizeInWords<wire::Scan>() + words_of(s.prefix.size()) + words_of(s.start.size()) +
         words_of(s.end.size()) + words_of(s.cursor.size());
}
std::size_t body_words(const OpenSession&) {
  return capnp::sizeInWords<wire::OpenSession>();
}

std::size_t body_words(const Failure& f) {
  return capnp::sizeInWords<wire::Failure>() + words_of(f.error.detail.size());
}
std::size_t body_words(const Written& w) {
  return capnp::sizeInWords<wire::Written>() + (w.previous ? item_words(*w.previous) : 0);
}
std::size_t body_words(const ReadResult& r) {
  return capnp::sizeInWords<wire::Found>() + (r.item ? item_words(*r.item) : 0);
}
std::size_t body_words(const ScanResult& s) {
  std::size_t n = capnp::sizeInWords<wire::Page>() + (s.next ? words_of(s.next->size()) : 0) +
                  list_words<wire::Item>(s.items.size());
  for (const Item& item : s.items) n += words_of(item.key.size()) + words_of(item.value.size());
  return n;
}
std::size_t body_words(const Opened&) {
  return 0;
}

template <class Body>
std::size_t visit_words(const Body& body) {
  return std::visit([](const auto& b) { return body_words(b); }, body);
}

// --- filling -----------------------------------------------------------------------------------

void fill(const ClusterMap& m, wire::ClusterMap::Builder to) {
  to.setEpoch(m.epoch);
  to.setHashId(m.hash.id);
  to.setHashSeed(m.hash.seed);
  if (!m.doors.empty()) {
    auto doors = to.initDoors(static_cast<capnp::uint>(m.doors.size()));
    for (capnp::uint i = 0; i < doors.size(); ++i) {
      auto door = doors[i];
      door.setNode(m.doors[i].node);
      set_bytes(m.doors[i].address, door, &wire::Door::Builder::setAddress);
    }
  }
  if (m.partitions.empty()) return;
  auto partitions = to.initPartitions(static_cast<capnp::uint>(m.partitions.size()));
  for (capnp::uint i = 0; i < partitions.size(); ++i) {
    const ClusterMap::Partition& from = m.partitions[i];
    auto partition = partitions[i];
    partition.setLeader(from.leader);
    partition.setTerm(from.term);
    if (from.replicas.empty()) continue;
    auto replicas = partition.initReplicas(static_cast<capnp::uint>(from.replicas.size()));
    for (capnp::uint n = 0; n < replicas.size(); ++n) replicas.set(n, from.replicas[n]);
  }
}

void fill(const Item& from, wire::Item::Builder to) {
  set_bytes(from.key, to, &wire::Item::Builder::setKey);
  set_bytes(from.value, to, &wire::Item::Builder::setValue);
  to.setCreateRevision(from.create_revision);
  to.setModRevision(from.mod_revision);
  to.setVersion(from.version);
}

struct BodyOfRequest {
  wire::Request::Builder to;

  void operator()(const Command& c) {
    auto w = to.initWrite();
    w.setIfRevision(c.condition.if_revision);
    w.setIfAbsent(c.condition.if_absent);
    w.setReturnPrevious(c.return_previous);
    set_bytes(c.idempotency_key, w, &wire::Write::Builder::setIdempotencyKey);
    if (c.session.client != 0) {
      auto session = w.initSession();
      session.setClient(c.session.client);
      session.setSequence(c.session.sequence);
      session.setAcknowledged(c.session.acknowledged);
    }
    if (c.operations.empty()) return;
    auto operations = w.initOperations(static_cast<capnp::uint>(c.operations.size()));
    for (capnp::uint i = 0; i < operations.size(); ++i) {
      const Operation& from = c.operations[i];
      auto op = operations[i];
      set_bytes(from.key, op, &wire::Operation::Builder::setKey);
      if (from.kind == Operation::Kind::kRemove)
        op.setRemove();
      else
        op.setPut(as_data(from.value));
    }
  }
  void operator()(const Get& from) {
    auto get = to.initGet();
    set_bytes(from.key, get, &wire::Get::Builder::setKey);
    get.setMinRevision(from.min_revision);
    get.setConsistency(static_cast<std::uint8_t>(from.consistency));
  }
  void operator()(const ScanOptions& from) {
    auto scan = to.initScan();
    set_bytes(from.prefix, scan, &wire::Scan::Builder::setPrefix);
    set_bytes(from.start, scan, &wire::Scan::Builder::setStart);
    set_bytes(from.end, scan, &wire::Scan::Builder::setEnd);
    set_bytes(from.cursor, scan, &wire::Scan::Builder::setCursor);
    scan.setLimit(from.limit);
    scan.setReverse(from.reverse);
    scan.setKeysOnly(from.keys_only);
    scan.setCountOnly(from.count_only);
    scan.setConsistency(static_cast<std::uint8_t>(from.read.consistency));
    scan.setMinRevision(from.read.min_revision);
  }
  void operator()(const OpenSession& from) {
    auto open = to.initOpenSession();
    open.setPartition(from.partition);
    open.setClient(from.client);
  }
};

struct BodyOfReply {
  wire::Answer::Builder to;

  void operator()(const Failure& from) {
    auto failure = to.initFailure();
    failure.setCode(static_cast<std::uint16_t>(from.error.code));
    failure.setCommitted(static_cast<std::uint8_t>(from.error.committed));
    failure.setSessionUnknown(from.session_unknown);
    failure.setUnrecorded(from.unrecorded);
    failure.setRetryAfterMs(from.error.retry_after_ms);
    failure.setRevision(from.error.revision);
    failure.setLeader(from.leader);
    set_bytes(from.error.detail, failure, &wire::Failure::Builder::setDetail);
  }
  void operator()(const Written& from) {
    auto written = to.initWritten();
    written.setRevision(from.revision);
    written.setVersion(from.version);
    written.setDeleted(from.deleted);
    written.setCreated(from.created);
    written.setReplayed(from.replayed);
    if (from.previous) fill(*from.previous, written.initPrevious());
  }
  void operator()(const ReadResult& from) {
    auto found = to.initItem();
    found.setRevision(from.revision);
    if (from.item) fill(*from.item, found.initItem());
  }
  void operator()(const ScanResult& from) {
    auto page = to.initPage();
    page.setCount(from.count);
    page.setRevision(from.revision);
    page.setMore(from.next.has_value());
    if (from.next) set_bytes(*from.next, page, &wire::Page::Builder::setNext);
    if (from.items.empty()) return;
    auto items = page.initItems(static_cast<capnp::uint>(from.items.size()));
    for (capnp::uint i = 0; i < items.size(); ++i) fill(from.items[i], items[i]);
  }
  void operator()(const Opened&) { to.setOpened(); }
};

}  // namespace

void encode(const ClientHello& hello, const Envelope& envelope, std::string& out) {
  net::append_frame<wire::ClientHello>(net::FrameType::kClientHello, envelope_of(envelope),
                                       root_words<wire::ClientHello>(), out, [&](auto root) {
                                         root.setProtocolMin(hello.protocol_min);
                                         root.setProtocolMax(hello.protocol_max);
                                         root.setFrameBytesMax(hello.frame_bytes_max);
                                       });
}

void encode(const ServerHello& hello, const Envelope& envelope, std::string& out) {
  const std::size_t size = root_words<wire::ServerHello>() + words(hello.map);
  net::append_frame<wire::ServerHello>(net::FrameType::kServerHello, envelope_of(envelope), size,
                                       out, [&](auto root) {
                                         root.setProtocol(hello.protocol);
                                         root.setFrameBytesMax(hello.frame_bytes_max);
                                         root.setInFlightMax(hello.in_flight_max);
                                         root.setBytesInFlightMax(hello.bytes_in_flight_max);
                                         root.setIdleTimeoutMs(hello.idle_timeout_ms);
                                         fill(hello.map, root.initMap());
                                       });
}

void encode(const ClusterMap& map, const Envelope& envelope, std::string& out) {
  net::append_frame<wire::ClusterMap>(net::FrameType::kClusterMap, envelope_of(envelope),
                                      1 + words(map), out, [&](auto root) { fill(map, root); });
}

void encode(const Goodbye& goodbye, const Envelope& envelope, std::string& out) {
  net::append_frame<wire::Goodbye>(net::FrameType::kGoodbye, envelope_of(envelope),
                                   root_words<wire::Goodbye>(), out, [&](auto root) {
                                     root.setReason(static_cast<std::uint16_t>(goodbye.reason));
                                     root.setRetryAfterMs(goodbye.retry_after_ms);
                                     root.setProtocolMin(goodbye.protocol_min);
                                     root.setProtocolMax(goodbye.protocol_max);
                                   });
}

void encode(const Request& request, const Envelope& envelope, std::string& out) {
  const std::size_t size = root_words<wire::Request>() + visit_words(request.body);
  net::append_frame<wire::Request>(net::FrameType::kClientRequest, envelope_of(envelope), size, out,
                                   [&](auto root) {
                                     root.setId(request.id);
                                     root.setDeadlineMs(request.deadline_ms);
                                     std::visit(BodyOfRequest{root}, request.body);
                                   });
}

void encode(const Reply& reply, const Envelope& envelope, std::string& out) {
  const std::size_t size = root_words<wire::Answer>() + visit_words(reply.body);
  net::append_frame<wire::Answer>(net::FrameType::kClientAnswer, envelope_of(envelope), size, out,
                                  [&](auto root) {
                                    root.setId(reply.id);
                                    std::visit(BodyOfReply{root}, reply.body);
                                  });
}

std::size_t frame_bytes(const Request& request) {
  return net::frame_bytes_of(root_words<wire::Request>() + visit_words(request.body));
}

std::size_t frame_bytes(const Reply& reply) {
  return net::frame_bytes_of(root_words<wire::Answer>() + visit_words(reply.body));
}

const char* name(Reason reason) {
  switch (reason) {
    case Reason::kGarbage:
      return "garbage";
    case Reason::kTooLarge:
      return "too_large";
    case Reason::kProtocol:
      return "protocol";
    case Reason::kForeignCluster:
      return "foreign_cluster";
    case Reason::kBusy:
      return "busy";
    case Reason::kTimeout:
      return "timeout";
    case Reason::kIdle:
      return "idle";
    case Reason::kStopping:
      return "stopping";
    case Reason::kOverflow:
      return "overflow";
  }
  return "unknown";
}

}  // namespace cairn::kv::door
