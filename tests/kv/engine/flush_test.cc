// What a flush point says is on disk is on disk, with background work on an executor of its own.
#include <deque>

#include "tests/kv/engine/fixture.h"
#include "wal/manual_executor.h"

namespace cairn::kv::test {
namespace {

class FlushTest : public ::testing::Test {
 protected:
  FlushTest() { open(); }
  ~FlushTest() override { close(); }

  void open() {
    std::string detail;
    EngineOptions options = small_options();
    // DB::Open may schedule work, and does not wait for it.
    engine_ = Engine::open(disk_, "e", kCluster, kNode, options, &background_, &detail).value();
    ASSERT_TRUE(engine_->create_group(kGroup, three_voters(), 0));
    applied_ = engine_->groups().front().applied;
  }

  void close() {
    background_.run_all();
    engine_.reset();
  }

  void put_one(std::size_t value_bytes = 10) {
    ++applied_;
    const ApplyItem item{
        kGroup, command_entry(applied_, applied_ << 13,
                              put("k" + std::to_string(applied_), std::string(value_bytes, 'v')))};
    ASSERT_TRUE(engine_->apply(std::span(&item, 1)));
  }

  /// Begins a flush; its outcome is added to `outcomes_` when it comes.
  void flush() {
    engine_->flush([this](boost::system::result<FlushPoint> point) {
      outcomes_.push_back(point ? static_cast<long>(point->applied.at(0).second) : -1);
    });
  }

  wal::MemoryFileSystem disk_;
  wal::ManualExecutor background_;
  std::unique_ptr<Engine> engine_;
  raft::Index applied_ = 0;
  std::vector<long> outcomes_;
};

TEST_F(FlushTest, Flush_NeverCompletesInsideTheCall_AndTellsTheRotationsIndex) {
  put_one();
  flush();
  put_one();
  EXPECT_TRUE(outcomes_.empty());
  background_.run_all();
  EXPECT_EQ(outcomes_, std::vector<long>{1});
}

TEST_F(FlushTest, Flush_NothingNew_IsTheLastPointAgain) {
  put_one();
  flush();
  background_.run_all();
  flush();
  EXPECT_EQ(outcomes_.size(), 1u);
  background_.run_all();
  EXPECT_EQ(outcomes_, (std::vector<long>{1, 1}));
  EXPECT_EQ(engine_->metrics().flushes, 1u);
}

TEST_F(FlushTest, Flushes_BegunMeanwhile_AreMergedIntoOneMore) {
  put_one();
  flush();
  put_one();
  flush();
  put_one();
  flush();
  background_.run_all();
  EXPECT_EQ(outcomes_, (std::vector<long>{1, 3, 3}));
  EXPECT_EQ(engine_->metrics().flushes, 2u);
  EXPECT_EQ(engine_->metrics().unflushed_bytes, 0u);
}

TEST_F(FlushTest, Flush_WhileAFullMemtableIsUnderWay_WaitsWithoutBlocking) {
  while (background_.pending() == 0) put_one(4000);  // LevelDB rotates by itself
  flush();                                           // would wait for ever if it rotated now
  EXPECT_TRUE(outcomes_.empty());
  const long then = static_cast<long>(applied_);
  background_.run_all();
  EXPECT_EQ(outcomes_, std::vector<long>{then});
}

TEST_F(FlushTest, Point_IsTrueAfterAPowerCut_AtEveryStepOfTheBackground) {
  for (int step = 0; step < 6; ++step) {
    put_one(3000);
    flush();
    for (int i = 0; i < step; ++i) background_.run_one();
    const long promised = outcomes_.empty() ? 0 : outcomes_.back();
    background_.run_all();  // the destructor needs the executor; the disk has lost power before
    disk_.crash(wal::MemoryFileSystem::Crash::kLoseUnsynced);
    engine_.reset();
    background_.run_all();
    open();
    EXPECT_GE(static_cast<long>(applied_), promised);
    outcomes_.clear();
  }
}

TEST_F(FlushTest, DiskFails_TheFlushFailsAndSoDoesTheEngine) {
  put_one();
  disk_.fail(wal::MemoryFileSystem::Call::kSync, 1, 5 /* EIO */);
  flush();
  flush();
  background_.run_all();
  EXPECT_EQ(outcomes_, (std::vector<long>{-1, -1}));
  flush();
  background_.run_all();
  EXPECT_EQ(outcomes_.size(), 3u);
  EXPECT_EQ(outcomes_.back(), -1);
  const ApplyItem item{kGroup, command_entry(2, 2 << 13, put("k", "v"))};
  ASSERT_FALSE(engine_->apply(std::span(&item, 1)));
  EXPECT_TRUE(engine_->metrics().failed);
  EXPECT_EQ(engine_->get(kGroup, "k1").value()->value.size(), 10u) << "reads go on";
}

TEST_F(FlushTest, Close_WhileAFlushWaits_SaysFailed) {
  put_one();
  flush();
  put_one();
  flush();
  // The engine's end waits for LevelDB, which waits for the executor: it runs one task here, so
  // that the second flush is what is left.
  background_.run_one();
  background_.run_all();
  engine_.reset();
  EXPECT_EQ(outcomes_.size(), 2u);
}

TEST_F(FlushTest, CorruptTable_FailsTheCompactionAndTheWaitingFlush) {
  // Enough overlapping tables for a compaction, one of them damaged.
  for (int table = 0; table < 3; ++table) {
    for (int i = 0; i < 5; ++i) put_one(2000);
    flush();
    background_.run_all();
  }
  for (const auto& [path, bytes] : disk_.image().files) {
    if (path.ends_with(".ldb")) disk_.flip_bit(path, bytes.size() / 3, 1);
  }
  bool failed = false;
  for (int table = 0; table < 12 && !failed; ++table) {
    const ApplyItem item{kGroup, command_entry(applied_ + 1, (applied_ + 1) << 13,
                                               put("k" + std::to_string(table), "again"))};
    failed = !engine_->apply(std::span(&item, 1));
    if (!failed) ++applied_;
    flush();
    background_.run_all();
    failed = failed || outcomes_.back() == -1;
  }
  EXPECT_TRUE(failed);
  EXPECT_TRUE(engine_->metrics().failed || outcomes_.back() == -1);
}

}  // namespace
}  // namespace cairn::kv::test
