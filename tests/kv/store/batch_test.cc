// Batches, and partitions.
#include "tests/kv/store/support.h"

namespace cairn::kv {
namespace {

class StoreBatchTest : public StoreFixture {};

TEST_F(StoreBatchTest, Batch_PutsAndRemoves_AreOneRevision) {
  open();
  put("old", "v");
  const auto result = store().write(WriteBatch().put("a", "1").put("b", "2").remove("old"));
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->deleted, 1u);
  EXPECT_EQ(store().get("a").value()->mod_revision, result->revision);
  EXPECT_EQ(store().get("b").value()->mod_revision, result->revision);
  EXPECT_EQ(get("old"), "-");
}

TEST_F(StoreBatchTest, Batch_EmptyOrTooMany_IsRefused) {
  open();
  EXPECT_EQ(store().write(WriteBatch()).error().code, Errc::kBadRequest);
  WriteBatch many;
  for (int i = 0; i < 1025; ++i) many.put("k" + std::to_string(i), "v");
  EXPECT_EQ(store().write(many).error().code, Errc::kTooLarge);
}

TEST_F(StoreBatchTest, Batch_AcrossPartitions_NeedsATag) {
  Options o = options();
  o.partitions = 8;
  open(o);
  WriteBatch spread;
  for (int i = 0; i < 20; ++i) spread.put("k" + std::to_string(i), "v");
  const auto refused = store().write(spread);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kCrossPartition);
  EXPECT_EQ(get("k0"), "-") << "all or nothing";
  WriteBatch tagged;
  for (int i = 0; i < 20; ++i) tagged.put("{tag}k" + std::to_string(i), "v");
  const auto written = store().write(tagged);
  ASSERT_TRUE(written) << written.error().message();
  EXPECT_EQ(get("{tag}k19"), "v");
}

TEST_F(StoreBatchTest, RemovePrefix_CursorLongerThanAnyKey_RefusedAndServesOn) {
  open(options());
  RemovePrefixOptions step;
  step.cursor = "10-612f";  // version 1, partition 0, key "a/..."
  for (int i = 0; i < 5000; ++i) step.cursor += "61";
  EXPECT_EQ(store().remove_prefix("a/", step).error().code, Errc::kBadRequest);
  EXPECT_TRUE(store().put("still", "serving"));
}

TEST_F(StoreBatchTest, RemovePrefix_InSteps_RemovesThatPrefixOnly) {
  Options o = options();
  o.partitions = 3;
  open(o);
  for (int i = 0; i < 50; ++i) {
    put("a/" + std::to_string(i), "v");
    put("b/" + std::to_string(i), "v");
  }
  RemovePrefixOptions step;
  step.limit = 7;
  std::uint64_t deleted = 0;
  int steps = 0;
  for (;;) {
    const auto result = store().remove_prefix("a/", step);
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_LE(result->deleted, 7u);
    deleted += result->deleted;
    ASSERT_LT(++steps, 100);
    if (!result->next) break;
    step.cursor = *result->next;
  }
  EXPECT_EQ(deleted, 50u);
  ScanOptions count;
  count.count_only = true;
  count.prefix = "a/";
  EXPECT_EQ(store().scan(count).value().count, 0u);
  count.prefix = "b/";
  EXPECT_EQ(store().scan(count).value().count, 50u);
  EXPECT_EQ(store().remove_prefix("").error().code, Errc::kBadRequest);
}

TEST_F(StoreBatchTest, Partitions_OtherNumberLater_IsAConfigurationError) {
  Options o = options();
  o.partitions = 3;
  open(o);
  close();
  o.partitions = 4;
  const auto refused = Store::open(o);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kConfiguration) << refused.error().message();
  o.partitions = 0;
  open(o);
  EXPECT_EQ(store().cluster().partitions.size(), 3u);
}

}  // namespace
}  // namespace cairn::kv
