#include "kv/node/rpc.h"

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <algorithm>
#include <cstring>

#include "kv/node/rpc.capnp.h"

namespace cairn::kv {
namespace {

kj::ArrayPtr<const kj::byte> data_of(std::string_view s) {
  return {reinterpret_cast<const kj::byte*>(s.data()), s.size()};
}

std::string string_of(capnp::Data::Reader d) {
  return {reinterpret_cast<const char*>(d.begin()), d.size()};
}

std::string flatten(capnp::MessageBuilder& message) {
  const kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments =
      message.getSegmentsForOutput();
  kj::Array<capnp::word> words = capnp::messageToFlatArray(segments);
  const auto bytes = words.asBytes();
  return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}

/// Runs `read` on the message in `bytes`; nullopt if it is none. The bytes came in a checksummed
/// frame of bounded size; the segment table is checked before Cap'n Proto sees it (hazard H11).
template <class Read>
auto with_message(std::string_view bytes, Read read)
    -> decltype(read(std::declval<capnp::MessageReader&>())) {
  constexpr std::uint32_t kSegmentsMax = 64;
  std::uint32_t segments_minus_one = 0;
  if (bytes.size() < 8 || bytes.size() % sizeof(capnp::word) != 0) return std::nullopt;
  std::memcpy(&segments_minus_one, bytes.data(), sizeof segments_minus_one);
  if (segments_minus_one >= kSegmentsMax) return std::nullopt;
  const std::size_t words = bytes.size() / sizeof(capnp::word);
  kj::Array<capnp::word> aligned = kj::heapArray<capnp::word>(words);
  std::memcpy(aligned.begin(), bytes.data(), bytes.size());
  capnp::ReaderOptions limits;
  limits.traversalLimitInWords = words * 2 + 1024;
  limits.nestingLimit = 8;
  try {
    capnp::FlatArrayMessageReader reader(aligned, limits);
    return read(static_cast<capnp::MessageReader&>(reader));
  } catch (const kj::Exception&) {
    return std::nullopt;
  }
}

void write_item(const Item& from, wire::Item::Builder to) {
  to.setKey(data_of(from.key));
  to.setValue(data_of(from.value));
  to.setCreateRevision(from.create_revision);
  to.setModRevision(from.mod_revision);
  to.setVersion(from.version);
}

Item read_item(wire::Item::Reader from) {
  Item to;
  to.key = string_of(from.getKey());
  to.value = string_of(from.getValue());
  to.create_revision = from.getCreateRevision();
  to.mod_revision = from.getModRevision();
  to.version = from.getVersion();
  return to;
}

struct ReplyWriter {
  wire::Reply::Builder to;

  void operator()(const Refusal& r) {
    auto f = to.initFailure();
    f.setCode(static_cast<std::uint16_t>(r.error.code));
    f.setCommitted(static_cast<std::uint8_t>(r.error.committed));
    f.setRetryAfterMs(r.error.retry_after_ms);
    f.setRevision(r.error.revision);
    f.setDetail(r.error.detail.c_str());
    f.setLeader(r.leader);
  }
  void operator()(const Answer& a) { to.setAnswer(data_of(encode_answer(a))); }
  void operator()(const ReadResult& r) {
    auto i = to.initItem();
    i.setFound(r.item.has_value());
    if (r.item) write_item(*r.item, i.initItem());
    i.setRevision(r.revision);
  }
  void operator()(const PageReply& r) {
    auto p = to.initPage();
    auto items = p.initItems(static_cast<unsigned>(r.page.items.size()));
    for (unsigned i = 0; i < items.size(); ++i) write_item(r.page.items[i], items[i]);
    p.setCount(r.page.count);
    p.setMore(r.page.more);
    p.setLastKey(data_of(r.page.last_key));
    p.setPageRevision(r.revision);
  }
  void operator()(const BackupChunk& c) {
    auto b = to.initBackup();
    b.setLast(!c.bytes.has_value());
    if (c.bytes) b.setChunk(data_of(*c.bytes));
  }
  void operator()(const AdminReply& r) { to.setAdmin(data_of(r.body)); }
};

std::optional<RpcReply> read_failure(wire::Failure::Reader f) {
  if (f.getCode() < static_cast<int>(Errc::kBadRequest) ||
      f.getCode() > static_cast<int>(kErrcLast) ||
      f.getCommitted() > static_cast<int>(Committed::kPartial))
    return std::nullopt;
  Refusal r;
  r.error.code = static_cast<Errc>(f.getCode());
  r.error.committed = static_cast<Committed>(f.getCommitted());
  r.error.retry_after_ms = f.getRetryAfterMs();
  r.error.revision = f.getRevision();
  r.error.detail = f.getDetail().cStr();
  r.leader = f.getLeader();
  return r;
}

PageReply read_page(wire::Reply::Page::Reader p) {
  PageReply r;
  for (auto item : p.getItems()) r.page.items.push_back(read_item(item));
  r.page.count = p.getCount();
  r.page.more = p.getMore();
  r.page.last_key = string_of(p.getLastKey());
  r.revision = p.getPageRevision();
  return r;
}

std::optional<RpcReply> read_reply(wire::Reply::Reader reply) {
  switch (reply.which()) {
    case wire::Reply::FAILURE:
      return read_failure(reply.getFailure());
    case wire::Reply::ANSWER: {
      auto answer = decode_answer(string_of(reply.getAnswer()));
      if (!answer) return std::nullopt;
      return std::move(*answer);
    }
    case wire::Reply::ITEM: {
      ReadResult r;
      if (reply.getItem().getFound()) r.item = read_item(reply.getItem().getItem());
      r.revision = reply.getItem().getRevision();
      return r;
    }
    case wire::Reply::PAGE:
      return read_page(reply.getPage());
    case wire::Reply::BACKUP: {
      BackupChunk c;
      if (!reply.getBackup().getLast()) c.bytes = string_of(reply.getBackup().getChunk());
      return c;
    }
    case wire::Reply::ADMIN:
      return AdminReply{string_of(reply.getAdmin())};
  }
  return std::nullopt;
}

}  // namespace

std::string encode_write_request(raft::GroupId group, std::string_view command) {
  capnp::MallocMessageBuilder message(static_cast<unsigned>(command.size() / 8 + 32));
  auto to = message.initRoot<wire::WriteRequest>();
  to.setGroup(group);
  to.setCommand(data_of(command));
  return flatten(message);
}

std::string encode_request(const ReadRequest& request) {
  capnp::MallocMessageBuilder message;
  auto to = message.initRoot<wire::ReadRequest>();
  to.setGroup(request.group);
  to.setKey(data_of(request.key));
  to.setEventual(request.eventual);
  to.setMinRevision(request.min_revision);
  to.setLease(request.lease);
  return flatten(message);
}

std::string encode_request(const ScanRequest& request) {
  capnp::MallocMessageBuilder message;
  auto to = message.initRoot<wire::ScanRequest>();
  to.setGroup(request.group);
  to.setStart(data_of(request.range.start));
  to.setEnd(data_of(request.range.end));
  to.setLimit(request.range.limit);
  to.setReverse(request.range.reverse);
  to.setKeysOnly(request.range.keys_only);
  to.setCountOnly(request.range.count_only);
  to.setEventual(request.eventual);
  to.setMinRevision(request.min_revision);
  to.setLease(request.lease);
  to.setBytesMax(static_cast<std::uint32_t>(request.range.bytes_max));
  return flatten(message);
}

std::string encode_request(const BackupRequest& request) {
  capnp::MallocMessageBuilder message;
  auto to = message.initRoot<wire::BackupRequest>();
  to.setGroup(request.group);
  to.setStream(request.stream);
  to.setSequence(request.sequence);
  return flatten(message);
}

std::optional<WriteRequest> decode_write_request(std::string_view bytes) {
  return with_message(bytes, [](capnp::MessageReader& message) -> std::optional<WriteRequest> {
    auto from = message.getRoot<wire::WriteRequest>();
    return WriteRequest{from.getGroup(), string_of(from.getCommand())};
  });
}

std::optional<ReadRequest> decode_read_request(std::string_view bytes) {
  return with_message(bytes, [](capnp::MessageReader& message) -> std::optional<ReadRequest> {
    auto from = message.getRoot<wire::ReadRequest>();
    return ReadRequest{from.getGroup(), string_of(from.getKey()), from.getEventual(),
                       from.getMinRevision(), from.getLease()};
  });
}

std::optional<ScanRequest> decode_scan_request(std::string_view bytes) {
  return with_message(bytes, [](capnp::MessageReader& message) -> std::optional<ScanRequest> {
    auto from = message.getRoot<wire::ScanRequest>();
    ScanRequest to;
    to.group = from.getGroup();
    to.range.start = string_of(from.getStart());
    to.range.end = string_of(from.getEnd());
    to.range.limit = from.getLimit();
    if (from.getBytesMax() != 0)
      to.range.bytes_max = std::min<std::size_t>(to.range.bytes_max, from.getBytesMax());
    to.range.reverse = from.getReverse();
    to.range.keys_only = from.getKeysOnly();
    to.range.count_only = from.getCountOnly();
    to.eventual = from.getEventual();
    to.min_revision = from.getMinRevision();
    to.lease = from.getLease();
    return to;
  });
}

std::optional<BackupRequest> decode_backup_request(std::string_view bytes) {
  return with_message(bytes, [](capnp::MessageReader& message) -> std::optional<BackupRequest> {
    auto from = message.getRoot<wire::BackupRequest>();
    return BackupRequest{from.getGroup(), from.getStream(), from.getSequence()};
  });
}

std::string encode_reply(const RpcReply& reply) {
  capnp::MallocMessageBuilder message;
  std::visit(ReplyWriter{message.initRoot<wire::Reply>()}, reply);
  return flatten(message);
}

std::optional<RpcReply> decode_reply(std::string_view bytes) {
  return with_message(bytes, [](capnp::MessageReader& message) -> std::optional<RpcReply> {
    return read_reply(message.getRoot<wire::Reply>());
  });
}

}  // namespace cairn::kv
