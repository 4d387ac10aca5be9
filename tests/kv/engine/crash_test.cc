// Power cuts, failing disks and damaged files: whatever happens, what is there on reopening is an
// exact prefix of the log, and replay goes on from it.
#include <map>

#include "kv/engine/engine.h"
#include "tests/kv/engine/fixture.h"
#include "tests/kv/engine/stream.h"

namespace cairn::kv::test {
namespace {

using Disk = wal::MemoryFileSystem;
constexpr int kIoError = 5;

/// A scenario that flushes, rotates and installs a snapshot, and can be cut at any moment.
class CrashTest : public ::testing::Test {
 protected:
  CrashTest() {
    StreamShape shape;
    shape.value_bytes_max = 1200;
    log_ = random_log(21, kEntries, shape);
    // The truth: a digest for every prefix, from an engine that nothing ever happens to.
    Disk disk;
    auto engine = open(disk).value();
    truth_[0] = engine->digest(kGroup).value();
    for (const raft::Entry& entry : log_) {
      const ApplyItem item{kGroup, entry};
      EXPECT_TRUE(engine->apply(std::span(&item, 1)));
      truth_[entry.index] = engine->digest(kGroup).value();
    }
    chunks_ = chunks_of(*engine, kGroup, 2000, &meta_);
  }

  static boost::system::result<std::unique_ptr<Engine>> open(Disk& disk) {
    std::string detail;
    auto engine = Engine::open(disk, "e", kCluster, kNode, small_options(), nullptr, &detail);
    if (!engine) return engine.error();
    auto made = (*engine)->create_group(kGroup, three_voters(), kEpoch);
    if (!made) return made.error();
    return engine;
  }

  /// Applies what is missing, flushing now and then; until the end or the first failure. Gives the
  /// highest index that a flush promised.
  raft::Index live(Engine& engine, raft::Index until = kEntries) {
    raft::Index promised = 0;
    for (;;) {
      const raft::Index applied = engine.groups().front().applied;
      std::vector<ApplyItem> items;
      for (raft::Index i = applied + 1; i <= until && items.size() < 23; ++i) {
        items.push_back({kGroup, log_[i - 1]});
      }
      if (items.empty() || !engine.apply(items)) return promised;
      if (applied % 3 != 0) continue;
      engine.flush([&](auto point) {
        if (point) promised = std::max(promised, point->applied.front().second);
      });
    }
  }

  /// Reopens after a cut: a prefix not shorter than promised, equal to the truth; then replays.
  void expect_prefix_and_replay(Disk& disk, raft::Index promised) {
    auto engine = open(disk);
    ASSERT_TRUE(engine) << engine.error().message();
    const raft::Index applied = (*engine)->groups().front().applied;
    ASSERT_GE(applied, promised);
    ASSERT_EQ((*engine)->digest(kGroup).value(), truth_[applied]) << "applied " << applied;
    live(**engine);
    ASSERT_EQ((*engine)->digest(kGroup).value(), truth_[kEntries]);
  }

  static constexpr raft::Index kEntries = 260;
  std::vector<raft::Entry> log_;
  std::map<raft::Index, std::string> truth_;
  std::vector<std::string> chunks_;
  raft::SnapshotMeta meta_;
};

TEST_F(CrashTest, PowerCut_AtEveryChangeOfTheDisk_LeavesAnExactPrefix) {
  using Mode = Disk::Crash;
  for (const Mode mode : {Mode::kLoseUnsynced, Mode::kKeepAll, Mode::kRandom, Mode::kRandomTorn}) {
    for (std::uint64_t kth = 1;; ++kth) {
      SCOPED_TRACE("mode " + std::to_string(static_cast<int>(mode)) + " change " +
                   std::to_string(kth));
      Disk disk;
      const std::uint64_t before = disk.changes();
      disk.fail_changes(kth, kIoError);
      raft::Index promised = 0;
      if (auto engine = open(disk)) promised = live(**engine);
      const bool reached = disk.changes() - before >= kth;
      disk.crash(mode, kth);
      expect_prefix_and_replay(disk, promised);
      if (HasFatalFailure() || !reached) break;
    }
  }
}

TEST_F(CrashTest, SecondPowerCut_DuringTheReopening_StillLeavesAPrefix) {
  for (std::uint64_t kth = 1; kth <= 40; ++kth) {
    SCOPED_TRACE("change " + std::to_string(kth));
    Disk disk;
    raft::Index promised = live(*open(disk).value(), 150);
    disk.crash(Disk::Crash::kRandom, kth);
    disk.fail_changes(kth, kIoError);
    if (auto engine = open(disk)) promised = std::max(promised, live(**engine));
    disk.crash(Disk::Crash::kRandomTorn, kth + 1000);
    expect_prefix_and_replay(disk, promised);
    if (HasFatalFailure()) return;
  }
}

TEST_F(CrashTest, OneFailedCall_OfAnyKind_FailsTheEngineAndNothingIsLost) {
  for (const Disk::Call call :
       {Disk::Call::kOpen, Disk::Call::kWrite, Disk::Call::kSync, Disk::Call::kRename,
        Disk::Call::kSyncDirectory, Disk::Call::kLook, Disk::Call::kRead, Disk::Call::kRemove}) {
    for (std::uint64_t kth = 1; kth <= 60; ++kth) {
      SCOPED_TRACE("call " + std::to_string(static_cast<int>(call)) + " time " +
                   std::to_string(kth));
      Disk disk;
      disk.fail(call, kth, kIoError);
      raft::Index promised = 0;
      if (auto engine = open(disk)) promised = live(**engine);  // the disk is well again after it
      disk.crash(Disk::Crash::kLoseUnsynced);
      expect_prefix_and_replay(disk, promised);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_F(CrashTest, FullDisk_FailsTheEngine_AndReopeningWithSpaceHeals) {
  Disk disk;
  disk.set_capacity(60'000);
  raft::Index promised = 0;
  if (auto engine = open(disk)) promised = live(**engine);
  disk.set_capacity(0);
  disk.kill_process();
  expect_prefix_and_replay(disk, promised);
}

TEST_F(CrashTest, Install_CutAtEveryChange_IsTheOldStateOrTheNew) {
  for (std::uint64_t kth = 1;; ++kth) {
    SCOPED_TRACE("change " + std::to_string(kth));
    Disk disk;
    live(*open(disk).value(), 50);
    const std::uint64_t before = disk.changes();
    disk.fail_changes(kth, kIoError);
    bool promised = false;
    if (auto engine = open(disk)) {
      auto sink = (*engine)->install(kGroup, meta_);
      bool ok = sink.has_value();
      for (std::size_t i = 0; ok && i < chunks_.size(); ++i) {
        ok = (*sink)->add(chunks_[i]).has_value();
        if (i == chunks_.size() / 2) (*engine)->flush([](auto) {});
      }
      ok = ok && (*sink)->finish().has_value();
      if (sink) sink->reset();
      if (ok) (*engine)->flush([&](auto point) { promised = point.has_value(); });
    }
    const bool reached = disk.changes() - before >= kth;
    disk.crash(Disk::Crash::kRandom, kth);
    auto engine = open(disk).value();
    const EngineGroup group = engine->groups().front();
    ASSERT_TRUE(!promised || group.applied == kEntries);
    ASSERT_EQ(engine->digest(kGroup).value(), truth_[group.applied]);
    ASSERT_EQ(group.installed_index, group.applied == kEntries ? kEntries : 0u);
    while (engine->maintain().value()) {
    }
    ASSERT_EQ(engine->digest(kGroup).value(), truth_[group.applied]);
    live(*engine);
    ASSERT_EQ(engine->digest(kGroup).value(), truth_[kEntries]);
    if (!reached) break;
  }
}

TEST_F(CrashTest, DamagedOrMissingFiles_AreCorruption_NeverAnotherState) {
  Disk disk;
  {
    auto engine = open(disk).value();
    live(*engine);
    engine->flush([](auto point) { ASSERT_TRUE(point); });
  }
  const Disk::Image image = disk.image();
  int refused = 0;
  for (const auto& [path, bytes] : image.files) {
    for (int damage = 0; damage < 24; ++damage) {
      Disk broken;
      Disk::Image changed = image;
      if (damage == 0) {
        changed.files.erase(path);
      } else if (damage < 6) {
        changed.files[path].resize(bytes.size() * static_cast<std::size_t>(damage) / 6);
      } else if (!bytes.empty()) {
        changed.files[path][bytes.size() * static_cast<std::size_t>(damage - 6) / 18] ^= 0x20;
      }
      broken.load(changed);
      std::string detail;
      auto engine = Engine::open(broken, "e", kCluster, kNode, small_options(), nullptr, &detail);
      if (!engine) {
        EXPECT_FALSE(detail.empty());
        ++refused;
        continue;
      }
      // A manifest that lost its tail is an older one: the state is then an earlier prefix, which
      // the host sees from the WAL's start. The earliest is the empty one.
      if ((*engine)->groups().empty()) {
        EXPECT_NE(path.find("MANIFEST"), std::string::npos) << path << " damage " << damage;
        continue;
      }
      auto digest = (*engine)->digest(kGroup);
      if (!digest) {
        EXPECT_EQ(digest.error(), EngineError::kCorrupt);
        ++refused;
        continue;
      }
      const raft::Index applied = (*engine)->groups().front().applied;
      EXPECT_EQ(*digest, truth_[applied]) << path << " damage " << damage;
    }
  }
  EXPECT_GT(refused, 10);
}

}  // namespace
}  // namespace cairn::kv::test
