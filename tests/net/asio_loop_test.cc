#include "net/asio_loop.h"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <memory>
#include <stdexcept>
#include <thread>

#include "tests/net/on_loop.h"

namespace cairn::net::test {
namespace {

using std::chrono::milliseconds;

class Loop : public ::testing::Test {
 protected:
  Told told;
  AsioLoop loop{"test-loop", broken_to(told)};
};

TEST_F(Loop, Tasks_OfManyThreads_RunOnceEachInTheOrderPosted) {
  constexpr int kThreads = 4;
  constexpr int kTasks = 5000;
  std::vector<std::vector<int>> ran(kThreads);
  loop.start();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, &ran, t] {
      for (int i = 0; i < kTasks; ++i) loop.post([&ran, t, i] { ran[t].push_back(i); });
    });
  }
  for (std::thread& thread : threads) thread.join();
  loop.stop();  // runs what was posted before
  for (const std::vector<int>& each : ran) {
    ASSERT_EQ(each.size(), static_cast<std::size_t>(kTasks));
    EXPECT_TRUE(std::is_sorted(each.begin(), each.end()));
  }
}

TEST_F(Loop, Task_PostedByATask_RunsAfterItAndNotInside) {
  loop.post([&] {
    loop.post([&] { told.add("inner"); });
    told.add("outer");
  });
  loop.start();
  ASSERT_TRUE(told.wait("inner"));
  EXPECT_EQ(told.lines(), (std::vector<std::string>{"outer", "inner"}));
}

TEST_F(Loop, Timers_FireInOrderOfTheirTimes) {
  loop.post([&] {
    loop.call_after(milliseconds(20), [&] { told.add("late"); });
    loop.call_after(milliseconds(5), [&] { told.add("early"); });
    loop.call_after(milliseconds(5), [&] { told.add("early, asked for later"); });
    loop.call_after(milliseconds(0), [&] { told.add("at once"); });
    loop.call_after(milliseconds(-5), [&] { told.add("in the past"); });
    told.add("task");
  });
  loop.start();
  ASSERT_TRUE(told.wait("late"));
  EXPECT_EQ(told.lines(), (std::vector<std::string>{"task", "at once", "in the past", "early",
                                                    "early, asked for later", "late"}));
}

TEST_F(Loop, Timer_WaitsAtLeastItsDelay) {
  loop.start();
  const auto begun = loop.monotonic();
  std::promise<std::chrono::microseconds> fired;
  loop.post([&] { loop.call_after(milliseconds(30), [&] { fired.set_value(loop.monotonic()); }); });
  EXPECT_GE(fired.get_future().get() - begun, milliseconds(30));
}

TEST_F(Loop, Timer_ThatAsksForAnother_DoesNotStarveTasks) {
  std::atomic<bool> enough{false};
  std::function<void()> again = [&] {
    if (!enough) loop.call_after(milliseconds(0), [&] { again(); });
  };
  loop.post([&] { again(); });
  loop.start();
  for (int i = 0; i < 100; ++i) on_loop(loop, [] { return 0; });
  enough = true;
  loop.stop();
}

TEST_F(Loop, Exceptions_OfTasksTimersAndHandlers_AreReportedAndTheLoopGoesOn) {
  loop.start();
  loop.post([] { throw std::logic_error("task"); });
  loop.post([&] { told.add("next task"); });
  ASSERT_TRUE(told.wait("next task"));
  loop.post([&] { loop.call_after(milliseconds(0), [] { throw std::logic_error("timer"); }); });
  ASSERT_TRUE(told.wait("broken: timer"));
  boost::asio::post(loop.context(), [] { throw std::logic_error("handler"); });
  ASSERT_TRUE(told.wait("broken: handler"));
  EXPECT_EQ(on_loop(loop, [] { return 7; }), 7);
  EXPECT_EQ(told.count("broken: task"), 1u);
}

TEST_F(Loop, Stop_DropsTimersAndLaterTasks_AndReleasesWhatTheyHold) {
  const auto held = std::make_shared<int>(1);
  loop.start();
  on_loop(loop, [&] {
    loop.call_after(std::chrono::hours(1), [held] {});
    return 0;
  });
  loop.stop();
  loop.post([held] {});
  loop.stop();
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(Loop, NeverStarted_IsDestroyedQuietly) {
  loop.post([] { FAIL(); });
  loop.call_after(milliseconds(0), [] { FAIL(); });
}

TEST_F(Loop, Stop_OnItsOwnThread_IsABrokenInvariant) {
  loop.start();
  EXPECT_TRUE(on_loop(loop, [&] { return loop.on_loop_thread(); }));
  EXPECT_FALSE(loop.on_loop_thread());
  loop.post([&] { loop.stop(); });
  ASSERT_TRUE(told.wait("broken: a loop can't join itself"));
}

TEST_F(Loop, Clock_ShowsTheTimeOfDay) {
  EXPECT_GT(loop.wall_ms(), 1'700'000'000'000u);
  const auto before = loop.monotonic();
  EXPECT_GE(loop.monotonic(), before);
}

}  // namespace
}  // namespace cairn::net::test
