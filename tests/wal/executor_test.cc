// Executors, and the log on real threads and a real disk (run under TSan too).
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <stdexcept>

#include "wal/manual_executor.h"
#include "wal/memory_file_system.h"
#include "wal/posix_file_system.h"
#include "wal/thread_executor.h"
#include "wal/wal.h"

namespace cairn::wal::test {
namespace {

TEST(ManualExecutor, Tasks_RunInOrder_NeverInsidePost) {
  ManualExecutor executor;
  std::string order;
  executor.post([&] {
    order += 'a';
    executor.post([&] { order += 'c'; });
  });
  executor.post([&] { order += 'b'; });
  EXPECT_EQ(order, "");
  EXPECT_EQ(executor.run_all(), 3u);
  EXPECT_EQ(order, "abc");
  EXPECT_FALSE(executor.run_one());
}

TEST(ThreadExecutor, Tasks_RunInOrder_OnItsThread) {
  std::vector<int> order;
  bool on_thread = true;
  {
    ThreadExecutor executor("cairn-test");
    for (int i = 0; i < 1000; ++i) {
      executor.post([&, i] {
        order.push_back(i);
        on_thread = on_thread && executor.on_this_thread();
      });
    }
    executor.stop(ThreadExecutor::Queued::kFinish);
    EXPECT_FALSE(executor.on_this_thread());
    executor.post([&] { order.push_back(-1); });  // too late: dropped
  }
  ASSERT_EQ(order.size(), 1000u);
  EXPECT_EQ(order.back(), 999);
  EXPECT_TRUE(on_thread);
}

TEST(ThreadExecutor, StopDropping_DestroysWhatIsQueued) {
  std::promise<void> begun;
  std::promise<void> go;
  const auto canary = std::make_shared<int>(1);
  bool ran = false;
  ThreadExecutor executor("cairn-test");
  executor.post([&] {
    begun.set_value();
    go.get_future().wait();
  });
  begun.get_future().wait();
  executor.post([&ran, canary] { ran = true; });
  std::thread stopper([&] { executor.stop(ThreadExecutor::Queued::kDrop); });
  const auto stop_has_begun = [&executor] {
    const auto probe = std::make_shared<int>(1);
    executor.post([probe] {});
    return probe.use_count() == 1;  // dropped at once
  };
  while (!stop_has_begun()) std::this_thread::yield();
  go.set_value();
  stopper.join();
  EXPECT_FALSE(ran);
  EXPECT_EQ(canary.use_count(), 1);
}

TEST(ThreadExecutor, ThrowingTask_IsReported_AndTheNextOneRuns) {
  std::string what;
  std::promise<void> after;
  ThreadExecutor executor("cairn-test", [&](std::exception_ptr e) {
    try {
      std::rethrow_exception(e);
    } catch (const std::logic_error& error) {
      what = error.what();
    }
  });
  executor.post([] { throw std::logic_error("broken"); });
  executor.post([&] { after.set_value(); });
  after.get_future().wait();
  EXPECT_EQ(what, "broken");
}

TEST(ThreadExecutor, DestroyedByItsOwnTask_EndsQuietly) {
  auto executor = std::make_unique<ThreadExecutor>("cairn-test");
  std::promise<void> gone;
  auto* raw = executor.get();
  raw->post(
      [&gone, owned = std::make_shared<std::unique_ptr<ThreadExecutor>>(std::move(executor))] {
        owned->reset();
        gone.set_value();
      });
  gone.get_future().wait();
}

/// Many entries of several groups through two threads; everything acknowledged is found again.
void write_on_threads(FileSystem& files, const std::string& directory) {
  constexpr int kGroups = 8;
  constexpr int kRounds = 150;
  WalOptions options;
  options.cluster_id = 5;
  options.node_id = 1;
  options.segment_bytes = 64 << 10;
  options.total_bytes_max = 1 << 20;
  ManualExecutor unused;
  {
    ThreadExecutor home("cairn-home");
    ThreadExecutor disk("cairn-disk");
    std::unique_ptr<Wal> wal;
    std::promise<void> finished;
    int acked = 0;
    int read = 0;
    bool closed = false;
    const auto finish_if_done = [&] {
      if (closed && read == kRounds) finished.set_value();
    };
    std::function<void(int)> round = [&](int i) {
      if (i == kRounds) {
        wal->close([&](const Result<void>& r) {
          EXPECT_TRUE(r);
          closed = true;
          finish_if_done();
        });
        return;
      }
      for (GroupId g = 1; g <= kGroups; ++g) {
        wal->append(g, i + 1, 1, 0, std::string(200 + i, static_cast<char>('a' + g)));
      }
      wal->read(1, i + 1, i + 1, 1000, [&](const auto& r) {
        EXPECT_TRUE(r);
        ++read;
        finish_if_done();
      });
      wal->commit([&, i](const Result<void>& r) {
        acked += r ? 1 : 0;
        for (GroupId g = 1; g <= kGroups && i > 20; ++g) wal->trim(g, i - 20, 1);
      });
      home.post([&round, i] { round(i + 1); });
    };
    home.post([&] {
      wal = std::move(Wal::open(files, directory, options, home, disk, nullptr).value());
      round(0);
    });
    finished.get_future().wait();
    std::promise<void> destroyed;
    home.post([&] {
      EXPECT_EQ(acked, kRounds);
      wal.reset();
      destroyed.set_value();
    });
    destroyed.get_future().wait();
    disk.stop();
    home.stop();
  }
  const auto wal = Wal::open(files, directory, options, unused, unused, nullptr);
  ASSERT_TRUE(wal);
  ASSERT_EQ((*wal)->recovered().size(), static_cast<std::size_t>(kGroups));
  for (const RecoveredGroup& g : (*wal)->recovered()) {
    EXPECT_EQ(g.last_index, static_cast<std::uint64_t>(kRounds));
    EXPECT_EQ((*wal)->read_now(g.group, kRounds, kRounds, 1)->front().data.size(), 349u);
  }
}

TEST(WalOnThreads, MemoryDisk_EverythingAckedIsFound) {
  MemoryFileSystem files;
  write_on_threads(files, "log");
}

TEST(WalOnThreads, RealDisk_EverythingAckedIsFound) {
  std::string root = (std::filesystem::temp_directory_path() / "cairn-wal-XXXXXX").string();
  ASSERT_NE(::mkdtemp(root.data()), nullptr);
  PosixFileSystem files;
  write_on_threads(files, root + "/deep/log");
  std::filesystem::remove_all(root);
}

TEST(WalOnThreads, DestroyedWhileTheDiskWorks_NothingDangles) {
  MemoryFileSystem files;
  for (int i = 0; i < 50; ++i) {
    ManualExecutor home;
    ThreadExecutor disk("cairn-disk");
    auto wal = std::move(
        Wal::open(files, "log", {.segment_bytes = 64 << 10}, home, disk, nullptr).value());
    const std::uint64_t last = wal->recovered().empty() ? 0 : wal->recovered()[0].last_index;
    wal->append(1, last + 1, 1, 0, std::string(5000, 'x'));
    wal->commit([](const Result<void>&) {});
    wal->read(1, last + 1, last + 1, 1, [](const auto&) {});
    wal.reset();
    disk.stop();
    home.run_all();
    files.kill_process();
  }
}

TEST(ThreadExecutor, Usage_CountsTheTimeInTasks) {
  ThreadExecutor executor("usage");
  EXPECT_EQ(executor.usage().busy.count(), 0);
  const auto begin = std::chrono::steady_clock::now();
  executor.post([&] {
    // Work, until the thread's own clock has moved.
    while (executor.usage().cpu < std::chrono::milliseconds(2)) {
    }
  });
  executor.stop();
  const auto usage = executor.usage();
  EXPECT_GE(usage.busy, std::chrono::milliseconds(1));
  EXPECT_LE(usage.busy, std::chrono::steady_clock::now() - begin);
  // The thread has gone: nothing is told of its processor time, and nothing breaks.
  EXPECT_EQ(usage.cpu.count(), 0);
}

}  // namespace
}  // namespace cairn::wal::test
