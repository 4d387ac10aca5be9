// Power cuts: what was acknowledged is there afterwards.
#include <cerrno>
#include <map>

#include "tests/kv/sim/story.h"

namespace cairn::kv::sim {
namespace {

/// So that logs are flushed, cut and recycled all the time.
void tiny(Options& o) {
  o.log_entries_kept = 100;
  o.log_bytes_kept = 1u << 20;
  o.segment_bytes = 64u << 10;
}

/// Writers that go on until told to stop, and what they were told.
class Writers {
 public:
  Writers(Story& story, int count, std::size_t bytes = 0) : story_(story), bytes_(bytes) {
    for (int i = 0; i < count; ++i) write(i);
  }
  void stop() { stopped_ = true; }
  [[nodiscard]] std::size_t acknowledged() const { return acknowledged_.size(); }
  /// Every acknowledged write is there, read at `at`, and none that was promised not to be.
  void check(NodeId at) {
    const auto before = acknowledged_;  // the last ones may still be under way
    const std::map<std::string, std::string> there = read_all(at);
    for (const auto& [key, value] : before) {
      const auto found = there.find(key);
      if (found == there.end()) {
        ADD_FAILURE() << key << " was acknowledged, and is lost";
      } else {
        EXPECT_EQ(found->second, value) << key;
      }
    }
    for (const std::string& key : never_) {
      EXPECT_FALSE(there.contains(key)) << key << " was promised not to be written";
    }
  }

 private:
  std::map<std::string, std::string> read_all(NodeId at) {
    std::map<std::string, std::string> there;
    ScanOptions options;
    options.prefix = "w";
    options.limit = 10'000;
    for (;;) {
      const auto page = story_.finish(story_.world.scan(at, options));
      EXPECT_TRUE(page) << page.error().message();
      if (!page) return there;
      for (const Item& item : page->items) there[item.key] = item.value;
      if (!page->next) return there;
      options.cursor = *page->next;
    }
  }

  void write(int writer) {
    if (stopped_) return;
    const std::string key = "w" + std::to_string(writer) + "-" + std::to_string(++writes_);
    const std::string value = "value-of-" + key + std::string(bytes_, '.');
    const NodeId at = 1 + static_cast<NodeId>(writer) % story_.world.nodes();
    auto call = story_.world.put(at, key, value);
    call->then = [this, writer, key, value](Call<PutResult>& done) {
      if (done.ok()) {
        acknowledged_[key] = value;
      } else if (done.answer->error().committed == Committed::kNo) {
        never_.push_back(key);
      }
      story_.world.at(story_.world.now() + Time(done.ok() ? 1'000 : 20'000),
                      [this, writer] { write(writer); });
    };
  }

  Story& story_;
  std::size_t bytes_;
  bool stopped_ = false;
  int writes_ = 0;
  std::map<std::string, std::string> acknowledged_;
  std::vector<std::string> never_;
};

TEST(SimCrash, AllAtOnce_UnderWrites_NothingAcknowledgedIsLost) {
  for (const CrashKind kind :
       {CrashKind::kPowerTorn, CrashKind::kPower, CrashKind::kLoseUnsynced}) {
    for (const std::uint64_t seed : seeds(10)) {
      Story story(seed);
      ASSERT_TRUE(story.up());
      Writers writers(story, 6);
      raft::Random when = story.world.random("when");
      story.world.run_for(Time(static_cast<std::int64_t>(when.between(100'000, 600'000))));
      for (const NodeId id : {1, 2, 3}) story.world.crash(id, kind);
      writers.stop();
      ASSERT_TRUE(story.up());
      EXPECT_GT(writers.acknowledged(), 10u);
      writers.check(1 + seed % 3);
      story.converge();
    }
  }
}

TEST(SimCrash, NodeAlone_PowerCutAtEachChangeOfTheDisk_LosesNothing) {
  for (std::uint64_t kth = 1; kth <= 600; kth += kth < 100 ? 1 : 7) {
    SCOPED_TRACE("at change " + std::to_string(kth));
    Story story(kth, 1, tiny);
    story.world.crash_at_change(1, kth, kth % 2 == 0 ? CrashKind::kPowerTorn : CrashKind::kPower);
    (void)story.world.start(1);
    Writers writers(story, 3, 2'000);
    story.world.run_until([&] { return !story.world.running(1); }, seconds{3});
    writers.stop();
    story.world.crash(1, CrashKind::kPowerTorn);
    ASSERT_TRUE(story.up());
    writers.check(1);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(SimCrash, NodeAlone_PowerCutWhileRecovering_LosesNothing) {
  for (std::uint64_t kth = 1; kth <= 60; ++kth) {
    SCOPED_TRACE("at change " + std::to_string(kth) + " of the second start");
    Story story(kth, 1, tiny);
    ASSERT_TRUE(story.up());
    Writers writers(story, 3, 2'000);
    story.world.run_for(milliseconds{300});
    story.world.crash(1, CrashKind::kPowerTorn);
    writers.stop();
    for (int again = 0; again < 2; ++again) {
      story.world.crash_at_change(1, kth, CrashKind::kPowerTorn);
      (void)story.world.start(1);
      story.world.run_until([&] { return !story.world.running(1); }, milliseconds{200});
      story.world.crash(1, CrashKind::kPowerTorn);
    }
    ASSERT_TRUE(story.up());
    writers.check(1);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(SimCrash, OneAfterTheOther_UnderWrites_NothingAcknowledgedIsLost) {
  for (const std::uint64_t seed : seeds(10)) {
    Story story(seed, 3, tiny);
    ASSERT_TRUE(story.up());
    Writers writers(story, 4);
    raft::Random random = story.world.random("crashes");
    for (int i = 0; i < 8; ++i) {
      const NodeId victim = random.between(1, 3);
      story.world.crash_at_change(victim, random.between(1, 40), CrashKind::kPowerTorn);
      story.world.run_until([&] { return !story.world.running(victim); }, seconds{1});
      story.world.crash(victim, CrashKind::kPowerTorn);
      story.world.run_for(Time(static_cast<std::int64_t>(random.between(1'000, 800'000))));
      ASSERT_TRUE(story.world.start(victim));
      story.world.run_for(Time(static_cast<std::int64_t>(random.between(1'000, 800'000))));
    }
    writers.stop();
    ASSERT_TRUE(story.ready());
    EXPECT_GT(writers.acknowledged(), 100u);
    writers.check(random.between(1, 3));
    story.converge();
  }
}

TEST(SimCrash, NewTermAndItsEntries_TornOnTheirWayToTheDisk_DoNotStopTheNextStart) {
  for (const std::uint64_t seed : seeds(60)) {
    Story story(seed, 5, [](Options& o) {
      tiny(o);
      o.replicas = 5;
    });
    ASSERT_TRUE(story.up());
    const NodeId leader = story.leader_up();
    const NodeId behind = story.other_than(leader);
    const NodeId writer = leader == 5 ? 4 : 5;
    ASSERT_TRUE(story.put(writer, "k", "before"));
    story.world.isolate(behind);
    story.world.crash(leader, CrashKind::kProcess);
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(story.put_until_ok(writer, "k" + std::to_string(i), std::string(3'000, 'v')));
    }
    // The first words of the new term that reach it are cut in the middle.
    story.world.crash_at_change(behind, 1 + seed % 3, CrashKind::kPowerTorn);
    story.world.rejoin(behind);
    story.world.run_until([&] { return !story.world.running(behind); }, seconds{5});
    story.world.crash(behind, CrashKind::kPowerTorn);
    ASSERT_TRUE(story.up());
    EXPECT_EQ(story.get(behind, "k2"), std::string(3'000, 'v'));
    story.converge();
  }
}

TEST(SimCrash, FailedSync_FencesTheNode_AndTheOthersGoOn) {
  for (const std::uint64_t seed : seeds(10)) {
    Story story(seed);
    ASSERT_TRUE(story.up());
    ASSERT_TRUE(story.put(1, "k", "before"));
    const NodeId leader = story.leader_up();
    story.world.allow_failure(leader);
    Writers writers(story, 3);
    story.world.run_for(milliseconds{50});
    story.world.disk(leader).fail(wal::MemoryFileSystem::Call::kSync, 1, EIO);
    story.world.run_for(seconds{3});
    writers.stop();
    story.world.run_for(seconds{6});
    const NodeId other = story.other_than(leader);
    EXPECT_TRUE(story.put_until_ok(other, "k", "after"));
    EXPECT_NE(story.leader_up(), leader) << "a fenced node must not lead";
    const auto refused = story.finish(story.world.put(leader, "k", "fenced"));
    EXPECT_FALSE(refused) << "its disk failed";
    ReadOptions eventual;
    eventual.consistency = Consistency::kEventual;
    EXPECT_NE(story.get(leader, "k", eventual).substr(0, 1), "?") << "it still serves these";
    EXPECT_TRUE(story.world.stop(leader)) << "a fenced node stops in time";
    writers.check(other);
    ASSERT_TRUE(story.up());
    EXPECT_EQ(story.get(leader, "k"), "after");
    story.converge();
  }
}

}  // namespace
}  // namespace cairn::kv::sim
