// Scans, and moments that stay as they were.
#include "tests/kv/engine/fixture.h"

namespace cairn::kv::test {
namespace {

class ViewTest : public EngineTest {
 protected:
  EngineView::Page scan(const EngineView::Range& range) {
    return engine_->view()->scan(kGroup, range).value();
  }
  static std::string names(const EngineView::Page& page) {
    std::string out;
    for (const Item& item : page.items) out += item.key + " ";
    return out;
  }
  void write_letters() {
    for (const char* key : {"a", "b", "c", "d", "e"}) run(put(key, std::string("value of ") + key));
  }
};

TEST_F(ViewTest, Scan_Bounds_AreHalfOpen) {
  write_letters();
  EXPECT_EQ(names(scan({})), "a b c d e ");
  EXPECT_EQ(names(scan({.start = "b", .end = "d"})), "b c ");
  EXPECT_EQ(names(scan({.start = "b0"})), "c d e ");
  EXPECT_EQ(names(scan({.end = "a"})), "");
}

TEST_F(ViewTest, Scan_Reverse_GoesDownFromTheEnd) {
  write_letters();
  EXPECT_EQ(names(scan({.reverse = true})), "e d c b a ");
  EXPECT_EQ(names(scan({.start = "b", .end = "d", .reverse = true})), "c b ");
  EXPECT_EQ(names(scan({.end = "zz", .limit = 2, .reverse = true})), "e d ");
}

TEST_F(ViewTest, Scan_Reverse_OfTheLastGroupInTheDatabase_FindsItsEnd) {
  ASSERT_TRUE(engine_->create_group(0xffffffff, three_voters(), 0));
  const ApplyItem item{0xffffffff, command_entry(1, 4096, put("\xff\xff", "v"))};
  ASSERT_TRUE(engine_->apply(std::span(&item, 1)));
  const auto page = engine_->view()->scan(0xffffffff, {.reverse = true}).value();
  ASSERT_EQ(page.items.size(), 1u);
  EXPECT_EQ(page.items[0].key, "\xff\xff");
}

TEST_F(ViewTest, Scan_Limit_SaysWhetherThereIsMore) {
  write_letters();
  const EngineView::Page some = scan({.limit = 2});
  EXPECT_EQ(names(some), "a b ");
  EXPECT_TRUE(some.more);
  EXPECT_EQ(some.last_key, "b");
  EXPECT_FALSE(scan({.limit = 5}).more);
}

TEST_F(ViewTest, Scan_Bytes_StopAfterTheItemThatPassesThem) {
  write_letters();
  const EngineView::Page page = scan({.bytes_max = 1});
  EXPECT_EQ(names(page), "a ");
  EXPECT_TRUE(page.more);
}

TEST_F(ViewTest, Scan_KeysOnly_HasMetadataAndNoValues) {
  write_letters();
  const EngineView::Page page = scan({.limit = 1, .keys_only = true});
  EXPECT_EQ(page.items[0].value, "");
  EXPECT_EQ(page.items[0].version, 1u);
  EXPECT_NE(page.items[0].mod_revision, 0u);
}

TEST_F(ViewTest, Scan_CountOnly_CountsInSteps) {
  write_letters();
  const EngineView::Page step = scan({.limit = 3, .count_only = true});
  EXPECT_EQ(step.count, 3u);
  EXPECT_TRUE(step.items.empty());
  EXPECT_EQ(step.last_key, "c");
  EXPECT_EQ(scan({.start = step.last_key + '\0', .count_only = true}).count, 2u);
}

TEST_F(ViewTest, View_StaysAsItWas_WithItsIndexAndRevision) {
  write_letters();
  const Revision revision = last_revision();
  const std::unique_ptr<EngineView> view = engine_->view();
  run(put("a", "later"));
  run(remove("b"));
  ASSERT_TRUE(flush());
  EXPECT_EQ(view->applied(kGroup), 5u);
  EXPECT_EQ(view->revision(kGroup), revision);
  EXPECT_EQ(view->get(kGroup, "a").value()->value, "value of a");
  EXPECT_TRUE(view->get(kGroup, "b").value());
  EXPECT_EQ(names(view->scan(kGroup, {}).value()), "a b c d e ");
  EXPECT_EQ(value("b"), "<none>");
}

TEST_F(ViewTest, UnknownGroup_IsSaidSo) {
  const auto view = engine_->view();
  EXPECT_EQ(view->get(99, "k").error(), EngineError::kNoGroup);
  EXPECT_EQ(view->scan(99, {}).error(), EngineError::kNoGroup);
  EXPECT_EQ(view->applied(99), 0u);
}

TEST_F(ViewTest, DamagedValue_IsCorruptionNotAnAnswer) {
  run(put("a", std::string(5000, 'y')));  // the heads of the groups share its block
  run(put("k", std::string(5000, 'x')));
  ASSERT_TRUE(flush());
  close();
  for (const auto& [path, bytes] : disk_.image().files) {
    const std::size_t at = bytes.find("xxxxxxxx");
    if (at != std::string::npos) disk_.flip_bit(path, at + 100, 3);
  }
  open();
  const auto item = engine_->get(kGroup, "k");
  ASSERT_FALSE(item);
  EXPECT_EQ(item.error(), EngineError::kCorrupt);
  EXPECT_TRUE(engine_->metrics().failed);
}

}  // namespace
}  // namespace cairn::kv::test
