#include "kv/node/disk_guard.h"

#include <gtest/gtest.h>

namespace cairn::kv {
namespace {

constexpr std::uint64_t kMiB = 1u << 20;

/// Of 100 MiB, an eighth is kept in reserve; a segment is 4 MiB: 16.5 MiB are always wanted.
struct SmallDisk {
  DiskGuard guard{4 * kMiB};
  void seen(std::uint64_t free, std::uint64_t unflushed = 0, std::uint64_t tables = 0) {
    guard.seen({free * kMiB, 100 * kMiB}, unflushed * kMiB, tables * kMiB);
  }
};

TEST(DiskGuard, NothingSeenYet_LetsWritesPass) {
  SmallDisk disk;
  disk.guard.took(1'000 * kMiB);
  EXPECT_FALSE(disk.guard.low());
}

TEST(DiskGuard, RoomForAll_LetsWritesPass) {
  SmallDisk disk;
  disk.seen(17);
  EXPECT_FALSE(disk.guard.low());
  disk.seen(16);
  EXPECT_TRUE(disk.guard.low());
  EXPECT_FALSE(disk.guard.exhausted()) << "deletes still fit";
}

TEST(DiskGuard, Unflushed_MustFitOnceFlushedAndCompacted) {
  SmallDisk disk;
  disk.seen(42, 10);
  EXPECT_FALSE(disk.guard.low());
  disk.seen(41, 10);
  EXPECT_TRUE(disk.guard.low());
  disk.seen(14, 10);
  EXPECT_TRUE(disk.guard.exhausted()) << "not even the flush fits";
}

TEST(DiskGuard, Tables_MustFitASecondTime) {
  SmallDisk disk;
  disk.seen(37, 0, 20);
  EXPECT_FALSE(disk.guard.low());
  disk.seen(36, 0, 20);
  EXPECT_TRUE(disk.guard.low());
}

TEST(DiskGuard, WhatIsTakenBetweenTwoLooks_Counts) {
  SmallDisk disk;
  disk.seen(24);
  disk.guard.took(2 * kMiB);
  EXPECT_FALSE(disk.guard.low());
  disk.guard.took(1 * kMiB);
  EXPECT_TRUE(disk.guard.low());
}

TEST(DiskGuard, LargeDisk_KeepsABoundedReserve) {
  DiskGuard guard(64 * kMiB);
  guard.seen({500 * kMiB, 1'000'000 * kMiB}, 10 * kMiB, 900'000 * kMiB);
  EXPECT_FALSE(guard.low());
  guard.seen({300 * kMiB, 1'000'000 * kMiB}, 10 * kMiB, 900'000 * kMiB);
  EXPECT_TRUE(guard.low());
}

TEST(DiskGuard, OnceLow_WantsALittleMore) {
  SmallDisk disk;
  disk.seen(16);
  EXPECT_TRUE(disk.guard.low());
  disk.seen(17);
  EXPECT_TRUE(disk.guard.low());
  disk.seen(19);
  EXPECT_FALSE(disk.guard.low());
}

}  // namespace
}  // namespace cairn::kv
