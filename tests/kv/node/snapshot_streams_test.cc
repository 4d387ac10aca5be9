// A snapshot's way from a leader's engine into a follower's: an outbox and an inbox face to face.
#include "kv/node/snapshot_streams.h"

#include "tests/kv/node/world.h"

namespace cairn::kv {
namespace {

using std::chrono::seconds;
using test::kGroup;

/// One side: its executors and its bulk connection are queues that the test empties.
class Side : public SnapshotHost {
 public:
  explicit Side(raft::NodeId self) : engine({1, 2, 3}), quiet({1, 2, 3}, self, engine.state()) {}

  Micros now() const override { return time; }
  Replica* replica(raft::GroupId group) override {
    return group == kGroup && !gone ? quiet.replica.get() : nullptr;
  }
  std::shared_ptr<Engine> shared_engine() override { return engine.engine; }
  bool send_bulk(raft::NodeId, const net::PeerMessage& message) override {
    if (sendable) sent.push_back(message);
    return sendable;
  }
  bool bulk_has_room(raft::NodeId) const override { return room; }
  void on_read(std::function<void()> work, std::function<void()> done) override {
    work();
    home.push_back(std::move(done));
  }
  void on_apply(std::function<void(Engine&)> work, std::function<void()> done) override {
    work(*engine.engine);
    home.push_back(std::move(done));
  }
  void flush_engine(std::function<void(bool)> done) override {
    steps.push_back("flush");
    engine.engine->flush([this, done](const boost::system::result<FlushPoint>& point) {
      home.push_back([done, ok = point.has_value()] { done(ok); });
    });
  }
  void reset_log(raft::GroupId, const raft::SnapshotMeta&, std::function<void()> done) override {
    steps.push_back("reset");
    home.push_back(std::move(done));
  }
  void run_home() {
    while (!home.empty()) {
      const auto task = std::move(home.front());
      home.pop_front();
      task();
    }
  }

  Micros time = seconds(3);
  test::SmallEngine engine;
  test::QuietReplica quiet;
  bool room = true, gone = false, sendable = true;
  std::deque<net::PeerMessage> sent;
  std::deque<std::function<void()>> home;
  std::vector<std::string> steps;
};

class SnapshotStreams : public ::testing::Test {
 protected:
  void fill(int keys) {
    for (int i = 0; i < keys; ++i)
      leader_.engine.put("key" + std::to_string(i), std::string(40'000, 'v'));
  }
  void start() { outbox_.start(kGroup, 2, 1); }
  /// Carries messages both ways until silence; `lose` sees each chunk and may keep it back.
  void carry(const std::function<bool(net::SnapshotChunk&)>& lose = {}) {
    for (bool busy = true; busy;) {
      leader_.run_home();
      follower_.run_home();
      busy = !leader_.sent.empty() || !follower_.sent.empty();
      while (!leader_.sent.empty()) {
        auto chunk = std::get<net::SnapshotChunk>(leader_.sent.front());
        leader_.sent.pop_front();
        ++chunks_;
        if (!lose || !lose(chunk)) inbox_.on_chunk(1, std::move(chunk));
      }
      while (!follower_.sent.empty()) {
        const auto ack = std::get<net::SnapshotAck>(follower_.sent.front());
        follower_.sent.pop_front();
        outbox_.on_ack(2, ack);
      }
    }
  }
  std::string digest(Side& side) { return *side.engine.engine->digest(kGroup); }

  Side leader_{1}, follower_{2};
  SnapshotOutbox outbox_{leader_};
  SnapshotInbox inbox_{follower_};
  int chunks_ = 0;
};

TEST_F(SnapshotStreams, ManyChunks_EqualState_FlushedBeforeTheReset) {
  fill(60);
  start();
  carry();
  EXPECT_GT(chunks_, 8);
  EXPECT_EQ(outbox_.counters().sent, 1u);
  EXPECT_EQ(inbox_.counters().installed, 1u);
  EXPECT_EQ(follower_.steps, (std::vector<std::string>{"flush", "reset"}));
  EXPECT_EQ(follower_.quiet.replica->applied(), 60u);
  EXPECT_EQ(digest(leader_), digest(follower_));
}

TEST_F(SnapshotStreams, SmallState_OneChunkIsFirstAndLast) {
  fill(1);
  start();
  carry();
  EXPECT_EQ(chunks_, 1);
  EXPECT_EQ(inbox_.counters().installed, 1u);
}

TEST_F(SnapshotStreams, UnderWay_PinsTheLog_UntilItEnds) {
  fill(60);
  start();
  EXPECT_EQ(outbox_.pinned(kGroup), leader_.quiet.replica->applied()) << "while it is opened";
  leader_.run_home();
  EXPECT_EQ(outbox_.pinned(kGroup), 60u);
  EXPECT_EQ(outbox_.pinned(kGroup + 1), std::nullopt);
  carry();
  EXPECT_EQ(outbox_.pinned(kGroup), std::nullopt);
}

TEST_F(SnapshotStreams, NoAcks_TheWindowIsBounded) {
  fill(120);
  start();
  leader_.run_home();
  EXPECT_EQ(leader_.sent.size(), 8u);
}

TEST_F(SnapshotStreams, ChunkLost_BothSidesGiveUp_AndTheNextStreamArrives) {
  fill(60);
  start();
  carry([](const net::SnapshotChunk& c) { return c.sequence == 3; });
  EXPECT_EQ(inbox_.counters().installed, 0u);
  leader_.time += seconds(20);
  follower_.time += seconds(20);
  outbox_.tick();
  inbox_.tick();
  carry();
  EXPECT_EQ(outbox_.counters().send_failed, 1u);
  EXPECT_EQ(inbox_.counters().install_failed, 1u);
  start();
  carry();
  EXPECT_EQ(inbox_.counters().installed, 1u);
  EXPECT_EQ(digest(leader_), digest(follower_));
}

TEST_F(SnapshotStreams, ChunkCannotBeSent_TheStreamEndsAtOnce) {
  fill(60);
  leader_.sendable = false;
  start();
  leader_.run_home();
  EXPECT_EQ(outbox_.counters().send_failed, 1u);
  EXPECT_EQ(outbox_.pinned(kGroup), std::nullopt);
}

TEST_F(SnapshotStreams, SenderStartsAnew_WithTheSameNumber_IsNotTakenForTheOldStream) {
  fill(60);
  start();
  carry([](const net::SnapshotChunk& c) { return c.sequence == 3; });
  inbox_.peer_down(1);
  EXPECT_EQ(inbox_.counters().install_failed, 1u);
  SnapshotOutbox reborn{leader_};
  leader_.run_home();
  reborn.start(kGroup, 2, 1);
  leader_.run_home();
  const auto chunk = std::get<net::SnapshotChunk>(leader_.sent.front());
  EXPECT_EQ(chunk.stream, 1u);
  follower_.sent.clear();
  inbox_.on_chunk(1, chunk);
  follower_.run_home();
  ASSERT_EQ(follower_.sent.size(), 1u);
  EXPECT_FALSE(std::get<net::SnapshotAck>(follower_.sent.front()).failed);
}

TEST_F(SnapshotStreams, ChunkDamaged_IsRefused_FollowerKeepsItsState) {
  fill(60);
  follower_.engine.put("old", "state");
  const std::string before = digest(follower_);
  start();
  carry([](net::SnapshotChunk& c) {
    if (c.sequence == 4) c.bytes[c.bytes.size() / 2] ^= 1;
    return false;
  });
  EXPECT_EQ(inbox_.counters().installed, 0u);
  EXPECT_EQ(inbox_.counters().install_failed, 1u);
  EXPECT_EQ(outbox_.counters().send_failed, 1u);
  EXPECT_EQ(digest(follower_), before);
  EXPECT_TRUE(follower_.steps.empty());
}

TEST_F(SnapshotStreams, ChunksTwice_AreTakenOnce) {
  fill(60);
  start();
  carry([this](net::SnapshotChunk& c) {
    inbox_.on_chunk(1, c);
    return false;
  });
  EXPECT_EQ(inbox_.counters().installed, 1u);
  EXPECT_EQ(digest(leader_), digest(follower_));
}

TEST_F(SnapshotStreams, NewerStreamBegins_TheOlderOneGivesWay) {
  fill(60);
  start();
  carry([](const net::SnapshotChunk& c) { return c.sequence == 3; });
  outbox_.peer_down(2);
  start();
  carry();
  EXPECT_EQ(inbox_.counters().installed, 1u);
  EXPECT_EQ(digest(leader_), digest(follower_));
}

TEST_F(SnapshotStreams, MiddleOfAnUnknownStream_IsRefused) {
  fill(60);
  start();
  carry([](const net::SnapshotChunk& c) { return c.sequence == 0; });
  EXPECT_EQ(outbox_.counters().send_failed, 1u);
  EXPECT_EQ(inbox_.counters().installed, 0u);
}

TEST_F(SnapshotStreams, NoReplicaThere_IsRefused) {
  fill(3);
  follower_.gone = true;
  start();
  carry();
  EXPECT_EQ(outbox_.counters().send_failed, 1u);
}

TEST_F(SnapshotStreams, MemberLeft_ItsStreamEnds_OthersGoOn) {
  fill(60);
  start();
  outbox_.start(kGroup, 3, 1);
  raft::Configuration config;
  config.voters = {1};
  outbox_.keep_members(kGroup + 1, config);
  EXPECT_EQ(outbox_.counters().send_failed, 0u) << "another group";
  config.voters_outgoing = {1, 3};
  config.learners = {2};
  outbox_.keep_members(kGroup, config);
  EXPECT_EQ(outbox_.counters().send_failed, 0u) << "on its way out, it still votes";
  config.voters_outgoing.clear();
  outbox_.keep_members(kGroup, config);
  EXPECT_EQ(outbox_.counters().send_failed, 1u);
  carry();
  EXPECT_EQ(outbox_.counters().sent, 1u);
  EXPECT_EQ(inbox_.counters().installed, 1u);
  EXPECT_FALSE(outbox_.pinned(kGroup));
}

TEST_F(SnapshotStreams, LeaderNoMore_TheStreamEnds) {
  fill(60);
  start();
  leader_.run_home();
  outbox_.tick();  // this replica does not lead
  EXPECT_EQ(outbox_.counters().send_failed, 1u);
  EXPECT_EQ(outbox_.pinned(kGroup), std::nullopt);
}

TEST_F(SnapshotStreams, AcksOfStrangersAndOfTheFuture_AreIgnored) {
  fill(120);
  start();
  leader_.run_home();
  const auto chunk = std::get<net::SnapshotChunk>(leader_.sent.front());
  outbox_.on_ack(3, {kGroup, chunk.stream, 8, false, false});
  outbox_.on_ack(2, {kGroup, chunk.stream, 99, false, false});
  outbox_.on_ack(2, {kGroup + 1, chunk.stream, 8, true, false});
  leader_.run_home();
  EXPECT_EQ(leader_.sent.size(), 8u);
  EXPECT_EQ(outbox_.counters().sent, 0u);
}

TEST_F(SnapshotStreams, Finishing_TheReplicaIsFrozen_AndTakesNoOtherStream) {
  fill(3);
  start();
  leader_.run_home();
  auto chunk = std::get<net::SnapshotChunk>(leader_.sent.front());
  inbox_.on_chunk(1, chunk);
  while (follower_.steps.empty()) {  // up to the flush
    const auto task = std::move(follower_.home.front());
    follower_.home.pop_front();
    task();
  }
  follower_.sent.clear();
  const raft::Term term = follower_.quiet.replica->core().term();
  follower_.quiet.replica->step({3, 2, 9, raft::Heartbeat{}});
  EXPECT_EQ(follower_.quiet.replica->core().term(), term);
  chunk.stream += 1;
  inbox_.on_chunk(1, chunk);
  ASSERT_EQ(follower_.sent.size(), 1u);
  EXPECT_TRUE(std::get<net::SnapshotAck>(follower_.sent.front()).failed);
  follower_.run_home();
  EXPECT_EQ(inbox_.counters().installed, 1u);
}

TEST_F(SnapshotStreams, Stopped_NothingIsInstalled) {
  fill(60);
  start();
  leader_.run_home();
  inbox_.on_chunk(1, std::get<net::SnapshotChunk>(leader_.sent.front()));
  inbox_.stop();
  follower_.run_home();
  EXPECT_EQ(inbox_.counters().installed, 0u);
  EXPECT_TRUE(follower_.steps.empty());
}

}  // namespace
}  // namespace cairn::kv
