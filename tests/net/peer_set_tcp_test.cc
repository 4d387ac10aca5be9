// Three nodes, each a loop, a transport and a PeerSet, over real sockets.
#include <gtest/gtest.h>

#include <array>

#include "net/asio_transport.h"
#include "net/peer_set.h"
#include "tests/net/on_loop.h"

namespace cairn::net::test {
namespace {

class TcpNode final : public PeerEvents {
 public:
  explicit TcpNode(raft::NodeId self, std::string listen = "127.0.0.1:0")
      : self_(self), transport_(std::make_unique<AsioTransport>(loop_.context(), listen)) {
    PeerSetOptions options;
    options.self = self;
    peers_ = std::make_unique<PeerSet>(*transport_, loop_, loop_, *this, options);
    EXPECT_TRUE(peers_->start());
    loop_.start();
  }
  ~TcpNode() override {
    on_loop(loop_, [this] {
      peers_.reset();
      transport_.reset();
      return 0;
    });
    loop_.stop();
  }

  std::string address() {
    return "127.0.0.1:" + std::to_string(on_loop(loop_, [this] { return transport_->port(); }));
  }
  void know(raft::NodeId peer, const std::string& address) {
    on_loop(loop_, [&] {
      peers_->add_peer(peer, address);
      return 0;
    });
  }
  /// `groups` messages in each of `turns` turns, to every other node.
  void talk(int turns, raft::GroupId groups, const std::vector<raft::NodeId>& to) {
    for (int turn = 0; turn < turns; ++turn) {
      loop_.post([this, groups, to] {
        for (const raft::NodeId peer : to) {
          for (raft::GroupId group = 0; group < groups; ++group) {
            peers_->send_raft(peer, group, {self_, peer, 1, raft::Heartbeat{group, 0}});
          }
        }
        peers_->flush();
      });
    }
  }
  void reset(raft::NodeId peer) {
    loop_.post([this, peer] { peers_->reset(peer); });
  }
  std::uint64_t rejected() {
    return on_loop(loop_, [this] { return peers_->metrics().frames_rejected.size(); });
  }

  // PeerEvents
  Hello make_hello(raft::NodeId to, Channel channel) override {
    Hello hello;
    hello.channel = channel;
    hello.node = self_;
    hello.to = to;
    hello.boot = 1;
    hello.nonce = self_;
    hello.boots = {{1, self_}};
    return hello;
  }
  void on_hello(const Hello&, std::function<void(HelloReply::Verdict)> verdict) override {
    loop_.post([verdict = std::move(verdict)] { verdict(HelloReply::Verdict::kAccepted); });
  }
  void on_refused(raft::NodeId, HelloReply::Verdict) override { told.add("refused"); }
  void on_up(raft::NodeId peer, Channel channel, const Hello&) override {
    told.add("up " + std::to_string(peer) + (channel == Channel::kControl ? " control" : " bulk"));
  }
  void on_down(raft::NodeId peer, Channel) override { told.add("down " + std::to_string(peer)); }
  void on_message(raft::NodeId from, Channel, PeerMessage message) override {
    for (const GroupMessage& m : std::get<RaftBatch>(message).messages) {
      EXPECT_EQ(m.message.from, from);
      told.add("raft " + std::to_string(from));
    }
  }

  Told told;

 private:
  const raft::NodeId self_;
  AsioLoop loop_{"tcp-node", broken_to(told)};
  std::unique_ptr<AsioTransport> transport_;
  std::unique_ptr<PeerSet> peers_;
};

TEST(PeerSetTcp, ThreeNodes_ConnectTalkResetAndTalkAgain) {
  std::array<TcpNode, 3> nodes{TcpNode(1), TcpNode(2), TcpNode(3)};
  const auto others = [](std::size_t i) {
    return i == 0   ? std::vector<raft::NodeId>{2, 3}
           : i == 1 ? std::vector<raft::NodeId>{1, 3}
                    : std::vector<raft::NodeId>{1, 2};
  };
  for (const std::size_t i : {2, 1, 0}) {  // those who will be dialled know the dialler first
    for (const raft::NodeId peer : others(i)) nodes[i].know(peer, nodes[peer - 1].address());
  }
  for (std::size_t i = 0; i < 3; ++i) {
    for (const raft::NodeId peer : others(i)) {
      ASSERT_TRUE(nodes[i].told.wait("up " + std::to_string(peer) + " control"));
      ASSERT_TRUE(nodes[i].told.wait("up " + std::to_string(peer) + " bulk"));
    }
  }
  for (std::size_t i = 0; i < 3; ++i) nodes[i].talk(20, 30, others(i));
  for (std::size_t i = 0; i < 3; ++i) {
    for (const raft::NodeId peer : others(i)) {
      EXPECT_TRUE(nodes[i].told.wait("raft " + std::to_string(peer), 600));
    }
    EXPECT_EQ(nodes[i].rejected(), 0u);
  }
  nodes[2].reset(1);
  EXPECT_TRUE(nodes[0].told.wait("up 3 control", 2));
  EXPECT_TRUE(nodes[2].told.wait("up 1 control", 2));
  nodes[0].talk(1, 1, {3});
  EXPECT_TRUE(nodes[2].told.wait("raft 1", 601));
}

TEST(PeerSetTcp, NodeThatComesBack_IsFoundAgain) {
  TcpNode one(1);
  auto two = std::make_unique<TcpNode>(2);
  const std::string address = two->address();
  two->know(1, one.address());
  one.know(2, address);
  ASSERT_TRUE(one.told.wait("up 2 control"));
  ASSERT_TRUE(one.told.wait("up 2 bulk"));
  two.reset();
  ASSERT_TRUE(one.told.wait("down 2", 2));
  two = std::make_unique<TcpNode>(2, address);
  two->know(1, one.address());
  EXPECT_TRUE(one.told.wait("up 2 control", 2));
  EXPECT_TRUE(two->told.wait("up 1 bulk"));
}

}  // namespace
}  // namespace cairn::net::test
