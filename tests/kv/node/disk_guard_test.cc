#include "kv/node/disk_guard.h"

#include <gtest/gtest.h>

namespace cairn::kv {
namespace {

constexpr std::uint64_t kMiB = 1u << 20;

TEST(DiskGuard, RoomForAll_LetsWritesPass) {
  DiskGuard guard;
  guard.seen({50 * kMiB, 100 * kMiB}, 0, 0);
  EXPECT_FALSE(guard.low());
}

TEST(DiskGuard, WhatIsNotFlushed_MustFit) {
  DiskGuard guard;
  guard.seen({50 * kMiB, 100 * kMiB}, 30 * kMiB, 0);
  EXPECT_TRUE(guard.low());
  EXPECT_FALSE(guard.exhausted()) << "deletes still fit";
  guard.seen({40 * kMiB, 100 * kMiB}, 30 * kMiB, 0);
  EXPECT_TRUE(guard.exhausted());
}

TEST(DiskGuard, TablesWrittenAnew_MustFit) {
  DiskGuard guard;
  guard.seen({30 * kMiB, 100 * kMiB}, 0, 0);
  EXPECT_FALSE(guard.low());
  guard.seen({30 * kMiB, 100 * kMiB}, 0, 20 * kMiB);
  EXPECT_TRUE(guard.low());
}

TEST(DiskGuard, LargeDisk_KeepsABoundedReserve) {
  DiskGuard guard;
  guard.seen({400 * kMiB, 1'000'000 * kMiB}, 10 * kMiB, 900'000 * kMiB);
  EXPECT_FALSE(guard.low());
  guard.seen({60 * kMiB, 1'000'000 * kMiB}, 0, 0);
  EXPECT_TRUE(guard.low());
}

TEST(DiskGuard, OnceLow_WantsALittleMore) {
  DiskGuard guard;
  guard.seen({12 * kMiB, 100 * kMiB}, 0, 0);
  EXPECT_TRUE(guard.low());
  guard.seen({13 * kMiB, 100 * kMiB}, 0, 0);
  EXPECT_TRUE(guard.low());
  guard.seen({15 * kMiB, 100 * kMiB}, 0, 0);
  EXPECT_FALSE(guard.low());
}

}  // namespace
}  // namespace cairn::kv
