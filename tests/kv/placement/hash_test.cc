#include "kv/placement/hash.h"

#include <gtest/gtest.h>

#include <random>
#include <stdexcept>
#include <string>

namespace cairn::kv {
namespace {

TEST(Hash_Tag, Rule_IsThatOfTheContract) {
  EXPECT_EQ(hashed_part("{user1}.name"), "user1");
  EXPECT_EQ(hashed_part("x{user1}y{z}"), "user1");
  EXPECT_EQ(hashed_part("a{{b}}c"), "{b");
  EXPECT_EQ(hashed_part("}a{b}"), "b");
  for (const char* whole : {"", "plain", "a{}b", "{}", "a{b", "}a{", "{", "}", "a{}{b}"}) {
    EXPECT_EQ(hashed_part(whole), whole);
  }
}

TEST(Hash_Partition, KeysWithOneTag_GoTogether) {
  for (int i = 0; i < 100; ++i) {
    const std::string tag = "{t" + std::to_string(i) + "}";
    EXPECT_EQ(partition_of(tag + "a", 64, {}), partition_of("b" + tag, 64, {}));
    EXPECT_EQ(partition_of(tag, 64, {}), partition_of("t" + std::to_string(i), 64, {}));
  }
}

// Data lies where this says: these values may never change.
TEST(Hash_Partition, KnownKeys_StayWhereTheyAre) {
  EXPECT_EQ(hash_bytes("", {}), 0x2d06800538d394c2u);  // XXH3-64 of nothing
  EXPECT_EQ(hash_bytes("a", {}), 0xe6c632b61e964e1fu);
  EXPECT_EQ(hash_bytes("a", {.id = kHashXxh3, .seed = 5}), 0x279ea5e9e34a4886u);
  EXPECT_EQ(partition_of("a", 1024, {}), 923u);
  EXPECT_EQ(partition_of("key-1", 1024, {}), 180u);
  EXPECT_EQ(partition_of("{user1}.name", 1024, {}), 959u);
}

TEST(Hash_Partition, Intervals_TileTheCircle) {
  for (std::uint32_t n = 1; n <= 4096; n += n < 70 ? 1 : 97) {
    EXPECT_EQ(partition_start(0, n), 0u);
    for (std::uint32_t p = 0; p < n; ++p) {
      const std::uint64_t start = partition_start(p, n);
      ASSERT_EQ(partition_at(start, n), p);
      if (p > 0) {
        ASSERT_EQ(partition_at(start - 1, n), p - 1);
      }
    }
    EXPECT_EQ(partition_at(~std::uint64_t{0}, n), n - 1);
  }
}

TEST(Hash_Partition, Doubling_SplitsEachInTwo) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t position = random();
    EXPECT_EQ(partition_at(position, 64), partition_at(position, 128) / 2);
  }
}

TEST(Hash_Bytes, UnknownHashId_IsABrokenInvariant) {
  EXPECT_THROW((void)hash_bytes("k", {.id = 2, .seed = 0}), std::logic_error);
}

}  // namespace
}  // namespace cairn::kv
