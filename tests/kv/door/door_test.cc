// The node's side of the native door: who is let in, what is refused and in which words.
#include <map>
#include <set>

#include "cairn/kv/test_cluster.h"
#include "tests/kv/door/raw_client.h"
#include "tests/kv/store/support.h"

namespace cairn::kv {
namespace {

using door::Failure;
using door::Get;
using door::Reason;
using door::Request;
using door::Written;

Request put(std::uint64_t id, std::string key, std::string value) {
  Command command;
  command.operations.push_back({Operation::Kind::kPut, std::move(key), std::move(value)});
  return {id, 5000, std::move(command)};
}

class DoorTest : public testing::Test {
 protected:
  void start(std::size_t nodes, const std::function<void(Options&)>& adjust = {}) {
    auto started = TestCluster::start(nodes, adjust);
    ASSERT_TRUE(started) << started.error().message();
    cluster_.emplace(std::move(*started));
  }
  RawClient dial(std::uint64_t node = 1) {
    return RawClient(cluster_->client_endpoints()[node - 1]);
  }
  double metric(const std::string& name, const std::string& labels = "") {
    for (const Sample& sample : cluster_->node(1).metrics())
      if (sample.name == name && sample.labels == labels) return sample.value;
    return 0;
  }
  double rejected(const std::string& reason) {
    return metric("cairn_client_frames_rejected_total", "reason=\"" + reason + '"');
  }
  double refused(const std::string& bound) {
    return metric("cairn_client_refused_total", "bound=\"" + bound + '"');
  }

  std::optional<TestCluster> cluster_;
};

TEST_F(DoorTest, Hello_TellsLimits_Doors_AndLeaders) {
  start(3, [](Options& o) { o.partitions = 2; });
  RawClient client = dial(2);
  const auto hello = client.hello();
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->protocol, door::kProtocolMax);
  EXPECT_EQ(hello->in_flight_max, ClientDoorLimits{}.in_flight_max);
  ASSERT_EQ(hello->map.doors.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(hello->map.doors[i].address, cluster_->client_endpoints()[i]);
  ASSERT_EQ(hello->map.partitions.size(), 2u);
  for (const auto& partition : hello->map.partitions) {
    EXPECT_NE(partition.leader, 0u);
    EXPECT_EQ(partition.replicas.size(), 3u);
  }
}

TEST_F(DoorTest, ManyRequestsInOneWrite_AreAllAnswered) {
  start(1);
  RawClient client = dial();
  ASSERT_TRUE(client.hello());
  std::string frames;
  for (std::uint64_t i = 1; i <= 300; ++i)
    frames += client.frame(put(i, "k" + std::to_string(i), std::string(i * 10, 'v')));
  client.send(frames);
  std::set<std::uint64_t> answered;
  for (int i = 0; i < 300; ++i) {
    const auto reply = client.answer();
    ASSERT_TRUE(reply);
    EXPECT_TRUE(std::holds_alternative<Written>(reply->body));
    answered.insert(reply->id);
  }
  EXPECT_EQ(answered.size(), 300u);
}

TEST_F(DoorTest, FrameInSmallPieces_IsTakenWhole) {
  start(1);
  RawClient client = dial();
  ASSERT_TRUE(client.hello());
  const std::string frame = client.frame(put(1, "k", std::string(300'000, 'v')));
  client.send(frame.substr(0, 10));
  client.send(frame.substr(10, 90));
  client.send(frame.substr(100));
  const auto reply = client.answer();
  ASSERT_TRUE(reply);
  EXPECT_TRUE(std::holds_alternative<Written>(reply->body));
}

TEST_F(DoorTest, PeersFrame_OnTheClientPort_IsRefusedAndCounted) {
  start(1);
  RawClient client = dial();
  std::string frame;
  net::encode_frame(net::PeerMessage(net::HelloReply{}), 1, 2, 3, frame);
  client.send(frame);
  EXPECT_EQ(client.goodbye(), Reason::kGarbage);
  EXPECT_EQ(rejected("wrong_door"), 1);
}

TEST_F(DoorTest, ClientsFrame_OnThePeerPort_IsRefusedAndCounted) {
  start(3);
  RawClient client(cluster_->node(1).options().peer);
  client.send(client.frame(door::ClientHello{}));
  EXPECT_EQ(client.goodbye(), std::nullopt);
  EXPECT_EQ(metric("cairn_peer_frames_rejected_total", "reason=\"wrong_door\""), 1);
}

TEST_F(DoorTest, BytesThatAreNoFrame_EndTheConnection) {
  start(1);
  {
    RawClient client = dial();
    client.send("GET / HTTP/1.1\r\nHost: 127.0.0.1:7001\r\nUser-Agent: curl/7.88.1\r\n\r\n");
    EXPECT_EQ(client.goodbye(), Reason::kGarbage);
    EXPECT_EQ(rejected("garbage"), 1);
  }
  {
    RawClient client = dial();
    ASSERT_TRUE(client.hello());
    std::string frame = client.frame(put(1, "k", "v"));
    frame[frame.size() - 3] ^= 1;
    client.send(frame);
    EXPECT_EQ(client.goodbye(), Reason::kGarbage);
    EXPECT_EQ(rejected("checksum"), 1);
  }
  {
    RawClient client = dial();  // a request before the hello
    client.ask(put(1, "k", "v"));
    EXPECT_TRUE(client.goodbye());
  }
  {
    RawClient client = dial();  // a second hello
    ASSERT_TRUE(client.hello());
    client.send(client.frame(door::ClientHello{}));
    EXPECT_EQ(client.goodbye(), Reason::kGarbage);
  }
  RawClient after = dial();
  EXPECT_TRUE(after.hello());
}

TEST_F(DoorTest, TooLargeAFrame_IsRefusedBeforeItIsRead) {
  start(1, [](Options& o) { o.client_limits.frame_bytes_max = 64u << 10; });
  RawClient client = dial();
  ASSERT_TRUE(client.hello());
  client.send(client.frame(put(1, "k", std::string(100'000, 'v'))).substr(0, 200));
  EXPECT_EQ(client.goodbye(), Reason::kTooLarge);
  EXPECT_EQ(rejected("too_large"), 1);
}

TEST_F(DoorTest, NoCommonProtocol_OrAnotherCluster_IsSaid) {
  start(1);
  {
    RawClient client = dial();
    client.send(client.frame(door::ClientHello{77, 78, door::kAnswerFrameBytesMax}));
    EXPECT_EQ(client.goodbye(), Reason::kProtocol);
  }
  {
    RawClient client = dial();
    client.set_cluster(12345);
    client.send(client.frame(door::ClientHello{}));
    EXPECT_EQ(client.goodbye(), Reason::kForeignCluster);
  }
  EXPECT_EQ(rejected("protocol") + rejected("cluster"), 2);
}

TEST_F(DoorTest, NoHelloInTime_IsSaid) {
  start(1, [](Options& o) { o.client_limits.hello_timeout = milliseconds{50}; });
  RawClient client = dial();
  client.send("CR");
  EXPECT_EQ(client.goodbye(), Reason::kTimeout);
  EXPECT_EQ(refused("hello in time"), 1);
}

TEST_F(DoorTest, Idle_IsSaid) {
  start(1, [](Options& o) { o.client_limits.idle_timeout = milliseconds{50}; });
  RawClient client = dial();
  ASSERT_TRUE(client.hello());
  EXPECT_EQ(client.goodbye(), Reason::kIdle);
  EXPECT_EQ(metric("cairn_client_idle_closed_total"), 1);
}

TEST_F(DoorTest, TooManyConnections_AreToldSo) {
  start(1, [](Options& o) { o.client_limits.connections_max = 2; });
  RawClient one = dial(), two = dial();
  ASSERT_TRUE(one.hello());
  ASSERT_TRUE(two.hello());
  RawClient three = dial();
  EXPECT_EQ(three.goodbye(), Reason::kBusy);
  EXPECT_EQ(refused("connections"), 1);
  one.ask(put(1, "k", "v"));
  EXPECT_TRUE(one.answer());
}

/// Without a quorum linearizable reads wait, so that requests stay under way.
TEST_F(DoorTest, BoundsOfRequestsUnderWay_AreRefusals) {
  start(3, [](Options& o) {
    o.client_limits.in_flight_max = 3;
    o.client_limits.bytes_in_flight_max = 64u << 10;
  });
  cluster_->stop(2);
  cluster_->stop(3);
  RawClient client = dial();
  ASSERT_TRUE(client.hello());
  for (std::uint64_t i = 1; i <= 5; ++i) client.ask({i, 2000, Get{"k", 0, {}}});
  std::map<std::uint64_t, Errc> said;
  for (int i = 0; i < 5; ++i) {
    const auto reply = client.answer();
    ASSERT_TRUE(reply);
    ASSERT_TRUE(std::holds_alternative<Failure>(reply->body));
    said[reply->id] = std::get<Failure>(reply->body).error.code;
  }
  EXPECT_EQ(said[4], Errc::kOverloaded);
  EXPECT_EQ(said[5], Errc::kOverloaded);
  for (std::uint64_t i = 1; i <= 3; ++i) EXPECT_NE(said[i], Errc::kOverloaded);
  EXPECT_EQ(refused("requests in flight"), 2);

  client.ask({6, 500, Get{"k", 0, {}}});
  client.ask(put(7, "k", std::string(65'000, 'v')));
  const auto reply = client.answer();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->id, 7u);
  EXPECT_EQ(std::get<Failure>(reply->body).error.code, Errc::kOverloaded);
  EXPECT_EQ(std::get<Failure>(reply->body).error.committed, Committed::kNo);
  EXPECT_EQ(refused("bytes in flight"), 1);
}

TEST_F(DoorTest, AnswersThatAreNotTaken_AreBounded) {
  start(1, [](Options& o) {
    o.client_limits.bytes_unsent_max = 64u << 10;
    o.client_limits.write_timeout = milliseconds{300};
  });
  RawClient client = dial();
  ASSERT_TRUE(client.hello());
  client.ask(put(1, "k", std::string(1u << 20, 'v')));
  ASSERT_TRUE(client.answer());
  std::string frames;
  for (std::uint64_t i = 2; i <= 40; ++i) frames += client.frame(Request{i, 5000, Get{"k", 0, {}}});
  client.send(frames);
  // Nothing is read: later requests are refused, then the connection goes.
  for (std::uint64_t i = 41; i <= 60; ++i) client.ask({i, 5000, Get{"k", 0, {}}});
  bool closed = false;
  for (int look = 0; look < 500 && !closed; ++look) {
    closed = metric("cairn_client_connections") == 0;
    pollfd none{-1, 0, 0};
    ::poll(&none, 1, 10);
  }
  EXPECT_TRUE(closed);
  EXPECT_GT(refused("answers not taken in time") + refused("answers not taken: closed"), 0);
  EXPECT_EQ(metric("cairn_client_bytes"), 0);
}

TEST_F(DoorTest, RequestThatSaysNothing_IsRefused_AndTheConnectionGoesOn) {
  start(1);
  RawClient client = dial();
  ASSERT_TRUE(client.hello());
  client.ask({8, 0, Get{"k", 0, static_cast<Consistency>(7)}});
  auto reply = client.answer();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->id, 8u);
  EXPECT_EQ(std::get<Failure>(reply->body).error.code, Errc::kBadRequest);
  client.ask({9, 0, door::OpenSession{99, 1}});  // no such partition
  reply = client.answer();
  ASSERT_TRUE(reply);
  EXPECT_EQ(std::get<Failure>(reply->body).error.code, Errc::kBadRequest);
  client.ask(put(10, "k", "v"));
  EXPECT_TRUE(client.answer());
}

TEST_F(DoorTest, UnknownSession_IsSaid_AndNothingIsDone) {
  start(1);
  RawClient client = dial();
  ASSERT_TRUE(client.hello());
  Request request = put(1, "k", "v");
  std::get<Command>(request.body).session = {5, 1, 0};
  client.ask(request);
  const auto reply = client.answer();
  ASSERT_TRUE(reply);
  ASSERT_TRUE(std::holds_alternative<Failure>(reply->body));
  EXPECT_TRUE(std::get<Failure>(reply->body).session_unknown);
  EXPECT_FALSE(cluster_->node(1).get("k").value());
}

TEST_F(DoorTest, SameNumberTwice_ThroughTwoNodes_IsAppliedOnce) {
  start(3);
  RawClient one = dial(1), two = dial(2);
  ASSERT_TRUE(one.hello());
  ASSERT_TRUE(two.hello());
  one.ask({1, 5000, door::OpenSession{0, 42}});
  ASSERT_TRUE(one.answer());
  Request request = put(2, "k", "v");
  std::get<Command>(request.body).session = {42, 1, 0};
  one.ask(request);
  const auto first = one.answer();
  two.ask(request);
  const auto second = two.answer();
  ASSERT_TRUE(first && second);
  ASSERT_TRUE(std::holds_alternative<Written>(first->body));
  ASSERT_TRUE(std::holds_alternative<Written>(second->body));
  EXPECT_EQ(std::get<Written>(first->body).revision, std::get<Written>(second->body).revision);
  EXPECT_EQ(cluster_->node(1).get("k").value()->version, 1u);
}

TEST_F(DoorTest, LeaderChanges_IsToldUnasked) {
  start(3);
  const std::uint64_t leader = cluster_->node(1).cluster().partitions[0].leader;
  RawClient client = dial(leader == 1 ? 2 : 1);
  ASSERT_TRUE(client.hello());
  cluster_->stop(leader);
  for (;;) {
    const auto frame = client.read();
    ASSERT_TRUE(frame);
    if (frame->first.type != net::FrameType::kClusterMap) continue;
    const auto map = door::decode_cluster_map(frame->second);
    ASSERT_TRUE(map);
    if (map->partitions[0].leader != 0 && map->partitions[0].leader != leader) break;
  }
}

TEST_F(DoorTest, Stop_SaysGoodbye) {
  start(1);
  RawClient client = dial();
  ASSERT_TRUE(client.hello());
  cluster_->stop(1);
  EXPECT_EQ(client.goodbye(), Reason::kStopping);
}

}  // namespace
}  // namespace cairn::kv
