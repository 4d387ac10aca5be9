// The clockwork of the simulator, without a node.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kv/sim/event_queue.h"
#include "kv/sim/executor.h"
#include "kv/sim/random.h"
#include "kv/sim/trace.h"

namespace cairn::kv::sim {
namespace {

TEST(EventQueue, Times_WhateverTheOrderOfPosting_RunInOrder) {
  EventQueue queue(stream(1, "ties"));
  std::string order;
  queue.at(Time(30), 0, "c", [&] { order += 'c'; });
  queue.at(Time(10), 0, "a", [&] { order += 'a'; });
  queue.at(Time(20), 0, "b", [&] { order += 'b'; });
  while (!queue.empty()) queue.pop().run();
  EXPECT_EQ(order, "abc");
  EXPECT_EQ(queue.now(), Time(30));
}

std::string order_of_a_moment(std::uint64_t seed) {
  EventQueue queue(stream(seed, "ties"));
  std::string order;
  for (char c = 'a'; c <= 'z'; ++c) queue.at(Time(5), 0, "", [&order, c] { order += c; });
  while (!queue.empty()) queue.pop().run();
  return order;
}

TEST(EventQueue, OneMoment_SameSeed_SameOrder) {
  EXPECT_EQ(order_of_a_moment(1), order_of_a_moment(1));
  EXPECT_NE(order_of_a_moment(1), order_of_a_moment(2));
}

TEST(EventQueue, Post_IntoThePast_HappensNow) {
  EventQueue queue(stream(1, "ties"));
  queue.advance(Time(100));
  queue.at(Time(7), 0, "", [] {});
  EXPECT_EQ(queue.pop().at, Time(100));
}

TEST(EventQueue, Drop_DyingTaskPosts_TakesItsLifeOnly) {
  EventQueue queue(stream(1, "ties"));
  std::string ran;
  struct Poster {
    EventQueue& queue;
    std::string& ran;
    ~Poster() {
      queue.at(Time(9), 2, "", [&r = ran] { r += 'd'; });
    }
  };
  auto poster = std::make_shared<Poster>(Poster{queue, ran});
  while (!queue.empty()) (void)queue.pop();  // of the temporary
  queue.at(Time(1), 1, "", [poster = std::move(poster), &ran] { ran += 'x'; });
  queue.at(Time(2), 2, "", [&ran] { ran += 'k'; });
  queue.drop(1);
  while (!queue.empty()) queue.pop().run();
  EXPECT_EQ(ran, "kd");
}

TEST(SimExecutor, Posts_WhateverTheyCost_KeepTheirOrder) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    EventQueue queue(stream(seed, "ties"));
    SimExecutor executor(queue, 1, "x", Cost{Time(0), Time(3), 100, Time(50)}, stream(seed, "x"));
    std::vector<int> ran;
    for (int i = 0; i < 100; ++i) executor.post([&ran, i] { ran.push_back(i); });
    EXPECT_TRUE(ran.empty()) << "never inside post()";
    while (!queue.empty()) queue.pop().run();
    ASSERT_EQ(ran.size(), 100u);
    EXPECT_TRUE(std::is_sorted(ran.begin(), ran.end())) << "seed " << seed;
  }
}

TEST(SimExecutor, Stall_WhilePosting_RunsLater) {
  EventQueue queue(stream(1, "ties"));
  SimExecutor executor(queue, 1, "x", Cost{}, stream(1, "x"));
  executor.stall_until(Time(1000));
  Time ran{0};
  executor.post([&] { ran = queue.now(); });
  while (!queue.empty()) queue.pop().run();
  EXPECT_GT(ran, Time(1000));
  executor.end();
  executor.post([] {});
  EXPECT_TRUE(queue.empty());
}

TEST(SimClock, Timer_AfterItsDelay_RunsOnHome) {
  EventQueue queue(stream(1, "ties"));
  SimExecutor home(queue, 1, "home", Cost{}, stream(1, "home"));
  MachineClocks machine;
  machine.base = Time(500);
  machine.wall_offset_ms = -20;
  SimClock clock(queue, home, 1, machine);
  EXPECT_EQ(clock.monotonic(), Time(500));
  Time ran{0};
  clock.call_after(Time(2000), [&] { ran = clock.monotonic(); });
  while (!queue.empty()) queue.pop().run();
  EXPECT_GE(ran, Time(2500));
  EXPECT_LT(ran, Time(2600));
  EXPECT_EQ(clock.wall_ms(), SimClock::kWallStartMs + 2 - 20);
}

TEST(Streams, Names_SameSeed_AreIndependent) {
  EXPECT_EQ(stream(7, "network").next(), stream(7, "network").next());
  EXPECT_NE(stream(7, "network").next(), stream(7, "disk").next());
  EXPECT_NE(stream(7, "node", 1).next(), stream(7, "node", 2).next());
  EXPECT_NE(stream(7, "node", 1).next(), stream(8, "node", 1).next());
}

TEST(Trace, Hash_OtherOrderOrCut_Differs) {
  Trace a, b, c;
  a.add("one"), a.add("two");
  b.add("two"), b.add("one");
  c.add("onetwo");
  EXPECT_NE(a.hash(), b.hash());
  EXPECT_NE(a.hash(), c.hash());
}

}  // namespace
}  // namespace cairn::kv::sim
