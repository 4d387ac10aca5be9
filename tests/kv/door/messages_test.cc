// The native door's messages: what is encoded comes back, and nothing else does.
#include <gtest/gtest.h>

#include <random>

#include "kv/door/messages.h"

namespace cairn::kv::door {
namespace {

const Envelope kEnvelope{7, 11, 13};

/// The payload of the one frame in `frame`, whose header must be right.
std::string_view payload_of(const std::string& frame, net::FrameType type) {
  const auto header = net::parse_frame_header(frame, net::kFrameBytesMax, net::FrameDoor::kClient);
  if (!header) {
    ADD_FAILURE() << header.error().message();
    return {};
  }
  EXPECT_EQ(header->type, type);
  EXPECT_EQ(header->cluster_id, 7u);
  EXPECT_EQ(header->from, 11u);
  EXPECT_EQ(header->to, 13u);
  EXPECT_EQ(header->frame_bytes(), frame.size());
  const auto payload = std::string_view(frame).substr(net::kFrameHeaderBytes);
  EXPECT_TRUE(net::payload_matches(*header, payload));
  return payload;
}

Request again(const Request& request) {
  std::string frame;
  encode(request, kEnvelope, frame);
  EXPECT_EQ(frame.size(), frame_bytes(request));
  Request back;
  const char* refused = nullptr;
  EXPECT_TRUE(decode_request(payload_of(frame, net::FrameType::kClientRequest), back, refused));
  EXPECT_EQ(refused, nullptr) << refused;
  EXPECT_EQ(back.id, request.id);
  EXPECT_EQ(back.deadline_ms, request.deadline_ms);
  EXPECT_EQ(back.body.index(), request.body.index());
  return back;
}

Reply again(const Reply& reply) {
  std::string frame;
  encode(reply, kEnvelope, frame);
  EXPECT_EQ(frame.size(), frame_bytes(reply));
  Reply back;
  EXPECT_TRUE(decode_reply(payload_of(frame, net::FrameType::kClientAnswer), back));
  EXPECT_EQ(back.id, reply.id);
  EXPECT_EQ(back.body.index(), reply.body.index());
  return back;
}

Command some_write() {
  Command command;
  command.operations = {{Operation::Kind::kPut, "key", "value"},
                        {Operation::Kind::kRemove, "other", ""},
                        {Operation::Kind::kPut, "empty", ""}};
  command.condition = {true, 99};
  command.return_previous = true;
  command.idempotency_key = "once";
  command.session = {5, 6, 4};
  return command;
}

ClusterMap some_map() {
  ClusterMap map;
  map.epoch = 3;
  map.hash.seed = 77;
  map.doors = {{1, "127.0.0.1:7001"}, {3, "[::1]:7003"}};
  map.partitions = {{1, 5, {1, 2, 3}}, {0, 0, {}}};
  return map;
}

TEST(DoorMessages, Hellos_ComeBack) {
  std::string frame;
  encode(ClientHello{1, 4, 1u << 25}, kEnvelope, frame);
  const auto client = decode_client_hello(payload_of(frame, net::FrameType::kClientHello));
  ASSERT_TRUE(client);
  EXPECT_EQ(client->protocol_max, 4);
  EXPECT_EQ(client->frame_bytes_max, 1u << 25);

  frame.clear();
  ServerHello hello{1, 100'000, 64, 1'000'000, 5'000, some_map()};
  encode(hello, kEnvelope, frame);
  const auto server = decode_server_hello(payload_of(frame, net::FrameType::kServerHello));
  ASSERT_TRUE(server);
  EXPECT_EQ(server->in_flight_max, 64u);
  EXPECT_EQ(server->bytes_in_flight_max, 1'000'000u);
  EXPECT_EQ(server->idle_timeout_ms, 5'000u);
  EXPECT_EQ(server->map, hello.map);
}

TEST(DoorMessages, Map_AndGoodbye_ComeBack) {
  std::string frame;
  encode(some_map(), kEnvelope, frame);
  const auto map = decode_cluster_map(payload_of(frame, net::FrameType::kClusterMap));
  ASSERT_TRUE(map);
  EXPECT_EQ(*map, some_map());
  frame.clear();
  encode(Goodbye{Reason::kBusy, 1500, 1, 2}, kEnvelope, frame);
  const auto goodbye = decode_goodbye(payload_of(frame, net::FrameType::kGoodbye));
  ASSERT_TRUE(goodbye);
  EXPECT_EQ(goodbye->reason, Reason::kBusy);
  EXPECT_EQ(goodbye->retry_after_ms, 1500u);
}

TEST(DoorMessages, Requests_ComeBack) {
  const Request write = again({42, 1000, some_write()});
  const auto& command = std::get<Command>(write.body);
  ASSERT_EQ(command.operations.size(), 3u);
  EXPECT_EQ(command.operations[0].value, "value");
  EXPECT_EQ(command.operations[1].kind, Operation::Kind::kRemove);
  EXPECT_EQ(command.operations[2].value, "");
  EXPECT_TRUE(command.condition.if_absent);
  EXPECT_EQ(command.condition.if_revision, 99u);
  EXPECT_TRUE(command.return_previous);
  EXPECT_EQ(command.idempotency_key, "once");
  EXPECT_EQ(command.session.client, 5u);
  EXPECT_EQ(command.session.sequence, 6u);
  EXPECT_EQ(command.session.acknowledged, 4u);

  const Request get = again({1, 0, Get{"k", 12, Consistency::kEventual}});
  EXPECT_EQ(std::get<Get>(get.body).min_revision, 12u);
  EXPECT_EQ(std::get<Get>(get.body).consistency, Consistency::kEventual);

  ScanOptions options;
  options.start = "a";
  options.end = "b";
  options.limit = 17;
  options.reverse = options.keys_only = options.count_only = true;
  options.cursor = "c";
  options.read = {Consistency::kLease, 8, {}};
  const Request scan = again({2, 3, options});
  const auto& s = std::get<ScanOptions>(scan.body);
  EXPECT_EQ(s.start + s.end + s.cursor + s.prefix, "abc");
  EXPECT_EQ(s.limit, 17u);
  EXPECT_TRUE(s.reverse && s.keys_only && s.count_only);
  EXPECT_EQ(s.read.consistency, Consistency::kLease);
  EXPECT_EQ(std::get<OpenSession>(again({3, 0, OpenSession{9, 8}}).body).client, 8u);
}

TEST(DoorMessages, Replies_ComeBack) {
  Failure failure{Error(Errc::kNoLeader, "why", Committed::kUnknown), true, true, 3};
  failure.error.retry_after_ms = 20;
  failure.error.revision = 5;
  const Reply failed = again({1, failure});
  const auto& f = std::get<Failure>(failed.body);
  EXPECT_EQ(f.error.code, Errc::kNoLeader);
  EXPECT_EQ(f.error.committed, Committed::kUnknown);
  EXPECT_EQ(f.error.detail, "why");
  EXPECT_EQ(f.error.retry_after_ms, 20u);
  EXPECT_EQ(f.error.revision, 5u);
  EXPECT_TRUE(f.session_unknown && f.unrecorded);
  EXPECT_EQ(f.leader, 3u);

  const Item item{"k", "v", 1, 2, 3};
  const Reply written = again({2, Written{10, 11, 12, true, true, item}});
  const auto& w = std::get<Written>(written.body);
  EXPECT_EQ(w.deleted, 12u);
  ASSERT_TRUE(w.previous);
  EXPECT_EQ(w.previous->mod_revision, 2u);
  const Reply found = again({3, ReadResult{item, 20}});
  EXPECT_EQ(std::get<ReadResult>(found.body).item->value, "v");
  EXPECT_FALSE(std::get<ReadResult>(again({4, ReadResult{}}).body).item);
  ScanResult page;
  page.items = {item, {"l", "", 4, 5, 6}};
  page.next = "cursor";
  page.count = 2;
  const Reply paged = again({5, page});
  ASSERT_EQ(std::get<ScanResult>(paged.body).items.size(), 2u);
  EXPECT_EQ(std::get<ScanResult>(paged.body).next, "cursor");
  EXPECT_TRUE(std::holds_alternative<Opened>(again({6, Opened{}}).body));
}

TEST(DoorMessages, SeveralFrames_StandBehindEachOther) {
  std::string frames;
  encode(Request{1, 0, Get{"a", 0, {}}}, kEnvelope, frames);
  const std::size_t first = frames.size();
  encode(Request{2, 0, some_write()}, kEnvelope, frames);
  (void)payload_of(frames.substr(0, first), net::FrameType::kClientRequest);
  (void)payload_of(frames.substr(first), net::FrameType::kClientRequest);
}

TEST(DoorMessages, PeersAndClientsFrames_AreToldApart) {
  std::string frame;
  encode(Request{1, 0, Get{"a", 0, {}}}, kEnvelope, frame);
  EXPECT_EQ(net::parse_frame_header(frame, net::kFrameBytesMax).error(), net::NetError::kWrongDoor);
  std::string peers;
  net::encode_frame(net::PeerMessage(net::HelloReply{}), 1, 2, 3, peers);
  EXPECT_TRUE(net::parse_frame_header(peers, net::kFrameBytesMax));
  EXPECT_EQ(net::parse_frame_header(peers, net::kFrameBytesMax, net::FrameDoor::kClient).error(),
            net::NetError::kWrongDoor);
}

/// Bytes that once were right, cut short or changed: a value or a refusal, never more than that.
TEST(DoorMessages, ChangedPayloads_GiveAValueOrARefusal) {
  std::vector<std::string> payloads;
  const auto add = [&](const auto& message) {
    std::string frame;
    encode(message, kEnvelope, frame);
    payloads.push_back(frame.substr(net::kFrameHeaderBytes));
  };
  add(ClientHello{});
  add(ServerHello{1, 100'000, 64, 1'000'000, 5'000, some_map()});
  add(Request{42, 1000, some_write()});
  add(Request{42, 1000, ScanOptions{}});
  add(Reply{5, ScanResult{{{"k", "v", 1, 2, 3}}, "next", 1, 2}});
  std::mt19937_64 random(20260101);
  for (const std::string& payload : payloads) {
    for (std::size_t i = 0; i < 3'000; ++i) {
      std::string changed = payload;
      if (i < payload.size()) changed.resize(i);
      for (int n = 0; n < 3 && !changed.empty(); ++n)
        changed[random() % changed.size()] = static_cast<char>(random());
      Request request;
      Reply reply;
      const char* refused = nullptr;
      (void)decode_client_hello(changed);
      (void)decode_server_hello(changed);
      (void)decode_cluster_map(changed);
      (void)decode_goodbye(changed);
      (void)decode_request(changed, request, refused);
      (void)decode_reply(changed, reply);
    }
  }
}

TEST(DoorMessages, ContradictingRequests_AreRefusedWithTheirId) {
  const auto refusal = [](Request request) -> std::string {
    std::string frame;
    encode(request, kEnvelope, frame);
    Request back;
    const char* refused = nullptr;
    EXPECT_TRUE(
        decode_request(std::string_view(frame).substr(net::kFrameHeaderBytes), back, refused));
    EXPECT_EQ(back.id, request.id);
    return refused == nullptr ? "" : refused;
  };
  Command command = some_write();
  command.session = {5, 6, 6};
  EXPECT_NE(refusal({9, 0, command}), "");
  EXPECT_NE(refusal({9, 0, Get{"k", 0, static_cast<Consistency>(9)}}), "");
  EXPECT_NE(refusal({9, 0, OpenSession{1, 0}}), "");
  ScanOptions scan;
  scan.prefix.assign(5000, 'p');
  EXPECT_NE(refusal({9, 0, scan}), "");
}

}  // namespace
}  // namespace cairn::kv::door
