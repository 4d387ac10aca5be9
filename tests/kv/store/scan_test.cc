// Ranges, over one partition and over several.
#include <algorithm>
#include <vector>

#include "tests/kv/store/support.h"

namespace cairn::kv {
namespace {

class StoreScanTest : public StoreFixture, public testing::WithParamInterface<int> {
 protected:
  void SetUp() override {
    Options o = options();
    o.partitions = static_cast<std::uint32_t>(GetParam());
    open(o);
    for (int i = 100; i < 140; ++i) put("k" + std::to_string(i), "v" + std::to_string(i));
    put("j", "before");
    put("l", "after");
  }
  std::vector<std::string> keys(ScanOptions options) {
    const auto result = store().scan(std::move(options));
    EXPECT_TRUE(result) << result.error().message();
    std::vector<std::string> all;
    if (result) {
      for (const Item& item : result->items) all.push_back(item.key);
    }
    return all;
  }
};

TEST_P(StoreScanTest, Prefix_Whole_IsOrdered) {
  ScanOptions range;
  range.prefix = "k";
  const auto all = keys(range);
  ASSERT_EQ(all.size(), 40u);
  for (std::size_t i = 0; i < 40; ++i) EXPECT_EQ(all[i], "k" + std::to_string(100 + i));
}

TEST_P(StoreScanTest, StartAndEnd_AreHalfOpen) {
  ScanOptions range;
  range.start = "k105";
  range.end = "k108";
  EXPECT_EQ(keys(range), (std::vector<std::string>{"k105", "k106", "k107"}));
  range.reverse = true;
  EXPECT_EQ(keys(range), (std::vector<std::string>{"k107", "k106", "k105"}));
}

TEST_P(StoreScanTest, Cursor_InPages_GivesEachKeyOnce) {
  for (const bool reverse : {false, true}) {
    ScanOptions range;
    range.prefix = "k";
    range.limit = 7;
    range.reverse = reverse;
    std::vector<std::string> all;
    for (int page = 0; page < 20; ++page) {
      const auto result = store().scan(range);
      ASSERT_TRUE(result) << result.error().message();
      EXPECT_LE(result->items.size(), 7u);
      for (const Item& item : result->items) all.push_back(item.key);
      if (!result->next) break;
      range.cursor = *result->next;
    }
    ASSERT_EQ(all.size(), 40u);
    if (reverse) std::reverse(all.begin(), all.end());
    for (std::size_t i = 0; i < 40; ++i) EXPECT_EQ(all[i], "k" + std::to_string(100 + i));
  }
}

TEST_P(StoreScanTest, KeysOnlyAndCount_LeaveTheValuesOut) {
  ScanOptions range;
  range.prefix = "k";
  range.keys_only = true;
  const auto result = store().scan(range).value();
  ASSERT_EQ(result.items.size(), 40u);
  EXPECT_EQ(result.items[0].value, "");
  range.keys_only = false;
  range.count_only = true;
  range.limit = 3;
  EXPECT_EQ(store().scan(range).value().count, 40u);
}

TEST_P(StoreScanTest, Limits_OutOfRange_AreRefused) {
  ScanOptions range;
  range.limit = 0;
  EXPECT_EQ(store().scan(range).error().code, Errc::kBadRequest);
  range.limit = 10'001;
  EXPECT_EQ(store().scan(range).error().code, Errc::kBadRequest);
  range.limit = 1;
  range.cursor = "no cursor of ours";
  EXPECT_EQ(store().scan(range).error().code, Errc::kBadRequest);
}

INSTANTIATE_TEST_SUITE_P(Partitions, StoreScanTest, testing::Values(1, 5));

}  // namespace
}  // namespace cairn::kv
