// The simulated network, with frames and no node.
#include "kv/sim/network.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "kv/command/command.h"
#include "kv/node/rpc.h"
#include "net/frame.h"
#include "net/wire.h"

namespace cairn::kv::sim {
namespace {

std::string frame(std::uint64_t id, std::size_t body = 16) {
  std::string out;
  net::encode_frame(net::Reply{id, std::string(body, 'x')}, 1, 1, 2, out);
  return out;
}

/// A forwarded write under number `id` of a session.
std::string write_frame(std::uint64_t id) {
  Command command;
  command.operations.push_back({Operation::Kind::kPut, "k", "v"});
  command.session = {7, id, 0};
  net::Request request;
  request.id = id;
  request.kind = static_cast<std::uint16_t>(RequestKind::kWrite);
  request.body = encode_write_request(1, encode_command(command));
  std::string out;
  net::encode_frame(std::move(request), 1, 1, 2, out);
  return out;
}

std::string reply_frame(std::uint64_t id, const RpcReply& reply) {
  std::string out;
  net::encode_frame(net::Reply{id, encode_reply(reply)}, 1, 2, 1, out);
  return out;
}

std::uint64_t id_of(const std::string& bytes) {
  const auto decoded = net::decode_frame(bytes);
  if (const auto* request = std::get_if<net::Request>(&decoded.value().message)) return request->id;
  return std::get<net::Reply>(decoded.value().message).id;
}

struct Host {
  Host(EventQueue& queue, Network& network, NodeId id, LifeId life)
      : home(queue, life, "home", Cost{}, stream(1, "home", life)),
        transport(network.attach(id, life, home, "127.0.0.1:" + std::to_string(id))) {
    EXPECT_TRUE(
        transport->start({[this](net::ConnectionId c, bool) {
                            opened.push_back(c);
                            transport->trust(c);
                          },
                          [this](net::ConnectionId, std::string f) { heard.push_back(id_of(f)); },
                          [this](net::ConnectionId c, const char* why) { closed[c] = why; }}));
  }
  SimExecutor home;
  std::unique_ptr<SimTransport> transport;
  std::vector<net::ConnectionId> opened;
  std::vector<std::uint64_t> heard;
  std::map<net::ConnectionId, std::string> closed;
};

class NetworkTest : public testing::Test {
 protected:
  void run_for(Time span) {
    const Time end = queue.now() + span;
    while (!queue.empty() && queue.next() <= end) queue.pop().run();
    queue.advance(end);
  }
  net::ConnectionId connect() {
    const net::ConnectionId id = one.transport->dial("127.0.0.1:2");
    run_for(Time(100'000));
    return id;
  }

  EventQueue queue{stream(1, "ties")};
  Trace trace;
  Network network{queue, trace, NetworkLaw{}, stream(1, "network")};
  Host one{queue, network, 1, 1};
  Host two{queue, network, 2, 2};
};

TEST_F(NetworkTest, Frames_ManySends_ArriveInOrder) {
  const net::ConnectionId id = connect();
  std::vector<std::uint64_t> sent;
  for (std::uint64_t i = 1; i <= 200; i += 2) {
    ASSERT_TRUE(one.transport->send(id, frame(i) + frame(i + 1)));
    sent.push_back(i);
    sent.push_back(i + 1);
  }
  EXPECT_GT(one.transport->queued_bytes(id), 0u);
  EXPECT_TRUE(two.heard.empty()) << "never inside a call";
  run_for(Time(1'000'000));
  EXPECT_EQ(two.heard, sent);
  EXPECT_EQ(one.transport->queued_bytes(id), 0u);
}

TEST_F(NetworkTest, Cut_Healed_DeliversLateAndInOrder) {
  const net::ConnectionId id = connect();
  network.cut(1, 2);
  for (std::uint64_t i = 1; i <= 5; ++i) ASSERT_TRUE(one.transport->send(id, frame(i)));
  ASSERT_TRUE(two.transport->send(two.opened.front(), frame(77)));
  run_for(Time(300'000));
  EXPECT_TRUE(two.heard.empty());
  EXPECT_EQ(one.heard, std::vector<std::uint64_t>{77}) << "the other way is open";
  network.heal(1, 2);
  for (std::uint64_t i = 6; i <= 9; ++i) ASSERT_TRUE(one.transport->send(id, frame(i)));
  run_for(Time(300'000));
  EXPECT_EQ(two.heard, (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_F(NetworkTest, Cut_Lasting_BreaksTheConnectionOnBothSides) {
  const net::ConnectionId id = connect();
  network.cut(2, 1);
  run_for(Time(5'000'000));
  EXPECT_TRUE(one.closed.contains(id));
  EXPECT_EQ(two.closed.size(), 1u);
  EXPECT_FALSE(one.transport->send(id, frame(1)));
  const net::ConnectionId again = one.transport->dial("127.0.0.1:2");
  run_for(Time(2'000'000));
  EXPECT_EQ(one.closed[again], "refused") << "no dial through a cut link";
}

TEST_F(NetworkTest, Dial_Nobody_IsRefused) {
  const net::ConnectionId id = one.transport->dial("127.0.0.1:9");
  EXPECT_TRUE(one.closed.empty()) << "never inside a call";
  run_for(Time(100'000));
  EXPECT_EQ(one.closed[id], "refused");
}

TEST_F(NetworkTest, Close_Own_TellsBothOnce) {
  const net::ConnectionId id = connect();
  one.transport->close(id);
  one.transport->close(id);
  run_for(Time(100'000));
  EXPECT_EQ(one.closed.size(), 1u);
  EXPECT_EQ(two.closed.size(), 1u);
}

TEST_F(NetworkTest, Killed_Process_PeersHearAtOnce) {
  const net::ConnectionId id = connect();
  network.detach(*two.transport, false);
  run_for(Time(100'000));
  EXPECT_EQ(one.closed[id], "closed");
}

TEST_F(NetworkTest, Vanished_Machine_PeersHearWhenItIsBack) {
  const net::ConnectionId id = connect();
  network.detach(*two.transport, true);
  ASSERT_TRUE(one.transport->send(id, frame(1)));
  run_for(Time(400'000));
  EXPECT_TRUE(one.closed.empty()) << "nobody is there to say so";
  Host again(queue, network, 2, 3);
  run_for(Time(50'000));
  EXPECT_EQ(one.closed[id], "closed") << "the machine is back, and knows of no such connection";
  EXPECT_TRUE(again.heard.empty()) << "bytes of an old connection never reach a new life";
}

TEST_F(NetworkTest, FlippedBit_IsNoticed_AndEndsTheConnection) {
  const net::ConnectionId id = connect();
  network.set_corruption(1'000'000);
  ASSERT_TRUE(one.transport->send(id, frame(1)));
  run_for(Time(100'000));
  EXPECT_TRUE(two.heard.empty());
  ASSERT_EQ(two.closed.size(), 1u);
  EXPECT_NE(two.closed.begin()->second, "closed");
  EXPECT_TRUE(one.closed.contains(id));
}

TEST_F(NetworkTest, RepeatedWrites_ComeAgainOnlyAfterAnAnswerOnRecord) {
  const net::ConnectionId id = connect();
  network.law().duplicate_per_mille = 1000;  // each second write
  // In turn: done; no, by who does not lead; no, by a full table; no such session; no answer.
  Answer full, unknown;
  full.error = Errc::kOverloaded;
  unknown.error = Errc::kBadRequest;
  unknown.session_unknown = true;
  const std::vector<RpcReply> replies = {RpcReply(Answer{}), RpcReply(Refusal{}), RpcReply(full),
                                         RpcReply(unknown)};
  constexpr std::uint64_t kWrites = 200;
  const auto kind = [](std::uint64_t n) { return static_cast<std::size_t>(n % 5); };
  for (std::uint64_t n = 1; n <= kWrites; ++n) ASSERT_TRUE(one.transport->send(id, write_frame(n)));
  run_for(Time(30'000));
  for (std::uint64_t n = 1; n <= kWrites; ++n) {
    if (kind(n) == replies.size()) continue;
    ASSERT_TRUE(two.transport->send(two.opened.front(), reply_frame(n, replies[kind(n)])));
  }
  run_for(network.law().late_max + Time(100'000));
  std::vector<std::size_t> again(5);
  for (std::uint64_t n = 1; n <= kWrites; ++n)
    again[kind(n)] +=
        static_cast<std::size_t>(std::count(two.heard.begin(), two.heard.end(), n)) - 1;
  EXPECT_GT(again[0], 5u);
  EXPECT_LT(again[0], 35u);
  EXPECT_EQ((std::vector<std::size_t>{again.begin() + 1, again.end()}),
            (std::vector<std::size_t>{0, 0, 0, 0}))
      << "a second chance for what was told no";
}

TEST_F(NetworkTest, Untrusted_BigFrameOrSilence_IsClosed) {
  SimExecutor home(queue, 9, "home", Cost{}, stream(1, "home", 9));
  auto stranger = network.attach(9, 9, home, "127.0.0.1:9");
  std::map<net::ConnectionId, std::string> closed;
  std::vector<net::ConnectionId> opened;
  ASSERT_TRUE(stranger->start({[&](net::ConnectionId c, bool) { opened.push_back(c); },
                               [](net::ConnectionId, std::string) {},
                               [&](net::ConnectionId c, const char* why) { closed[c] = why; }}));
  const net::ConnectionId big = one.transport->dial("127.0.0.1:9");
  const net::ConnectionId quiet = one.transport->dial("127.0.0.1:9");
  run_for(Time(100'000));
  ASSERT_EQ(opened.size(), 2u);
  ASSERT_TRUE(one.transport->send(big, frame(1, 100'000)));
  run_for(Time(100'000));
  ASSERT_EQ(closed.size(), 1u);
  EXPECT_EQ(closed.begin()->second, "too_large");
  run_for(Time(6'000'000));
  EXPECT_TRUE(one.closed.contains(quiet));
}

}  // namespace
}  // namespace cairn::kv::sim
