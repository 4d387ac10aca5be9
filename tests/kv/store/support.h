// A directory of its own for each test, and a store in it.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <optional>
#include <string>
#include <utility>

#include "cairn/kv/store.h"

namespace cairn::kv {

using std::chrono::milliseconds;
using std::chrono::seconds;

class StoreFixture : public testing::Test {
 protected:
  StoreFixture() {
    std::string pattern = (std::filesystem::temp_directory_path() / "cairn-store-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  ~StoreFixture() override {
    store_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  [[nodiscard]] std::string directory(const std::string& name = "store") const {
    return (root_ / name).string();
  }
  [[nodiscard]] Options options(const std::string& name = "store") const {
    Options o;
    o.data_dir = directory(name);
    o.segment_bytes = 1u << 20;
    return o;
  }
  /// Opens `store`, or fails the test.
  Store& open(const Options& o) {
    store_.reset();
    auto opened = Store::open(o);
    EXPECT_TRUE(opened) << opened.error().message();
    store_.emplace(std::move(opened.value()));
    return *store_;
  }
  Store& open() { return open(options()); }
  Store& store() { return *store_; }
  void close() { store_.reset(); }

  static std::string value(const Result<std::optional<Item>>& got) {
    if (!got) return "? " + got.error().message();
    return *got ? (*got)->value : "-";
  }
  std::string get(const std::string& key) { return value(store().get(key)); }
  void put(const std::string& key, const std::string& v) {
    const auto result = store().put(key, v);
    EXPECT_TRUE(result) << result.error().message();
  }

 private:
  std::filesystem::path root_;
  std::optional<Store> store_;
};

/// A callback's answer, to be waited for.
template <class T>
class Promised {
 public:
  [[nodiscard]] Callback<T> callback() {
    return [promise = promise_](Result<T> r) { promise->set_value(std::move(r)); };
  }
  [[nodiscard]] Result<T> get() {
    if (future_.wait_for(seconds{20}) != std::future_status::ready) {
      ADD_FAILURE() << "a callback did not come";
      return Error(Errc::kInternal, "no answer");
    }
    return future_.get();
  }

 private:
  std::shared_ptr<std::promise<Result<T>>> promise_ = std::make_shared<std::promise<Result<T>>>();
  std::future<Result<T>> future_ = promise_->get_future();
};

}  // namespace cairn::kv
