// PeerSet in virtual time: connecting, losing, coming back, and what travels between.
#include "net/peer_set.h"

#include <gmock/gmock.h>

#include "net/frame.h"
#include "tests/net/peer_world.h"

namespace cairn::net::test {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using PeerSet_ = PeerWorld;

TEST_F(PeerSet_, ThreeNodes_StartedTogether_AllChannelsGoUp) {
  for (raft::NodeId id : {1, 2, 3}) add(id);
  start_all();
  run(100);
  for (const auto& [a, b] : {std::pair(1, 2), std::pair(1, 3), std::pair(2, 3)}) {
    EXPECT_TRUE(up(a, b, Channel::kControl));
    EXPECT_TRUE(up(a, b, Channel::kBulk));
  }
  EXPECT_THAT(node(3).events.log,
              ::testing::UnorderedElementsAre("hello 1 control", "hello 1 bulk", "hello 2 control",
                                              "hello 2 bulk", "up 1 control", "up 1 bulk",
                                              "up 2 control", "up 2 bulk"));
  EXPECT_EQ(node(3).transport.dials, 0u);  // the lower id dials
  EXPECT_EQ(node(1).transport.dials, 4u);
  EXPECT_EQ(node(2).transport.trusted.size(), 4u);
}

TEST_F(PeerSet_, LateNode_DialledWithGrowingPauses_GoesUpSoonAfterStart) {
  add(1);
  start_all();
  run(10'000);
  // 20 + 40 + ... + 320, then every 500 ms: about 25 dials to each of two peers on two channels.
  EXPECT_GT(node(1).transport.dials, 4 * 20u);
  EXPECT_LT(node(1).transport.dials, 4 * 30u);
  add(2);
  ASSERT_TRUE(node(2).peers.start());
  run(600);
  EXPECT_TRUE(up(1, 2));
}

TEST_F(PeerSet_, Messages_SentBothWays_ArriveWithTheirSender) {
  add(1), add(2);
  start_all();
  run(100);
  EXPECT_TRUE(node(1).peers.send(2, Channel::kControl, Request{7, 1, 50, "ask"}));
  EXPECT_TRUE(node(2).peers.send(1, Channel::kBulk, SnapshotAck{1, 2, 3, true, false}));
  run(10);
  ASSERT_EQ(node(2).events.messages.size(), 1u);
  EXPECT_EQ(std::get<Request>(node(2).events.messages[0]).body, "ask");
  EXPECT_EQ(node(2).events.log.back(), "message 1 control");
  EXPECT_EQ(node(1).events.log.back(), "message 2 bulk");
}

TEST_F(PeerSet_, RaftMessages_OfOneTurn_LeaveInOneFrame) {
  add(1), add(2);
  start_all();
  run(100);
  const auto before = node(1).peers.metrics().frames_sent;
  for (raft::GroupId group = 0; group < 50; ++group) {
    node(1).peers.send_raft(2, group, heartbeat(1, 2, group));
  }
  run(10);
  EXPECT_TRUE(node(2).events.messages.empty());  // not before flush()
  EXPECT_EQ(node(1).peers.queued_bytes(2, Channel::kControl), 50 * 48u);
  node(1).peers.flush();
  node(1).peers.flush();  // nothing left to send
  run(10);
  EXPECT_EQ(node(1).peers.metrics().frames_sent, before + 1);
  ASSERT_EQ(node(2).events.messages.size(), 1u);
  const auto& batch = std::get<RaftBatch>(node(2).events.messages[0]);
  ASSERT_EQ(batch.messages.size(), 50u);
  EXPECT_GT(batch.wall_ms, 1'700'000'000'000u);
  EXPECT_EQ(batch.messages[49].group, 49u);
  EXPECT_EQ(batch.messages[49].message.from, 1u);
}

TEST_F(PeerSet_, RaftMessages_VeryManyBytes_LeaveInSeveralFrames) {
  add(1), add(2);
  start_all();
  run(100);
  const auto data = std::make_shared<const std::string>(3u << 20, 'x');
  for (raft::Index i = 0; i < 4; ++i) {
    raft::AppendRequest append{i, 1, 0, {{i + 1, 1, raft::EntryKind::kCommand, data}}};
    node(1).peers.send_raft(2, 1, {1, 2, 1, append});
  }
  node(1).peers.flush();
  run(10);
  ASSERT_EQ(node(2).events.messages.size(), 4u);
  raft::Index next = 0;
  for (const PeerMessage& message : node(2).events.messages) {
    const auto& body = std::get<RaftBatch>(message).messages.at(0).message.body;
    EXPECT_EQ(std::get<raft::AppendRequest>(body).prev_index, next++);
  }
}

TEST_F(PeerSet_, Messages_ToAPeerThatIsDown_AreDroppedAndCounted) {
  add(1), add(2);
  start_all();
  node(1).peers.send_raft(2, 1, heartbeat(1, 2));
  node(1).peers.flush();
  EXPECT_FALSE(node(1).peers.send(2, Channel::kBulk, Reply{1, "x"}));
  EXPECT_FALSE(node(1).peers.send(9, Channel::kBulk, Reply{1, "x"}));
  EXPECT_EQ(node(1).peers.metrics().messages_dropped, 3u);
  run(100);
  node(1).peers.send_raft(2, 1, heartbeat(1, 2));  // gathered, then the peer goes
  network.cut(address_of(1), address_of(2));
  run(1);
  EXPECT_EQ(node(1).peers.metrics().messages_dropped, 4u);
}

TEST_F(PeerSet_, Queue_BehindAStalledPeer_IsBounded) {
  control_queue_bytes_max = 100'000;
  add(1), add(2);
  start_all();
  run(100);
  network.stall(address_of(1), address_of(2));
  int sent = 0;
  while (node(1).peers.send(2, Channel::kControl, Reply{1, std::string(1000, 'x')})) {
    ASSERT_LT(++sent, 1000);
  }
  EXPECT_GT(sent, 80);
  node(1).peers.send_raft(
      2, 1,
      {1, 2, 1,
       raft::AppendRequest{
           0,
           0,
           0,
           {{1, 1, raft::EntryKind::kCommand, std::make_shared<const std::string>(2000, 'y')}}}});
  EXPECT_EQ(node(1).peers.metrics().messages_dropped, 2u);
  EXPECT_LE(node(1).peers.queued_bytes(2, Channel::kControl), control_queue_bytes_max);
  EXPECT_TRUE(
      node(1).peers.send(2, Channel::kBulk, Reply{1, "x"}));  // the other channel has its own
}

TEST_F(PeerSet_, OversizedMessage_IsRefusedBeforeItIsSent) {
  add(1), add(2);
  start_all();
  run(100);
  const auto huge = std::string(kFrameBytesMax, 'x');
  EXPECT_FALSE(node(1).peers.send(2, Channel::kBulk, Reply{1, huge}));
  raft::AppendRequest append{0, 0, 0, {}};
  append.entries = {{1, 1, raft::EntryKind::kCommand, std::make_shared<const std::string>(huge)}};
  node(1).peers.send_raft(2, 1, {1, 2, 1, append});
  node(1).peers.flush();
  run(10);
  EXPECT_TRUE(up(1, 2));
  EXPECT_EQ(node(1).peers.metrics().messages_dropped, 2u);
}

TEST_F(PeerSet_, CutConnection_GoesDownOnceAndUpAgain) {
  add(1), add(2);
  start_all();
  run(100);
  network.cut(address_of(1), address_of(2));
  run(100);
  EXPECT_TRUE(up(1, 2, Channel::kControl));
  EXPECT_TRUE(up(1, 2, Channel::kBulk));
  for (raft::NodeId id : {1, 2}) {
    const std::string other = std::to_string(3 - id);
    EXPECT_EQ(node(id).events.count("down " + other + " control"), 1u);
    EXPECT_EQ(node(id).events.count("down " + other + " bulk"), 1u);
    EXPECT_EQ(node(id).events.count("up " + other + " control"), 2u);
  }
}

TEST_F(PeerSet_, DialThatHangs_IsGivenUpAndTriedAgain) {
  add(1), add(2);
  network.stall(address_of(1), address_of(2));
  start_all();
  run(3100);
  EXPECT_EQ(node(1).transport.connections(), 2u);  // the next two, no more
  network.heal();
  run(3100);
  EXPECT_TRUE(up(1, 2));
}

TEST_F(PeerSet_, StallThatHeals_DeliversWhatWasStuck) {
  add(1), add(2);
  start_all();
  run(100);
  network.stall(address_of(1), address_of(2));
  for (std::uint64_t id = 1; id <= 3; ++id) {
    ASSERT_TRUE(node(1).peers.send(2, Channel::kControl, Reply{id, ""}));
  }
  run(1000);
  EXPECT_TRUE(node(2).events.messages.empty());
  network.heal();
  run(5);
  ASSERT_EQ(node(2).events.messages.size(), 3u);
  EXPECT_EQ(std::get<Reply>(node(2).events.messages[2]).id, 3u);
}

TEST_F(PeerSet_, Reset_ByEitherSide_ExchangesHellosAnew) {
  add(1), add(2);
  start_all();
  run(100);
  for (raft::NodeId id : {1, 2}) {
    node(id).events.log.clear();
    node(3 - id).events.log.clear();
    node(id).peers.reset(3 - id);
    EXPECT_FALSE(node(id).peers.up(3 - id, Channel::kControl));
    EXPECT_TRUE(node(id).events.log.empty());  // told later, not inside the call
    run(100);
    EXPECT_TRUE(up(1, 2));
    EXPECT_EQ(node(2).events.count("hello 1 control"), 1u);
    EXPECT_EQ(node(id).events.log.front().substr(0, 4), "down");
  }
}

TEST_F(PeerSet_, RemovedPeer_IsAStrangerUntilItIsAddedAgain) {
  add(1), add(2);
  start_all();
  run(100);
  ASSERT_TRUE(up(1, 2));
  node(1).peers.remove_peer(2);
  EXPECT_FALSE(node(1).peers.up(2, Channel::kControl));
  EXPECT_FALSE(node(1).peers.send(2, Channel::kControl, PeerMessage(Gossip{})));
  run(5000);
  EXPECT_FALSE(up(1, 2)) << "nobody dials it any more";
  EXPECT_EQ(node(1).events.count("down 2 control"), 1u);
  node(1).peers.add_peer(2, address_of(2));
  run(1000);
  EXPECT_TRUE(up(1, 2));
  // The other way round the dialler hears what it is.
  node(2).peers.remove_peer(1);
  run(2000);
  EXPECT_FALSE(up(1, 2));
  EXPECT_GE(node(1).events.count("refused 2 3"), 1u) << "unknown node";
  node(2).peers.add_peer(1, address_of(1));
  run(2000);
  EXPECT_TRUE(up(1, 2));
}

TEST_F(PeerSet_, AddressCorrected_IsDialledAtOnce) {
  add(1, 1);
  node(1).peers.add_peer(2, "nowhere:1");
  start_all();
  run(5000);
  add(2);
  ASSERT_TRUE(node(2).peers.start());
  run(1000);
  EXPECT_FALSE(up(1, 2));
  node(1).peers.add_peer(2, address_of(2));
  run(3);
  EXPECT_TRUE(up(1, 2));
}

TEST_F(PeerSet_, Stop_ClosesAndFallsSilent) {
  add(1), add(2);
  start_all();
  run(100);
  const auto heard = node(1).events.log.size();
  node(1).peers.stop();
  run(1000);
  EXPECT_EQ(node(1).events.log.size(), heard);
  EXPECT_EQ(node(1).transport.connections(), 0u);
  EXPECT_FALSE(node(1).peers.send(2, Channel::kControl, Reply{1, ""}));
  EXPECT_FALSE(node(2).peers.up(1, Channel::kControl));
  EXPECT_EQ(node(2).events.count("down 1 control"), 1u);
}

TEST_F(PeerSet_, Destroyed_WithEventsUnderWay_IsHarmless) {
  add(1), add(2);
  start_all();
  run(100);
  node(1).events.hold_verdicts = true;
  node(1).peers.reset(2);
  run(50);
  auto held = node(1).events.held;
  ASSERT_FALSE(held.empty());
  nodes.erase(1);
  for (auto& say : held) say(Verdict::kAccepted);
  run(2000);
  EXPECT_FALSE(node(2).peers.up(1, Channel::kControl));
}

TEST_F(PeerSet_, EventThatThrows_LosesNoLaterEvent) {
  add(1), add(2);
  start_all();
  run(100);
  node(2).events.react = [&](PeerMessage&) { throw std::logic_error("a broken invariant"); };
  ASSERT_TRUE(node(1).peers.send(2, Channel::kControl, Reply{1, ""}));
  EXPECT_THROW(run(10), std::logic_error);
  node(2).events.react = nullptr;
  ASSERT_TRUE(node(1).peers.send(2, Channel::kControl, Reply{2, ""}));
  run(10);
  EXPECT_EQ(node(2).events.messages.size(), 2u);
}

TEST_F(PeerSet_, FlippedBits_CloseAndCountAndHeal) {
  add(1), add(2);
  start_all();
  run(100);
  network.damage = [](std::string& bytes) { bytes.back() = static_cast<char>(bytes.back() ^ 4); };
  ASSERT_TRUE(node(1).peers.send(2, Channel::kControl, Reply{1, "x"}));
  network.damage = nullptr;
  run(100);
  EXPECT_TRUE(node(2).events.messages.empty());
  EXPECT_EQ(node(2).peers.metrics().frames_rejected["checksum"], 1u);
  EXPECT_TRUE(up(1, 2));
}

TEST_F(PeerSet_, SameSeedlessRun_IsTheSameTwice) {
  const auto story = [this] {
    nodes.clear();
    loop = ManualLoop();
    for (raft::NodeId id : {1, 2, 3}) add(id);
    start_all();
    run(50);
    network.cut(address_of(1), address_of(3));
    run(500);
    std::vector<std::string> all;
    for (const auto& [id, n] : nodes) {
      all.insert(all.end(), n->events.log.begin(), n->events.log.end());
    }
    return all;
  };
  const auto first = story();
  EXPECT_EQ(first, story());
  EXPECT_GT(first.size(), 20u);
}

}  // namespace
}  // namespace cairn::net::test
