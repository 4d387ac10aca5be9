// The async_ forms, with callbacks and with completion tokens, and who may call on the loop.
#include "cairn/kv/async.h"

#include <atomic>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/kv/store/support.h"

namespace cairn::kv {
namespace {

namespace asio = boost::asio;

class StoreAsyncTest : public StoreFixture {
 protected:
  /// Runs `work` on the loop's thread and waits for it.
  template <class Work>
  void on_loop(Work work) {
    std::promise<void> done;
    asio::post(loop_executor(store()), [&] {
      work();
      done.set_value();
    });
    ASSERT_EQ(done.get_future().wait_for(seconds{20}), std::future_status::ready);
  }
};

TEST_F(StoreAsyncTest, Callbacks_AllForms_RunOnTheLoop) {
  open();
  std::thread::id loop;
  on_loop([&] { loop = std::this_thread::get_id(); });
  std::promise<std::thread::id> ran;
  store().async_put("a", "1", {}, [&](const Result<PutResult>& r) {
    EXPECT_TRUE(r);
    ran.set_value(std::this_thread::get_id());
  });
  EXPECT_EQ(ran.get_future().get(), loop);

  Promised<BatchResult> batch;
  store().async_write(WriteBatch().put("b", "2").put("c", "3"), {}, batch.callback());
  EXPECT_TRUE(batch.get());
  Promised<ReadResult> read;
  store().async_get("b", {}, read.callback());
  EXPECT_EQ(read.get()->item->value, "2");
  Promised<ScanResult> scan;
  store().async_scan({}, scan.callback());
  EXPECT_EQ(scan.get()->items.size(), 3u);
  Promised<RemoveResult> removed;
  store().async_remove("a", {}, removed.callback());
  EXPECT_TRUE(removed.get()->deleted);
  Promised<RemovePrefixResult> prefix;
  store().async_remove_prefix("b", {}, prefix.callback());
  EXPECT_EQ(prefix.get()->deleted, 1u);
}

TEST_F(StoreAsyncTest, UseFuture_AllForms_Answer) {
  open();
  auto put_future = async_put(store(), "k", "v", {}, asio::use_future);
  EXPECT_TRUE(put_future.get());
  auto get_future = async_get(store(), "k", {}, asio::use_future);
  EXPECT_EQ(get_future.get()->item->value, "v");
  EXPECT_TRUE(async_write(store(), WriteBatch().put("b", "1"), {}, asio::use_future).get());
  EXPECT_EQ(async_scan(store(), {}, asio::use_future).get()->items.size(), 2u);
  EXPECT_TRUE(async_remove(store(), "k", {}, asio::use_future).get());
  EXPECT_TRUE(async_remove_prefix(store(), "b", {}, asio::use_future).get());
  EXPECT_FALSE(async_put(store(), "", "v", {}, asio::use_future).get());
}

TEST_F(StoreAsyncTest, BoundExecutor_Handler_RunsThere) {
  open();
  asio::io_context mine;
  bool ran = false;
  async_put(store(), "k", "v", {},
            asio::bind_executor(mine, [&](const Result<PutResult>& r) { ran = r.has_value(); }));
  mine.run();  // the work guard keeps it until the answer is here
  EXPECT_TRUE(ran);
}

TEST_F(StoreAsyncTest, PlainCalls_OnTheLoop_AreRefused) {
  open();
  on_loop([&] {
    EXPECT_EQ(store().put("k", "v").error().code, Errc::kBadRequest);
    EXPECT_EQ(store().get("k").error().code, Errc::kBadRequest);
    EXPECT_EQ(store().scan({}).error().code, Errc::kBadRequest);
    EXPECT_EQ(store().snapshot().error().code, Errc::kBadRequest);
    EXPECT_EQ(store().wait_ready(seconds{1}).error().code, Errc::kBadRequest);
    EXPECT_TRUE(store().not_ready_reasons().empty()) << "looking is allowed";
    EXPECT_EQ(store().cluster().node, 1u);
    EXPECT_EQ(store().ring("k").partition, 0u);
    EXPECT_FALSE(store().metrics().empty());
  });
  EXPECT_EQ(get("k"), "-");
}

TEST_F(StoreAsyncTest, Callback_CallsAgain_WithoutEnd) {
  open();
  constexpr int kCalls = 300;
  std::promise<void> done;
  int calls = 0;
  std::function<void(Result<PutResult>)> again = [&](const Result<PutResult>& r) {
    EXPECT_TRUE(r);
    if (++calls == kCalls) return done.set_value();
    store().async_put("k" + std::to_string(calls), "v", {}, again);
  };
  store().async_put("k0", "v", {}, again);
  ASSERT_EQ(done.get_future().wait_for(seconds{30}), std::future_status::ready);
  EXPECT_EQ(get("k299"), "v");
}

TEST_F(StoreAsyncTest, Callback_Throws_IsItsOwnMatter) {
  Options o = options();
  std::atomic<int> errors{0};
  std::atomic<int> failures{0};
  o.log = [&](const LogLine& line) { errors += line.level == LogLine::Level::kError ? 1 : 0; };
  o.on_failure = [&](const Error&) { ++failures; };
  open(o);
  store().async_put("k", "v", {},
                    [](const Result<PutResult>&) { throw std::runtime_error("mine"); });
  put("after", "v");
  EXPECT_EQ(get("after"), "v");
  EXPECT_EQ(errors, 1);
  EXPECT_EQ(failures, 0);
  close();
}

TEST_F(StoreAsyncTest, Storm_FromManyThreads_IsAnsweredInFull) {
  open();
  constexpr int kThreads = 4;
  constexpr int kCalls = 500;
  std::atomic<int> yes{0};
  std::atomic<int> no{0};
  std::promise<void> all;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kCalls; ++i) {
        store().async_put("k" + std::to_string(t * kCalls + i), "v", {},
                          [&](const Result<PutResult>& r) {
                            ++(r ? yes : no);
                            if (yes + no == kThreads * kCalls) all.set_value();
                          });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(all.get_future().wait_for(seconds{60}), std::future_status::ready);
  EXPECT_EQ(yes, kThreads * kCalls) << "2,000 small writes are within every bound";
}

}  // namespace
}  // namespace cairn::kv
