// The engine on a real disk with a background thread, and readers beside the apply thread. For
// ThreadSanitizer as much as for its own checks.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <thread>

#include "kv/engine/engine.h"
#include "tests/kv/engine/fixture.h"
#include "tests/kv/engine/stream.h"
#include "wal/posix_file_system.h"
#include "wal/thread_executor.h"

#if defined(__SANITIZE_THREAD__)
// LevelDB's package is built without the sanitizer, which therefore does not see the atomics that
// order a reader's look into the memtable after the writer's copy.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "race:libleveldb.so\n";
}
#endif

namespace cairn::kv::test {
namespace {

class ThreadsTest : public ::testing::Test {
 protected:
  ThreadsTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "cairn-engine-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~ThreadsTest() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<Engine> open(wal::Executor* background) {
    std::string detail;
    auto engine = Engine::open(disk_, directory_ + "/engine", kCluster, kNode, small_options(),
                               background, &detail);
    EXPECT_TRUE(engine) << detail;
    EXPECT_TRUE((*engine)->create_group(kGroup, three_voters(), kEpoch));
    return std::move(*engine);
  }

  static boost::system::result<FlushPoint> flush(Engine& engine) {
    std::promise<boost::system::result<FlushPoint>> done;
    engine.flush(
        [&](boost::system::result<FlushPoint> point) { done.set_value(std::move(point)); });
    return done.get_future().get();
  }

  wal::PosixFileSystem disk_;
  std::string directory_;
};

TEST_F(ThreadsTest, PosixDisk_ApplyFlushReopen_SameState) {
  const std::vector<raft::Entry> log = random_log(31, 3000);
  std::string digest;
  {
    wal::ThreadExecutor background("engine");
    auto engine = open(&background);
    for (std::size_t i = 0; i < log.size(); i += 50) {
      std::vector<ApplyItem> items;
      for (std::size_t k = i; k < i + 50; ++k) items.push_back({kGroup, log[k]});
      ASSERT_TRUE(engine->apply(items));
    }
    digest = engine->digest(kGroup).value();
    const auto point = flush(*engine);
    ASSERT_TRUE(point);
    EXPECT_EQ(point->applied, (std::vector<std::pair<raft::GroupId, raft::Index>>{{kGroup, 3000}}));
  }
  auto engine = open(nullptr);
  EXPECT_EQ(engine->digest(kGroup).value(), digest);
}

TEST_F(ThreadsTest, Readers_BesideTheApplyThread_SeeWholeMoments) {
  wal::ThreadExecutor background("engine");
  auto engine = open(&background);
  std::atomic<bool> stop{false};
  std::atomic<int> looks{0};
  // Every command writes the same number to both keys; a moment never has two numbers.
  const auto read = [&] {
    while (!stop) {
      const Revision before = engine->revision(kGroup);
      const std::unique_ptr<EngineView> view = engine->view();
      const auto left = view->get(kGroup, "left").value();
      const auto right = view->get(kGroup, "right").value();
      ASSERT_EQ(left.has_value(), right.has_value());
      if (left) {
        ASSERT_EQ(left->value, right->value);
        ASSERT_EQ(left->version, view->applied(kGroup));
        ASSERT_GE(left->mod_revision, before);
      }
      ASSERT_TRUE(engine->get(kGroup, "left"));
      (void)engine->metrics();
      ++looks;
    }
  };
  std::thread first(read);
  std::thread second(read);
  std::atomic<int> flushed{0};
  raft::Index index = 0;
  while (index < 1500 || looks < 50) {
    Command command = put("left", std::to_string(index) + std::string(400, '.'));
    command.operations.push_back({Operation::Kind::kPut, "right", command.operations[0].value});
    ++index;
    const ApplyItem item{kGroup, command_entry(index, index << 13, command)};
    ASSERT_TRUE(engine->apply(std::span(&item, 1)));
    if (index % 100 == 0) engine->flush([&](auto point) { flushed += point ? 1 : 0; });
  }
  stop = true;
  first.join();
  second.join();
  ASSERT_TRUE(flush(*engine));
  EXPECT_GE(flushed, 15);
}

TEST_F(ThreadsTest, Readers_AcrossAFlip_NeverMissAKeyThatBothStatesHave) {
  wal::ThreadExecutor background("engine");
  auto engine = open(&background);
  std::vector<ApplyItem> items;
  for (raft::Index i = 1; i <= 200; ++i) {
    items.push_back({kGroup, command_entry(i, i << 13, put("key" + std::to_string(i), "v"))});
  }
  ASSERT_TRUE(engine->apply(items));
  raft::SnapshotMeta meta;
  const std::vector<std::string> chunks = chunks_of(*engine, kGroup, 1000, &meta);
  std::atomic<bool> stop{false};
  std::atomic<int> looks{0};
  std::thread reader([&] {
    for (int i = 0; !stop; i = i % 200 + 1, ++looks) {
      ASSERT_TRUE(engine->get(kGroup, "key" + std::to_string(i % 200 + 1)).value());
    }
  });
  for (int round = 0; round < 20 || looks < 500; ++round) {
    auto sink = engine->install(kGroup, meta).value();
    for (const std::string& chunk : chunks) ASSERT_TRUE(sink->add(chunk));
    ASSERT_TRUE(sink->finish());
    while (engine->maintain().value()) {
    }
  }
  stop = true;
  reader.join();
}

TEST_F(ThreadsTest, Destruction_WithWorkUnderWay_EndsAndAnswers) {
  for (int round = 0; round < 10; ++round) {
    wal::ThreadExecutor background("engine");
    auto engine = open(&background);
    raft::Index index = engine->groups().front().applied;
    std::atomic<int> answered{0};
    for (int i = 0; i < 100; ++i) {
      ++index;
      const ApplyItem item{kGroup,
                           command_entry(index, index << 13, put("k", std::string(2000, 'v')))};
      ASSERT_TRUE(engine->apply(std::span(&item, 1)));
      if (i % 30 == 0) engine->flush([&](auto) { ++answered; });
    }
    engine.reset();
    EXPECT_EQ(answered, 4);
  }
}

}  // namespace
}  // namespace cairn::kv::test
