// Random worlds: a network that loses, repeats and reorders, disks that are slow and forget what is
// not synced, crashes, compactions, cuts. The oracles look at every step; at the end everything is
// healed and must come to one state. One seed is one run: CAIRN_SEED=n repeats it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>

#include "raft/quorum.h"
#include "raft/random.h"
#include "tests/raft/cluster.h"
#include "tests/raft/oracles.h"

namespace cairn::raft::test {
namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

CoreOptions small_options(Random& random) {
  CoreOptions options;
  options.append_bytes_max = random.between(1, 4) * 100;
  options.inflight_bytes_max = 800;
  options.inflight_messages_max = random.between(1, 8);
  options.tail_bytes_max = random.between(0, 3) * 300;
  options.uncommitted_bytes_max = 4000;
  options.unapplied_bytes_max = 500;
  options.pre_vote = random.between(0, 9) != 0;
  options.check_quorum = random.between(0, 9) != 0;
  options.quiet = options.pre_vote && options.check_quorum && random.between(0, 1) == 0;
  options.priority = static_cast<int>(random.between(1, 4)) * 25;
  return options;
}

class World {
 public:
  World(std::uint64_t seed, std::string* trace = nullptr)
      : random_(seed),
        size_(sizes(random_)),
        options_(small_options(random_)),
        cluster_(size_, static_cast<int>(random_.between(0, 1)), options_),
        oracles_(cluster_) {
    cluster_.seed = seed;
    cluster_.slow_disks = true;
    cluster_.slow_apply = random_.between(0, 1) == 0;
    if (trace != nullptr) {
      auto watch = cluster_.on_ready;
      cluster_.on_ready = [watch, trace](Member& m, const Ready& ready) {
        *trace += std::to_string(m.id) + ":\n" + describe(ready);
        watch(m, ready);
      };
    }
    loss_ = random_.between(0, 20);
    changes_ = random_.between(0, 2) * 50;
    calm_ = chance(25);
    if (calm_) loss_ = 0;
    repeat_ = random_.between(0, 10);
    crash_ = random_.between(0, 3);
  }

  std::size_t configs_seen() const { return oracles_.configs_seen(); }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    heal();
    converge();
  }

 private:
  static int sizes(Random& random) {
    const int choice[] = {1, 3, 3, 3, 5, 5};
    return choice[random.between(0, 5)];
  }

  bool chance(std::uint64_t percent) { return random_.between(0, 99) < percent; }
  NodeId any() { return cluster_.ids()[random_.between(0, cluster_.ids().size() - 1)]; }

  void step() {
    const NodeId id = any();
    const std::uint64_t dice = random_.between(0, 99);
    if (dice < 45) {
      deliver_any();
    } else if (dice < 57) {
      cluster_.tick(id);
    } else if (dice < 67) {
      cluster_.write_one(id);
    } else if (dice < 77) {
      cluster_.confirm_one(id);
    } else if (dice < 84) {
      cluster_.apply_one(id);
    } else if (dice < 91) {
      propose();
    } else if (dice < 95) {
      read(id);
    } else {
      trouble(id);
    }
  }

  void deliver_any() {
    auto& network = cluster_.network;
    if (network.empty()) return;
    // Mostly near the front, so that there is progress; sometimes anywhere.
    const std::size_t span = chance(10) ? network.size() : std::min<std::size_t>(network.size(), 3);
    const std::size_t place = random_.between(0, span - 1);
    Packet packet = network[place];
    if (!chance(repeat_)) network.erase(network.begin() + static_cast<std::ptrdiff_t>(place));
    if (!chance(loss_)) cluster_.deliver(packet);
    if (network.size() > 400) network.erase(network.begin(), network.begin() + 200);
  }

  void propose() {
    const NodeId leader = cluster_.leader();
    if (leader == kNobody || (calm_ && chance(80))) return;
    for (std::uint64_t i = random_.between(1, 4); i > 0; --i) {
      (void)cluster_.propose(
          leader, "p" + std::to_string(++proposals_) + std::string(random_.between(0, 60), '.'));
    }
  }

  void read(NodeId id) {
    if (!cluster_.up(id)) return;
    const std::uint64_t request = ++requests_;
    // Told before, since the answer may come inside the call.
    oracles_.read_asked(id, request);
    if (cluster_.read(id, request) != ReadOutcome::kAccepted) oracles_.read_refused(id, request);
  }

  void trouble(NodeId id) {
    if (calm_) {  // many changes follow each other
      if (chance(70)) change();
      return;
    }
    switch (random_.between(0, 11)) {
      case 0:
      case 1:
      case 2:
        if (chance(crash_ * 20)) crash(id);
        break;
      case 3:
      case 4:
      case 5:
        if (!cluster_.up(id)) restart(id);
        break;
      case 6:
        if (cluster_.up(id)) cluster_.compact(id, cluster_.core(id).status().applied);
        break;
      case 7:
        if (cluster_.up(id) && chance(30)) cluster_.resign(id);
        break;
      case 8:
        if (chance(50)) cluster_.cut(id, any());
        break;
      case 9:
        if (chance(changes_)) change();
        break;
      case 10:
        if (cluster_.leader() != kNobody && chance(30)) cluster_.transfer(cluster_.leader(), id);
        break;
      default:
        if (chance(50)) cluster_.heal();
        break;
    }
  }

  // Any next step: newcomers learn, learners are promoted, voters are replaced, demoted, removed.
  void change() {
    const NodeId leader = cluster_.leader();
    if (leader == kNobody) return;
    Configuration wanted = cluster_.core(leader).config();
    wanted.voters_outgoing.clear();
    for (NodeId learner : std::vector<NodeId>(wanted.learners)) {
      const std::uint64_t dice = random_.between(0, 9);
      if (dice < 7) std::erase(wanted.learners, learner);
      if (dice < 6) wanted.voters.push_back(learner);
    }
    for (NodeId voter : std::vector<NodeId>(wanted.voters)) {
      const std::uint64_t dice = random_.between(0, 19);
      if (dice < 5) std::erase(wanted.voters, voter);
      if (dice < 2) wanted.learners.push_back(voter);
    }
    // An id never comes back: whoever returns is somebody new (hazard M5).
    if (chance(50) && cluster_.ids().size() < 20 && wanted.learners.size() < 2) {
      const NodeId newcomer = cluster_.ids().back() + 1;
      wanted.learners.push_back(newcomer);
      if (cluster_.change(leader, wanted).outcome == ChangeOutcome::kAccepted) {
        cluster_.join(newcomer);
      }
    } else {
      cluster_.change(leader, wanted);
    }
  }

  void crash(NodeId id) {
    if (!cluster_.up(id)) return;
    cluster_.crash(id);
    oracles_.crashed(id);
  }

  void restart(NodeId id) {
    const Member& m = cluster_.member(id);
    const Index behind = random_.between(0, 5);
    const Index applied = m.applied.size() > behind ? m.applied.size() - behind : 0;
    cluster_.restart(id, chance(50) ? SIZE_MAX : random_.between(0, 4), applied);
  }

  void heal() {
    cluster_.heal();
    cluster_.slow_disks = false;
    leave_the_gone_ = options_.pre_vote && options_.check_quorum && chance(70);
    for (NodeId id : cluster_.ids()) {
      if (!cluster_.up(id)) restart(id);
      cluster_.flush(id);
    }
    while (cluster_.slow_apply) {
      bool busy = false;
      for (NodeId id : cluster_.ids()) {
        busy |= !cluster_.member(id).unapplied.empty();
        cluster_.apply_one(id);
      }
      cluster_.slow_apply = busy;
    }
  }

  // Within bounded time (a lost snapshot stream takes 600 ticks) there is one leader that commits,
  // and everyone has everything.
  void converge() {
    NodeId leader = kNobody;
    Index target = 0;
    for (int round = 0; round < 900; ++round) {
      cluster_.tick_all();
      if (!leave_the_gone_) stop_the_gone();
      if (!cluster_.settle()) throw std::runtime_error("messages without end");
      leader = cluster_.leader();
      if (leader == kNobody) continue;
      if (target == 0 || cluster_.core(leader).last_index() < target) {
        Proposed proposed = cluster_.propose(leader, "last");
        if (proposed.outcome == ProposeOutcome::kAccepted) target = proposed.first;
        continue;
      }
      const Status status = cluster_.core(leader).status();
      bool all = oracles_.reads_open() == 0 && !is_joint(status.config) &&
                 status.config == status.committed_config;
      for (NodeId id : members_of(status.config)) {
        all &= cluster_.member(id).applied.size() >= target;
      }
      if (all) return;
    }
    std::string story = "no progress after healing:\n";
    for (NodeId id : cluster_.ids()) story += describe(cluster_.core(id).status()) + "\n";
    throw std::runtime_error(story + std::to_string(oracles_.reads_open()) + " reads open");
  }

  // Members that are removed have no part in what follows, stopped or not.
  void stop_the_gone() {
    const NodeId leader = cluster_.leader();
    if (leader == kNobody) return;
    const Status status = cluster_.core(leader).status();
    if (!status.own_term_committed || status.config != status.committed_config) return;
    for (NodeId id : cluster_.ids()) {
      if (!is_member(status.config, id)) crash(id);
    }
  }

  Random random_;
  int size_;
  CoreOptions options_;
  Cluster cluster_;
  Oracles oracles_;
  std::uint64_t loss_, repeat_, crash_, changes_;
  bool leave_the_gone_ = false;
  bool calm_ = false;
  std::uint64_t proposals_ = 0;
  std::uint64_t requests_ = 0;
};

TEST(RaftRandom_Worlds, EverySeed_KeepsEveryPromiseAndHeals) {
  const std::uint64_t only = from_environment("CAIRN_SEED", 0);
  const std::uint64_t first = only != 0 ? only : 1;
  const std::uint64_t count = only != 0 ? 1 : from_environment("CAIRN_SEEDS", 300);
  std::size_t configs = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    std::string trace;
    try {
      World world(seed, only != 0 ? &trace : nullptr);
      world.run(15000);
      configs += world.configs_seen();
    } catch (const std::exception& e) {
      const std::size_t shown =
          std::min<std::size_t>(trace.size(), from_environment("CAIRN_SHOW", 8000));
      FAIL() << "CAIRN_SEED=" << seed << ": " << e.what() << "\n"
             << trace.substr(trace.size() - shown);
    }
  }
  EXPECT_TRUE(only != 0 || configs >= count) << configs << " configurations are too few to tell";
  std::printf("%zu configurations\n", configs);
}

TEST(RaftRandom_Worlds, SameSeed_SameReadysByteForByte) {
  for (std::uint64_t seed : {7u, 11u, 23u}) {
    std::string one;
    std::string two;
    World(seed, &one).run(1500);
    World(seed, &two).run(1500);
    EXPECT_FALSE(one.empty());
    EXPECT_TRUE(one == two) << "seed " << seed;
  }
}

}  // namespace
}  // namespace cairn::raft::test
