// The hello: who is let in, who is not, and what a peer that does not keep to it meets.
#include <gmock/gmock.h>

#include "net/frame.h"
#include "tests/net/peer_world.h"

namespace cairn::net::test {
namespace {

/// A peer that speaks frames of the test's making: node 1, or whoever it says.
class Stranger {
 public:
  Stranger(FakeNetwork& network, ManualLoop& loop)
      : transport_(network, "stranger:1"), loop_(loop), events_(1) {
    Transport::Callbacks callbacks;
    callbacks.on_open = [](ConnectionId, bool) {};
    callbacks.on_frame = [this](ConnectionId, std::string frame) {
      heard.push_back(decode_frame(frame).value());
    };
    callbacks.on_close = [this](ConnectionId, const char*) { ++closed; };
    EXPECT_TRUE(transport_.start(std::move(callbacks)));
  }
  void call(raft::NodeId node) {
    id_ = transport_.dial(address_of(node));
    settle();
  }
  void say(const PeerMessage& message, std::uint64_t to = 2, std::uint64_t from = 1,
           std::uint64_t cluster = 0) {
    std::string frame;
    encode_frame(message, cluster, from, to, frame);
    transport_.send(id_, frame);
    settle();
  }
  void hello(Channel channel = Channel::kControl) { say(hello_as(1, 2, channel)); }
  Hello hello_as(raft::NodeId self, raft::NodeId to, Channel channel = Channel::kControl) {
    Hello hello = events_.make_hello(to, channel);
    hello.node = self;
    return hello;
  }
  void close() { transport_.close(id_); }
  RecordingEvents& words() { return events_; }

  std::vector<DecodedFrame> heard;
  int closed = 0;

 private:
  void settle() { loop_.run_for(std::chrono::milliseconds(5)); }
  FakeTransport transport_;
  ManualLoop& loop_;
  RecordingEvents events_;
  ConnectionId id_ = 0;
};

class Handshake : public PeerWorld {
 protected:
  Handshake() {
    add(2);
    start_all();
  }
  std::uint64_t rejected(const std::string& reason) {
    return node(2).peers.metrics().frames_rejected[reason];
  }
  Verdict verdict_heard() { return std::get<HelloReply>(stranger.heard.back().message).verdict; }
  Stranger stranger{network, loop};
};

TEST_F(Handshake, Acceptor_SaysHelloAndYes_AndIsUpOnTheirYes) {
  stranger.call(2);
  stranger.hello();
  ASSERT_EQ(stranger.heard.size(), 2u);
  EXPECT_EQ(std::get<Hello>(stranger.heard[0].message).node, 2u);
  EXPECT_EQ(verdict_heard(), Verdict::kAccepted);
  EXPECT_FALSE(node(2).peers.up(1, Channel::kControl));
  stranger.say(HelloReply{});
  EXPECT_TRUE(node(2).peers.up(1, Channel::kControl));
  EXPECT_THAT(node(2).events.log, ::testing::ElementsAre("hello 1 control", "up 1 control"));
}

TEST_F(Handshake, Verdict_GivenLate_IsWaitedFor) {
  node(2).events.hold_verdicts = true;
  stranger.call(2);
  stranger.hello();
  EXPECT_TRUE(stranger.heard.empty());
  node(2).events.held.at(0)(Verdict::kAccepted);
  node(2).events.held.at(0)(Verdict::kWiped);  // once is enough: ignored
  run(5);
  EXPECT_EQ(stranger.heard.size(), 2u);
  EXPECT_EQ(verdict_heard(), Verdict::kAccepted);
}

TEST_F(Handshake, Verdict_NeverGiven_ClosesAfterTheTimeout) {
  node(2).events.hold_verdicts = true;
  stranger.call(2);
  stranger.hello();
  run(2900);
  EXPECT_EQ(stranger.closed, 0);
  run(200);
  EXPECT_EQ(stranger.closed, 1);
  node(2).events.held.at(0)(Verdict::kAccepted);
  run(10);
  EXPECT_TRUE(stranger.heard.empty());
}

TEST_F(Handshake, Refusal_IsSaidWithTheHello_AndLeftToThePeerToClose) {
  node(2).events.verdict = Verdict::kWiped;
  stranger.call(2);
  stranger.hello();
  ASSERT_EQ(stranger.heard.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<Hello>(stranger.heard[0].message));
  EXPECT_EQ(verdict_heard(), Verdict::kWiped);
  stranger.say(HelloReply{});  // says yes all the same
  EXPECT_FALSE(node(2).peers.up(1, Channel::kControl));
  EXPECT_EQ(stranger.closed, 0);
  run(3000);
  EXPECT_EQ(stranger.closed, 1);
}

TEST_F(Handshake, Refused_ByTheAcceptor_TellsTheNodeAndWaitsLong) {
  node(2).events.verdict = Verdict::kForeignCluster;
  add(1, 2);
  ASSERT_TRUE(node(1).peers.start());
  run(5000);
  EXPECT_FALSE(up(1, 2));
  EXPECT_GE(node(1).events.count("refused 2 2"), 18u);  // about two a second on two channels
  EXPECT_LE(node(1).events.count("refused 2 2"), 22u);
  EXPECT_EQ(node(1).events.count("up 2 control"), 0u);
  node(2).events.verdict = Verdict::kAccepted;
  run(600);
  EXPECT_TRUE(up(1, 2));
}

TEST_F(Handshake, Refused_ByTheDialler_TellsTheAcceptor) {
  add(1, 2);
  node(1).events.verdict = Verdict::kBusy;
  ASSERT_TRUE(node(1).peers.start());
  run(2000);
  EXPECT_FALSE(up(1, 2));
  EXPECT_GE(node(2).events.count("refused 1 5"), 6u);
  node(1).events.verdict = Verdict::kAccepted;
  run(600);
  EXPECT_TRUE(up(1, 2));
}

TEST_F(Handshake, UnknownNode_IsRefusedWithoutAskingOrAnswering) {
  add(5, 0);
  ASSERT_TRUE(node(5).peers.start());
  stranger.call(5);
  stranger.say(stranger.hello_as(1, 5), 5);
  ASSERT_EQ(stranger.heard.size(), 1u);
  EXPECT_EQ(verdict_heard(), Verdict::kUnknownNode);
  EXPECT_TRUE(node(5).events.log.empty());
}

TEST_F(Handshake, HigherStranger_AsksTheCluster_IsToldThatItIsUnknown) {
  node(2).peers.set_cluster_id(7);
  PeerNode& removed = add(9, 2);
  removed.peers.set_cluster_id(7);
  ASSERT_TRUE(removed.peers.start());
  run(1900);
  EXPECT_TRUE(removed.events.log.empty());  // it is theirs to dial
  run(200);
  EXPECT_EQ(removed.events.count("refused 2 3"), 1u);
  run(2000);
  EXPECT_EQ(removed.events.count("refused 2 3"), 2u);
  EXPECT_TRUE(node(2).events.log.empty());
}

TEST_F(Handshake, HigherStranger_OfAnotherClusterOrAskingAnUnfoundedNode_LearnsNothing) {
  PeerNode& foreign = add(9, 2);
  foreign.peers.set_cluster_id(8);
  ASSERT_TRUE(foreign.peers.start());
  run(2100);
  EXPECT_EQ(foreign.events.count("refused 2 5"), 1u);
  node(2).peers.set_cluster_id(7);
  run(2000);
  EXPECT_EQ(foreign.events.count("refused 2 5"), 2u);
}

TEST_F(Handshake, HigherPeer_ThatAsks_IsDialledAtOnce) {
  node(2).peers.add_peer(9, "nowhere:1");
  run(5000);  // dials in vain, at its slowest by now
  const auto before = node(2).transport.dials;
  while (node(2).transport.dials == before) run(1);
  run(10);
  const auto slow = node(2).transport.dials;
  stranger.call(2);
  stranger.say(stranger.hello_as(9, 2), 2, 9);
  ASSERT_EQ(stranger.heard.size(), 1u);
  EXPECT_EQ(verdict_heard(), Verdict::kBusy);
  EXPECT_EQ(node(2).transport.dials, slow + 2);  // control and bulk
}

TEST_F(Handshake, NoCommonProtocol_IsRefused) {
  stranger.call(2);
  stranger.words().protocol = kProtocolMax + 1;
  stranger.hello();
  EXPECT_EQ(verdict_heard(), Verdict::kProtocol);
}

TEST_F(Handshake, PeerThatTakesSmallerFrames_IsRefused) {
  stranger.call(2);
  stranger.words().frame_bytes_max = kFrameBytesMax - 1;
  stranger.hello();
  EXPECT_EQ(verdict_heard(), Verdict::kProtocol);
}

TEST_F(Handshake, ForeignCluster_InTheHello_IsRefused) {
  node(2).peers.set_cluster_id(77);
  stranger.call(2);
  stranger.say(stranger.hello_as(1, 2), 2, 1, 78);
  EXPECT_EQ(verdict_heard(), Verdict::kForeignCluster);
  EXPECT_EQ(stranger.heard.back().cluster_id, 77u);
  EXPECT_TRUE(node(2).events.log.empty());
}

TEST_F(Handshake, BeforeTheHello_NothingElseIsHeard) {
  stranger.call(2);
  stranger.say(Reply{1, "x"});
  EXPECT_EQ(rejected("unexpected"), 1u);
  EXPECT_EQ(stranger.closed, 1);
  stranger.call(2);
  stranger.say(HelloReply{});
  EXPECT_EQ(rejected("unexpected"), 2u);
  EXPECT_TRUE(node(2).events.log.empty());
}

TEST_F(Handshake, BetweenHelloAndYes_NothingElseIsHeard) {
  stranger.call(2);
  stranger.hello();
  stranger.say(Reply{1, "x"});
  EXPECT_EQ(rejected("unexpected"), 1u);
  EXPECT_EQ(stranger.closed, 1);
  stranger.call(2);
  stranger.hello();
  stranger.hello();
  EXPECT_EQ(rejected("unexpected"), 2u);
}

TEST_F(Handshake, Identity_ThatChangesOrIsNotOurs_ClosesTheConnection) {
  stranger.call(2);
  stranger.say(stranger.hello_as(1, 3), 3);  // meant for another node
  EXPECT_EQ(rejected("identity"), 1u);
  stranger.call(2);
  stranger.hello();
  stranger.say(HelloReply{});
  ASSERT_TRUE(node(2).peers.up(1, Channel::kControl));
  stranger.say(Reply{1, "x"}, 2, 3);
  EXPECT_EQ(rejected("identity"), 2u);
  EXPECT_FALSE(node(2).peers.up(1, Channel::kControl));
  EXPECT_EQ(node(2).events.count("message 1 control"), 0u);
}

TEST_F(Handshake, ClusterId_OfLaterFrames_MustBeOurs) {
  const auto connect = [&] {
    stranger.call(2);
    stranger.hello();
    stranger.say(HelloReply{});
    ASSERT_TRUE(node(2).peers.up(1, Channel::kControl));
  };
  connect();
  stranger.say(Reply{1, "x"});  // both unfounded: fine
  EXPECT_EQ(node(2).events.messages.size(), 1u);
  stranger.say(Reply{1, "x"}, 2, 1, 77);  // it was founded, and has not said hello with it
  EXPECT_EQ(rejected("cluster"), 1u);
  connect();
  node(2).peers.set_cluster_id(77);
  stranger.say(Reply{1, "x"}, 2, 1, 77);
  EXPECT_EQ(node(2).events.messages.size(), 2u);
  stranger.say(Reply{1, "x"}, 2, 1, 78);
  EXPECT_EQ(rejected("cluster"), 2u);
  connect();                    // a hello of an unfounded node is the node's to judge
  stranger.say(Reply{1, "x"});  // but nothing else of it
  EXPECT_EQ(rejected("cluster"), 3u);
  EXPECT_EQ(node(2).events.messages.size(), 2u);
}

TEST_F(Handshake, SecondConnection_AcceptedLater_TakesTheFirstOnesPlace) {
  stranger.call(2);
  stranger.hello();
  stranger.say(HelloReply{});
  stranger.call(2);
  stranger.hello();
  EXPECT_EQ(stranger.closed, 0);  // the first one still carries
  EXPECT_TRUE(node(2).peers.up(1, Channel::kControl));
  node(2).events.log.clear();
  stranger.say(HelloReply{});
  EXPECT_EQ(stranger.closed, 1);
  EXPECT_TRUE(node(2).peers.up(1, Channel::kControl));
  EXPECT_THAT(node(2).events.log, ::testing::ElementsAre("down 1 control", "up 1 control"));
  stranger.say(Reply{1, "on the second"});
  EXPECT_EQ(node(2).events.messages.size(), 1u);
}

TEST_F(Handshake, NewBoot_OnOneChannel_SilencesTheOldBootOnTheOther) {
  stranger.call(2);
  stranger.hello(Channel::kBulk);
  stranger.say(HelloReply{});
  ASSERT_TRUE(node(2).peers.up(1, Channel::kBulk));
  stranger.words().boot = 2;
  stranger.call(2);
  stranger.hello(Channel::kControl);
  EXPECT_FALSE(node(2).peers.up(1, Channel::kBulk));
  EXPECT_EQ(stranger.closed, 1);
}

TEST_F(Handshake, HelloAfterUp_IsRefused) {
  stranger.call(2);
  stranger.hello();
  stranger.say(HelloReply{});
  stranger.hello();
  EXPECT_EQ(rejected("unexpected"), 1u);
  EXPECT_FALSE(node(2).peers.up(1, Channel::kControl));
}

TEST_F(Handshake, RestartedNode_ReplacesItsOldConnections) {
  add(1, 2);
  ASSERT_TRUE(node(1).peers.start());
  run(100);
  ASSERT_TRUE(up(1, 2));
  node(1).transport.vanish();  // without a word: node 2 thinks it is up
  nodes.erase(1);
  EXPECT_TRUE(node(2).peers.up(1, Channel::kControl));
  add(1, 2).events.boot = 2;
  ASSERT_TRUE(node(1).peers.start());
  run(100);
  EXPECT_TRUE(up(1, 2));
  EXPECT_EQ(node(2).events.boots_seen[1], 2u);
  EXPECT_EQ(node(2).events.count("down 1 control"), 1u);
  EXPECT_EQ(node(2).events.count("up 1 control"), 2u);
}

TEST_F(Handshake, Founding_InTheMiddle_HealsByReset) {
  add(1, 2);
  ASSERT_TRUE(node(1).peers.start());
  run(100);
  // Both are founded at nearly the same time, and each says hello anew.
  node(1).peers.set_cluster_id(99);
  node(1).peers.reset(2);
  run(3);
  node(2).peers.set_cluster_id(99);
  node(2).peers.reset(1);
  run(1000);
  EXPECT_TRUE(up(1, 2));
  EXPECT_TRUE(node(1).peers.send(2, Channel::kControl, Reply{1, "x"}));
  run(5);
  EXPECT_EQ(node(2).events.messages.size(), 1u);
}

}  // namespace
}  // namespace cairn::net::test
