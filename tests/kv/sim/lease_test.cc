// Lease reads: at once while the lease holds, and never old as long as the clocks keep the bound.
#include "tests/kv/sim/story.h"

namespace cairn::kv::sim {
namespace {

constexpr std::uint32_t kBound = 100'000;  // ppm

class LeaseStory : public Story {
 public:
  explicit LeaseStory(std::uint64_t seed, std::uint32_t bound = kBound)
      : Story(seed, 3, [bound](Options& options) { options.lease_drift_ppm = bound; }) {}

  static ReadOptions lease(milliseconds timeout = milliseconds{400}) {
    ReadOptions options;
    options.consistency = Consistency::kLease;
    options.timeout = timeout;
    return options;
  }

  /// Its lease is fresh: a read has woken the group, and heartbeats have gone round since.
  void warm(NodeId leader) {
    for (int i = 0; i < 5; ++i) {
      (void)finish(world.get(leader, "k", lease()));
      world.run_for(milliseconds{30});
    }
  }

  /// Writes 1, 2, 3 ... one after another at whoever of these can; each only upon the one before it
  /// that is known, so that no late write brings an old number back.
  void write_on(std::vector<NodeId> nodes) {
    writers_ = std::move(nodes);
    write_next();
  }
  void stop_writing() { writers_.clear(); }

  /// Reads at this node every few milliseconds: the key, or a list that has it, which is read on
  /// another executor than the lease is looked at.
  void read_on(NodeId at) {
    if (reads_left_-- <= 0) return;
    const Time invoked = world.now();
    const std::uint64_t known = acknowledged_;
    if (reads_left_ % 3 == 0) {
      ScanOptions scan_options;
      scan_options.prefix = "k";
      scan_options.read = lease();
      world.scan(at, scan_options)->then = [this, known, invoked](Call<ScanResult>& done) {
        if (!done.ok()) return;
        const std::vector<Item>& items = (*done.answer)->items;
        judge(known, items.empty() ? "0" : items.front().value, done.answered - invoked);
      };
    } else {
      world.get(at, "k", lease())->then = [this, known, invoked](Call<ReadResult>& done) {
        if (!done.ok()) return;
        const std::optional<Item>& item = (*done.answer)->item;
        judge(known, item ? item->value : "0", done.answered - invoked);
      };
    }
    world.at(world.now() + milliseconds{4}, [this, at] { read_on(at); });
  }
  void reads(int count) { reads_left_ = count; }

  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }
  [[nodiscard]] int answered() const { return answered_; }
  [[nodiscard]] int at_once() const { return at_once_; }
  [[nodiscard]] int stale() const { return stale_; }

 private:
  void judge(std::uint64_t known, const std::string& seen, Time took) {
    ++answered_;
    if (took < milliseconds{2}) ++at_once_;
    if (std::stoull(seen) < known) ++stale_;
  }
  void write_next() {
    if (writers_.empty()) return;
    const NodeId at = writers_[turn_ % writers_.size()];
    WriteOptions options;
    options.timeout = milliseconds{300};
    options.if_revision = revision_;
    options.if_absent = revision_ == 0;
    const std::uint64_t number = ++number_;
    auto call = world.put(at, "k", std::to_string(number), options);
    call->then = [this, number](Call<PutResult>& done) {
      if (done.ok()) {
        revision_ = (*done.answer)->revision;
        acknowledged_ = number;
        world.at(world.now() + milliseconds{5}, [this] { write_next(); });
      } else {
        ++turn_;
        look();
      }
    };
  }
  void look() {
    if (writers_.empty()) return;
    ReadOptions options;
    options.timeout = milliseconds{300};
    auto call = world.get(writers_[turn_ % writers_.size()], "k", options);
    call->then = [this](Call<ReadResult>& done) {
      if (done.ok()) {
        const ReadResult& result = **done.answer;
        revision_ = result.item ? result.item->mod_revision : 0;
        write_next();
      } else {
        ++turn_;
        world.at(world.now() + milliseconds{5}, [this] { look(); });
      }
    };
  }

  std::vector<NodeId> writers_;
  std::size_t turn_ = 0;
  Revision revision_ = 0;
  std::uint64_t number_ = 0, acknowledged_ = 0;
  int reads_left_ = 0, answered_ = 0, at_once_ = 0, stale_ = 0;
};

TEST(SimLease, LeaderCutOff_AnswersWhileTheLeaseHolds_ThenNoMore) {
  for (const std::uint64_t seed : seeds(10)) {
    LeaseStory story(seed);
    ASSERT_TRUE(story.up());
    ASSERT_TRUE(story.put(1, "k", "1"));
    const NodeId leader = story.leader_up();
    story.warm(leader);
    story.world.isolate(leader);
    const Time begun = story.world.now();
    EXPECT_EQ(story.get(leader, "k", LeaseStory::lease()), "1");
    EXPECT_LT(story.world.now() - begun, milliseconds{5}) << "nobody had to be asked";
    ASSERT_TRUE(story.put_until_ok(story.other_than(leader), "k", "2"));
    EXPECT_EQ(story.get(leader, "k", LeaseStory::lease()).substr(0, 1), "?");
    story.world.rejoin(leader);
    ASSERT_TRUE(story.ready());
    EXPECT_EQ(story.get(leader, "k", LeaseStory::lease(seconds{5})), "2");
  }
}

TEST(SimLease, Off_AnswersByAReadIndex_Everywhere) {
  for (const std::uint64_t seed : seeds(5)) {
    LeaseStory story(seed, 0);
    ASSERT_TRUE(story.up());
    ASSERT_TRUE(story.put(1, "k", "1"));
    for (const NodeId id : {1, 2, 3}) EXPECT_EQ(story.get(id, "k", LeaseStory::lease()), "1");
    const NodeId leader = story.leader_up();
    story.world.isolate(leader);
    EXPECT_EQ(story.get(leader, "k", LeaseStory::lease()).substr(0, 1), "?");
  }
}

TEST(SimLease, Follower_GoesToTheLeader) {
  for (const std::uint64_t seed : seeds(5)) {
    LeaseStory story(seed);
    ASSERT_TRUE(story.up());
    ASSERT_TRUE(story.put(1, "k", "1"));
    const NodeId leader = story.leader_up();
    story.warm(leader);
    // The third is out of reach: no matter for the lease, and nobody's answer is waited for.
    const NodeId asked = story.other_than(leader);
    for (const NodeId id : {1, 2, 3})
      if (static_cast<NodeId>(id) != leader && static_cast<NodeId>(id) != asked)
        story.world.isolate(id);
    EXPECT_EQ(story.get(asked, "k", LeaseStory::lease()), "1");
    ScanOptions scan;
    scan.prefix = "k";
    scan.read = LeaseStory::lease();
    const auto found = story.finish(story.world.scan(asked, scan));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->items.size(), 1u);
  }
}

/// The leader's clock too slow, so that its lease seems longer, the others' too fast, so that their
/// promises are shorter; the leader paused or cut off while all read and write.
void trouble(LeaseStory& story, std::int64_t leader_slow, std::int64_t others_fast) {
  ASSERT_TRUE(story.up());
  raft::Random random = story.world.random("lease");
  const NodeId leader = story.leader_up();
  for (const NodeId id : {1, 2, 3})
    story.world.set_clock_rate(id, static_cast<NodeId>(id) == leader ? -leader_slow : others_fast);
  story.warm(leader);
  story.reads(600);
  story.read_on(leader);
  story.write_on({story.other_than(leader), leader, 6 - leader - story.other_than(leader)});
  story.world.run_for(milliseconds{100});
  for (int round = 0; round < 3; ++round) {
    const auto span = milliseconds(static_cast<std::int64_t>(random.between(50, 700)));
    const std::uint64_t what = random.between(0, 3);
    if (what <= 1) {
      story.world.isolate(leader);
      story.world.run_for(span);
      if (what == 0)
        story.world.pause(leader, milliseconds(static_cast<std::int64_t>(random.between(1, 400))));
      story.world.run_for(milliseconds{300});
      story.world.rejoin(leader);
    } else {
      what == 2 ? story.world.pause(leader, span) : story.world.stall(leader, span);
      story.world.run_for(span);
    }
    story.world.run_for(milliseconds(static_cast<std::int64_t>(random.between(50, 300))));
  }
  story.stop_writing();
  story.world.run_for(seconds{1});
}

TEST(SimLease, DriftWithinTheBound_PausesAndCuts_NoStaleRead) {
  int at_once = 0;
  for (const std::uint64_t seed : seeds(60)) {
    LeaseStory story(seed);
    trouble(story, kBound - 1'000, kBound - 1'000);
    EXPECT_EQ(story.stale(), 0) << replay(seed);
    EXPECT_GT(story.answered(), 50);
    EXPECT_GT(story.acknowledged(), 10u);
    at_once += story.at_once();
  }
  EXPECT_GT(at_once, 1'000) << "most reads asked nobody";
}

/// The same eyes see what a broken bound does.
TEST(SimLease, DriftBeyondTheBound_IsSeenAsStaleReads) {
  int stale = 0;
  for (const std::uint64_t seed : seeds(20)) {
    LeaseStory story(seed, 1'000);
    trouble(story, 700'000, 0);
    stale += story.stale();
  }
  EXPECT_GT(stale, 0);
}

}  // namespace
}  // namespace cairn::kv::sim
