// Leader leases (dissertation 6.4.1, hazard Q5): what a lease rests on, what ends it, and a world
// of drifting clocks, pauses, cuts, restarts and transfers in which no lease read may ever be
// stale.
#include <gtest/gtest.h>

#include <cstdlib>

#include "raft/random.h"
#include "tests/raft/cluster.h"
#include "tests/raft/oracles.h"

namespace cairn::raft::test {
namespace {

constexpr std::uint64_t kTickUs = 10'000;

CoreOptions lease_options() {
  CoreOptions options;
  options.lease = true;
  options.tick_us = kTickUs;
  return options;
}

class RaftLease : public ::testing::Test {
 protected:
  void run(int rounds) {
    for (int i = 0; i < rounds; ++i) {
      now += kTickUs;
      for (NodeId id : world.ids()) {
        if (world.up(id)) world.core(id).clock(now);
      }
      world.tick_all();
      ASSERT_TRUE(world.settle());
    }
  }
  void lead() {
    run(1);
    ASSERT_EQ(world.elect(1), 1u);
    run(3);
    ASSERT_TRUE(holds());
  }
  bool holds() { return world.core(1).lease_read(now).has_value(); }

  Cluster world{3, 0, lease_options()};
  std::uint64_t now = 1'000'000;
};

TEST_F(RaftLease, WithAQuorumsPromises_ReadsAtTheCommitIndex) {
  lead();
  (void)world.propose(1, "x");
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.core(1).lease_read(now), world.core(1).commit());
  EXPECT_FALSE(world.core(2).lease_read(now));
}

TEST_F(RaftLease, OffByDefault) {
  world = Cluster(3);
  run(1);
  ASSERT_EQ(world.elect(1), 1u);
  run(3);
  EXPECT_FALSE(holds());
}

TEST_F(RaftLease, LongerPauseThanTheLease_EndsIt) {
  lead();
  EXPECT_TRUE(world.core(1).lease_read(now + 4 * kTickUs));
  EXPECT_FALSE(world.core(1).lease_read(now + 5 * kTickUs));  // (6 - 1) ticks, less the drift
}

TEST_F(RaftLease, NoQuorumAnswers_EndsInTime) {
  lead();
  world.isolate(1);
  run(5);
  EXPECT_FALSE(holds());
  EXPECT_EQ(world.core(1).role(), Role::kLeader);  // still: check quorum is slower
}

TEST_F(RaftLease, NeverToldTheTime_NoLease) {
  ASSERT_EQ(world.elect(1), 1u);
  world.tick_all(3);
  ASSERT_TRUE(world.settle());
  EXPECT_FALSE(holds());
}

TEST_F(RaftLease, AVoterThatLostItsConnection_KeepsItsPromise) {
  // docs/decisions/0002 hastens elections; a lease must not be broken by it.
  lead();
  world.isolate(1);
  for (NodeId id : {2u, 3u}) {
    world.core(id).unreachable(1);
    world.drain(id);
  }
  while (holds()) {
    run(1);
    ASSERT_TRUE(!holds() || world.leader() == 1u);
  }
  run(15);
  EXPECT_NE(world.leader(), 1u);  // but soon after
}

TEST_F(RaftLease, CampaignWithinThePromise_IsDropped) {
  lead();
  world.isolate(1);
  world.campaign(2);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.core(2).role(), Role::kFollower);
}

TEST_F(RaftLease, AVoterThatRestarts_KeepsStillForAsLong) {
  lead();
  world.isolate(1);
  for (NodeId id : {2u, 3u}) {
    world.crash(id);
    world.restart(id);
  }
  world.campaign(2);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.core(2).role(), Role::kFollower);
  run(5);
  EXPECT_EQ(world.leader(), 1u);
  run(20);
  EXPECT_NE(world.leader(), 1u);
}

TEST_F(RaftLease, TimeoutNow_VoidsItForTheTerm) {
  lead();
  world.cut(1, 2);
  ASSERT_EQ(world.transfer(1, 2), TransferOutcome::kStarted);
  EXPECT_FALSE(holds());
  world.heal();
  world.network.clear();
  world.cut(1, 2);
  run(8);
  ASSERT_EQ(world.core(1).role(), Role::kLeader);
  ASSERT_EQ(world.core(1).status().transferee, kNobody);
  EXPECT_FALSE(holds());  // a copy of that word may still arrive
}

TEST_F(RaftLease, AnotherConfiguration_NeedsItsOwnPromises) {
  lead();
  ASSERT_EQ(world.change(1, {{1, 2}, {}, {3}}).outcome, ChangeOutcome::kAccepted);
  EXPECT_FALSE(holds());
  run(5);
  EXPECT_TRUE(holds());
}

TEST_F(RaftLease, AnswersWithoutPromise_AreNotCounted) {
  lead();
  world.isolate(1);
  run(6);
  ASSERT_FALSE(holds());
  for (NodeId id : {2u, 3u}) world.core(1).step(Message{id, 1, 1, HeartbeatReply{8}});
  world.drain(1);
  EXPECT_FALSE(holds());
}

TEST_F(RaftLease, SingleVoter_HoldsItsOwn) {
  world = Cluster(1, 0, lease_options());
  lead();
}

/// Clocks run at 0.96 to 1.04 of real time, messages take up to some ticks, members pause.
class LeaseWorld {
 public:
  explicit LeaseWorld(std::uint64_t seed)
      : random_(seed),
        cluster_(3 + 2 * static_cast<int>(seed % 2), 0, lease_options()),
        oracles_(cluster_) {
    cluster_.seed = seed;
    for (NodeId id : cluster_.ids()) clocks_[id].rate = random_.between(960, 1040);
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      real_us_ += kTickUs / 8;
      for (NodeId id : cluster_.ids()) tick_if_due(id);
      for (std::uint64_t n = random_.between(0, 6); n > 0; --n) deliver_any();
      if (chance(4)) trouble(any());
      const NodeId leader = cluster_.leader();
      if (leader != kNobody && chance(10)) (void)cluster_.propose(leader, std::to_string(i));
      for (NodeId id : cluster_.ids()) read(id);
    }
  }
  int reads = 0;
  int leaders_seen = 0;

 private:
  struct Clock {
    std::uint64_t rate = 1000;
    std::uint64_t next = kTickUs;
    bool paused = false;
  };
  bool chance(std::uint64_t percent) { return random_.between(0, 99) < percent; }
  NodeId any() { return cluster_.ids()[random_.between(0, cluster_.ids().size() - 1)]; }
  std::uint64_t local(NodeId id) { return 1 + real_us_ * clocks_[id].rate / 1000; }

  void tick_if_due(NodeId id) {
    Clock& clock = clocks_[id];
    if (!cluster_.up(id) || clock.paused || local(id) < clock.next) return;
    clock.next = local(id) + kTickUs;
    cluster_.core(id).clock(local(id));
    cluster_.tick(id);
  }

  void deliver_any() {
    auto& network = cluster_.network;
    if (network.empty()) return;
    const std::size_t span = chance(10) ? network.size() : std::min<std::size_t>(network.size(), 3);
    const std::size_t place = random_.between(0, span - 1);
    const Packet packet = network[place];
    if (clocks_[packet.message.to].paused) return;
    network.erase(network.begin() + static_cast<std::ptrdiff_t>(place));
    if (!chance(3)) cluster_.deliver(packet);
    if (network.size() > 100) network.erase(network.begin(), network.begin() + 50);
  }

  void read(NodeId id) {
    if (!cluster_.up(id)) return;
    const Index committed = oracles_.committed();
    const auto index = cluster_.core(id).lease_read(local(id));
    if (!index) return;
    ++reads;
    if (*index < committed) {
      throw std::runtime_error("stale lease read at " + std::to_string(id) + ": " +
                               std::to_string(*index) + " of " + std::to_string(committed));
    }
  }

  // Nobody hears the leader any more, and the others are made to elect another as fast as they can.
  void coup(NodeId leader) {
    cluster_.heal();
    cluster_.isolate(leader);
    cluster_.network.clear();
    const std::uint64_t means = random_.between(0, 2);
    for (NodeId id : cluster_.ids()) {
      clocks_[id].paused = false;
      if (id == leader) continue;
      if (means == 0 || !cluster_.up(id)) {
        cluster_.crash(id);
        cluster_.restart(id);
        clocks_[id].next = local(id) + kTickUs;
      } else if (means == 1) {
        cluster_.core(id).unreachable(leader);
        cluster_.drain(id);
      }
    }
    for (NodeId id : cluster_.ids()) {
      if (id != leader && chance(50)) cluster_.campaign(id);
    }
  }

  void trouble(NodeId id) {
    const NodeId leader = cluster_.leader();
    switch (random_.between(0, 10)) {
      case 10:
        if (leader != kNobody) coup(leader);
        break;
      case 0:
        cluster_.crash(id);
        break;
      case 1:
      case 2:
        if (!cluster_.up(id)) {
          cluster_.restart(id);
          clocks_[id].next = local(id) + kTickUs;
        }
        break;
      case 3:
        if (leader != kNobody) cluster_.isolate(leader);
        break;
      case 4:
        cluster_.heal();
        break;
      case 5:
        if (cluster_.up(id) && leader != kNobody) cluster_.core(id).unreachable(leader);
        if (cluster_.up(id)) cluster_.drain(id);
        break;
      case 6:
        clocks_[id].paused = !clocks_[id].paused;
        break;
      case 7:
        for (auto& [member, clock] : clocks_) clock.paused = false;
        break;
      case 8:
        if (leader != kNobody && chance(30)) cluster_.transfer(leader, id);
        break;
      default:
        if (cluster_.up(id) && chance(30)) cluster_.campaign(id);
        break;
    }
  }

  Random random_;
  Cluster cluster_;
  Oracles oracles_;
  std::map<NodeId, Clock> clocks_;
  std::uint64_t real_us_ = 0;
};

TEST(RaftLease_Worlds, DriftPausesCutsRestarts_NoStaleRead) {
  int reads = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    try {
      LeaseWorld world(seed);
      world.run(4000);
      reads += world.reads;
    } catch (const std::exception& e) {
      FAIL() << "seed " << seed << ": " << e.what();
    }
  }
  EXPECT_GT(reads, 10'000);
}

}  // namespace
}  // namespace cairn::raft::test
