// Exactly one message is lost, of each type and at each place (hazard R12): everything that waits
// for an answer has a timer, so a little later all have everything.
#include <gtest/gtest.h>

#include "tests/raft/cluster.h"

namespace cairn::raft::test {
namespace {

// Of a packet: the message's type, or the host's stream and its end.
std::size_t type_of(const Packet& packet) {
  const std::size_t bodies = std::variant_size_v<Body>;
  if (packet.kind == Packet::Kind::kSnapshot) return bodies;
  if (packet.kind == Packet::Kind::kSnapshotDone) return bodies + 1;
  return packet.message.body.index();
}
constexpr std::size_t kTypes = std::variant_size_v<Body> + 2;

class LossyCluster : public Cluster {
 public:
  using Cluster::Cluster;
  std::size_t type = kTypes;  // of what is lost
  int nth = 0;                // of that type
  bool lost = false;

  void turn() {
    tick_all();
    for (int i = 0; i < 10'000 && !network.empty(); ++i) {
      const Packet packet = network.front();
      network.pop_front();
      if (!lost && type_of(packet) == type && nth-- == 0) {
        lost = true;
        continue;
      }
      deliver(packet);
    }
  }
  void turns(int n) {
    for (int i = 0; i < n; ++i) turn();
  }
};

// A life with everything in it: an election, proposals, reads, a follower that needs entries and
// one that needs a snapshot, a change of membership, a transfer.
void live(LossyCluster& world) {
  world.campaign(1);
  world.turns(30);
  auto propose = [&](const std::string& text) {
    if (world.leader() != kNobody) (void)world.propose(world.leader(), text);
  };
  propose("a");
  world.turns(2);
  world.isolate(3);
  propose("b");
  world.turns(2);
  world.heal();
  world.turns(2);
  (void)world.read(1, 1);
  (void)world.read(2, 2);
  world.turns(2);
  world.join(4);
  if (world.leader() != kNobody) {
    (void)world.change(world.leader(), {{1, 2, 3}, {}, {4}});
  }
  world.turns(20);
  if (world.leader() != kNobody) (void)world.transfer(world.leader(), 3);
  world.turns(2);
}

TEST(RaftLostOne, EachTypeAtEachPlace_AllHaveEverythingSoonAfter) {
  std::size_t fired = 0;
  for (std::size_t type = 0; type < kTypes; ++type) {
    bool any = false;
    for (int nth = 0; nth < 12; ++nth) {
      LossyCluster world(3);
      world.type = type;
      world.nth = nth;
      live(world);
      any |= world.lost;
      fired += world.lost;
      // What was lost costs an election timeout or two; a snapshot stream, whose end the host owes
      // us, fifty.
      world.turns(world.type >= std::variant_size_v<Body> ? 700 : 60);
      const std::string story = "type " + std::to_string(type) + " no " + std::to_string(nth);
      const NodeId leader = world.leader();
      ASSERT_NE(leader, kNobody) << story;
      ASSERT_EQ(world.propose(leader, "end").outcome, ProposeOutcome::kAccepted) << story;
      world.turns(40);
      for (NodeId id : {1u, 2u, 3u}) {
        EXPECT_EQ(world.applied(id), world.applied(leader)) << story << " at " << id;
      }
      if (world.core(leader).config().learners == std::vector<NodeId>{4}) {
        EXPECT_EQ(world.applied(4), world.applied(leader)) << story;
      }
      for (NodeId id : {1u, 2u}) {
        const Member& m = world.member(id);
        EXPECT_LE(m.reads.size() + m.failed_reads.size(), 1u) << story;
      }
      for (const PeerStatus& peer : world.core(leader).status().peers) {
        EXPECT_EQ(peer.state, PeerStatus::State::kReplicate) << story << " " << peer.id;
      }
    }
    EXPECT_TRUE(any) << "nothing of type " << type << " was ever sent";
  }
  EXPECT_GT(fired, 60u);
}

}  // namespace
}  // namespace cairn::raft::test
