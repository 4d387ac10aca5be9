#include "kv/engine/metadata_table.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/kv/engine/stream.h"

namespace cairn::kv::test {
namespace {

TEST(MetadataTableTest, Entry_IsFoundByGroupGenerationAndKey) {
  MetadataTable table(1u << 20);
  table.add(1, 2, "k").version = 9;
  EXPECT_EQ(table.find(1, 2, "k")->version, 9u);
  EXPECT_EQ(table.find(2, 2, "k"), nullptr);
  EXPECT_EQ(table.find(1, 3, "k"), nullptr);
  EXPECT_EQ(table.find(1, 2, "kk"), nullptr);
}

TEST(MetadataTableTest, Trim_Bounds_AndKeepsWhatIsUsed) {
  MetadataTable table(64 * 100);
  table.add(1, 1, "hot");
  for (int i = 0; i < 1000; ++i) {
    table.add(1, 1, "key" + std::to_string(i));
    ASSERT_NE(table.find(1, 1, "hot"), nullptr);
    table.trim();
    ASSERT_LE(table.bytes(), 64u * 100u);
  }
  EXPECT_EQ(table.find(1, 1, "key0"), nullptr);
}

TEST(MetadataTableTest, SizeZero_HoldsABatchUntilItIsTrimmed) {
  MetadataTable table(0);
  for (int i = 0; i < 500; ++i) table.add(1, 1, std::to_string(i));
  for (int i = 0; i < 500; ++i) ASSERT_NE(table.find(1, 1, std::to_string(i)), nullptr);
  table.trim();
  EXPECT_EQ(table.bytes(), 0u);
  EXPECT_EQ(table.find(1, 1, "7"), nullptr);
}

TEST(MetadataTableTest, Forget_DropsOneGenerationAlone) {
  MetadataTable table(1u << 20);
  for (int i = 0; i < 300; ++i) {
    table.add(1, 1 + static_cast<std::uint64_t>(i % 3), std::to_string(i));
  }
  table.forget(1, 2);
  for (int i = 0; i < 300; ++i) {
    const std::uint64_t generation = 1 + static_cast<std::uint64_t>(i % 3);
    EXPECT_EQ(table.find(1, generation, std::to_string(i)) != nullptr, generation != 2);
  }
  table.forget(1, 1);
  table.forget(1, 3);
  EXPECT_EQ(table.bytes(), 0u);
}

TEST(MetadataTableTest, ForgottenKey_IsUnknown_AndItsMemoryGoesWithTheOthers) {
  for (const int gone : {0, 1, 2}) {  // the hand's, one between, the newest
    MetadataTable table(0);
    for (int i = 0; i < 3; ++i) table.add(1, 1, std::to_string(i));
    table.forget(1, 1, std::to_string(gone));
    for (int i = 0; i < 3; ++i)
      EXPECT_EQ(table.find(1, 1, std::to_string(i)) != nullptr, i != gone);
    table.add(1, 1, std::to_string(gone)).version = 5;
    EXPECT_EQ(table.find(1, 1, std::to_string(gone))->version, 5u);
    table.trim();
    EXPECT_EQ(table.bytes(), 0u);
  }
}

TEST(MetadataTableTest, RandomUse_NeverTellsWhatWasNotWritten) {
  MetadataTable table(9000);
  std::map<std::string, std::uint64_t> truth;
  Random random(3);
  for (int i = 0; i < 20'000; ++i) {
    const std::string key = std::to_string(random.below(400));
    MetadataTable::Entry* entry = table.find(1, 1, key);
    if (entry != nullptr) {
      ASSERT_EQ(entry->version, truth[key]) << "step " << i;
    } else {
      entry = &table.add(1, 1, key);
    }
    entry->version = truth[key] = random.next();
    if (random.one_in(7)) {
      table.forget(1, 1, key);
      ASSERT_EQ(table.find(1, 1, key), nullptr) << "step " << i;
    }
    if (random.one_in(5)) table.trim();
    if (random.one_in(500)) table.forget(1, 1);
  }
}

}  // namespace
}  // namespace cairn::kv::test
