// The end of a store, at any moment: bounded, with one answer to every call.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/use_future.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "cairn/kv/async.h"
#include "tests/kv/store/support.h"

namespace cairn::kv {
namespace {

constexpr milliseconds kStopMax{3'500};

bool is_free(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool bound =
      fd >= 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  if (fd >= 0) ::close(fd);
  return bound;
}

/// Below the range of outgoing connections, so that nobody dials himself there; another process
/// looks elsewhere first.
std::vector<std::uint16_t> free_ports(std::size_t count) {
  std::vector<std::uint16_t> ports;
  const auto begin = static_cast<std::uint32_t>(::getpid()) * 17;
  for (std::uint32_t i = 0; i < 20'000 && ports.size() < count; ++i) {
    const auto port = static_cast<std::uint16_t>(10'000 + (begin + i) % 20'000);
    if (is_free(port)) ports.push_back(port);
  }
  EXPECT_EQ(ports.size(), count);
  return ports;
}

class StoreStopTest : public StoreFixture {
 protected:
  void stop_in_time() {
    const auto began = std::chrono::steady_clock::now();
    store().stop();
    EXPECT_LT(std::chrono::steady_clock::now() - began, kStopMax);
  }
  Options member(std::uint64_t id, const std::string& name) {
    Options o = options(name);
    o.node_id = id;
    for (std::uint64_t m = 1; m <= 3; ++m)
      o.cluster.push_back({m, "127.0.0.1:" + std::to_string(ports_[m - 1])});
    o.peer = o.cluster[id - 1].peer;
    return o;
  }

 private:
  const std::vector<std::uint16_t> ports_ = free_ports(3);
};

TEST_F(StoreStopTest, Stop_Again_IsANoOp) {
  open();
  put("k", "v");
  stop_in_time();
  stop_in_time();
}

TEST_F(StoreStopTest, Calls_AfterStop_EndAsShuttingDown) {
  open();
  put("k", "v");
  auto snapshot = store().snapshot();
  ASSERT_TRUE(snapshot);
  stop_in_time();
  EXPECT_EQ(store().put("k", "w").error().code, Errc::kShuttingDown);
  EXPECT_EQ(store().put("k", "w").error().committed, Committed::kNo);
  EXPECT_EQ(store().get("k").error().code, Errc::kShuttingDown);
  EXPECT_EQ(store().scan({}).error().code, Errc::kShuttingDown);
  EXPECT_EQ(store().snapshot().error().code, Errc::kShuttingDown);
  EXPECT_EQ(store().wait_ready(seconds{1}).error().code, Errc::kShuttingDown);
  EXPECT_EQ(snapshot->get("k").error().code, Errc::kShuttingDown) << "taken back";
  EXPECT_EQ(snapshot->scan({}).error().code, Errc::kShuttingDown);
  Promised<PutResult> promised;
  store().async_put("k", "w", {}, promised.callback());
  EXPECT_EQ(promised.get().error().code, Errc::kShuttingDown);
  auto future = async_put(store(), "k", "w", {}, boost::asio::use_future);
  EXPECT_EQ(future.get().error().code, Errc::kShuttingDown);
  EXPECT_EQ(store().not_ready_reasons().size(), 1u);
  EXPECT_EQ(store().cluster().node, 1u);
  EXPECT_TRUE(store().metrics().empty());
}

TEST_F(StoreStopTest, Stop_RacingCalls_AnswersEachOnce) {
  for (int round = 0; round < 5; ++round) {
    open(options("round" + std::to_string(round)));
    constexpr int kThreads = 3;
    std::atomic<bool> go_on{true};
    std::atomic<int> asked{0};
    std::atomic<int> answered{0};
    std::atomic<int> yes{0};
    std::promise<void> busy;
    std::vector<std::thread> threads;
    std::mutex keys_mutex;
    std::vector<std::string> acknowledged;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; go_on; ++i) {
          const std::string key = std::to_string(t) + "-" + std::to_string(i);
          ++asked;
          store().async_put(key, "v", {}, [&](const Result<PutResult>&) { ++answered; });
          const auto put = store().put("plain" + key, "v");
          if (put) {
            const std::lock_guard lock(keys_mutex);
            acknowledged.push_back("plain" + key);
          }
          if (put && ++yes == 20 + 10 * round) busy.set_value();
        }
      });
    }
    ASSERT_EQ(busy.get_future().wait_for(seconds{20}), std::future_status::ready);
    stop_in_time();
    go_on = false;
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(asked, answered);
    open(options("round" + std::to_string(round)));
    for (const std::string& key : acknowledged) EXPECT_EQ(get(key), "v") << key;
    close();
  }
}

TEST_F(StoreStopTest, Future_UnderWayAtStop_IsAnswered) {
  open();
  std::vector<std::future<Result<PutResult>>> futures;
  for (int i = 0; i < 100; ++i) {
    futures.push_back(
        async_put(store(), "k" + std::to_string(i), "v", {}, boost::asio::use_future));
  }
  stop_in_time();
  for (auto& future : futures) {
    ASSERT_EQ(future.wait_for(seconds{0}), std::future_status::ready) << "when stop() returns";
    const auto result = future.get();
    if (!result) {
      EXPECT_TRUE(result.error().code == Errc::kShuttingDown ||
                  result.error().code == Errc::kOutcomeUnknown)
          << result.error().message();
    }
  }
}

TEST_F(StoreStopTest, Member_Unfounded_StopsInTime) {
  auto opened = Store::open(member(1, "one"));
  ASSERT_TRUE(opened) << opened.error().message();
  Store lonely = std::move(opened.value());
  const auto waited = lonely.wait_ready(milliseconds{50});
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, Errc::kTimeout);
  EXPECT_FALSE(waited.error().detail.empty()) << "it says what is missing";
  // A thread that waits is told.
  std::thread waiter(
      [&] { EXPECT_EQ(lonely.wait_ready(seconds{60}).error().code, Errc::kShuttingDown); });
  const auto began = std::chrono::steady_clock::now();
  lonely.stop();
  EXPECT_LT(std::chrono::steady_clock::now() - began, kStopMax);
  waiter.join();
}

TEST_F(StoreStopTest, Member_StoppedRightAfterOpen_EndsInTime) {
  for (int i = 0; i < 5; ++i) {
    auto opened = Store::open(member(1, "one"));
    ASSERT_TRUE(opened) << opened.error().message();
    const auto began = std::chrono::steady_clock::now();
    opened->stop();
    EXPECT_LT(std::chrono::steady_clock::now() - began, kStopMax);
  }
}

TEST_F(StoreStopTest, Alone_DestroyedRightAfterOpen_EndsInTime) {
  for (int i = 0; i < 10; ++i) {
    const auto began = std::chrono::steady_clock::now();
    open();
    close();
    EXPECT_LT(std::chrono::steady_clock::now() - began, kStopMax);
  }
}

TEST_F(StoreStopTest, Destroyed_InACallback_EndsByItself) {
  // The store's last owner is its own callback: stop() on the loop's thread must not wait for it.
  auto opened = Store::open(options());
  ASSERT_TRUE(opened);
  auto owner = std::make_shared<std::optional<Store>>(std::move(opened.value()));
  std::promise<void> done;
  (*owner)->async_put("k", "v", {}, [owner, &done](const Result<PutResult>&) {
    owner->reset();
    done.set_value();
  });
  ASSERT_EQ(done.get_future().wait_for(seconds{20}), std::future_status::ready);
  // Its directory is free before long: opening again waits for that.
  const auto deadline = std::chrono::steady_clock::now() + seconds{10};
  for (;;) {
    auto again = Store::open(options());
    if (again) break;
    ASSERT_EQ(again.error().code, Errc::kLocked) << again.error().message();
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
  }
}

}  // namespace
}  // namespace cairn::kv
