// Cursors, ranges, and the merge of what partitions answer.
#include "kv/node/scans.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace cairn::kv {
namespace {

using Content = std::map<std::string, std::string>;

/// A partition's content, answering pages by the rules of EngineView::scan.
class FakeView final : public EngineView {
 public:
  explicit FakeView(Content content) : content_(std::move(content)) {}
  boost::system::result<std::optional<Item>> get(raft::GroupId, std::string_view) const override {
    return std::optional<Item>();
  }
  boost::system::result<Page> scan(raft::GroupId, const Range& range) const override {
    ++scans;
    Page page;
    std::size_t bytes = 0;
    std::vector<std::pair<std::string, std::string>> all(content_.begin(), content_.end());
    if (range.reverse) std::reverse(all.begin(), all.end());
    for (const auto& [key, value] : all) {
      if (key < range.start || (!range.end.empty() && key >= range.end)) continue;
      if ((range.limit != 0 && page.count == range.limit) || bytes > range.bytes_max) {
        page.more = true;
        return page;
      }
      ++page.count;
      bytes += key.size() + value.size();
      page.last_key = key;
      if (!range.count_only) page.items.push_back({key, range.keys_only ? "" : value, 1, 1, 1});
    }
    page.last_key.clear();
    return page;
  }
  Revision revision(raft::GroupId) const override { return 1; }
  raft::Index applied(raft::GroupId) const override { return 1; }

  mutable int scans = 0;

 private:
  Content content_;
};

TEST(Cursor, AnyKey_RoundTrip) {
  for (const std::string& key :
       std::vector<std::string>{"", "a", std::string("\0\xff-", 3), std::string(4096, 'z')}) {
    const auto back = decode_cursor(encode_cursor({4095, key}));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->partition, 4095u);
    EXPECT_EQ(back->key, key);
  }
}

TEST(Cursor, Hostile_IsRefused) {
  for (const char* text :
       {"", "1", "10", "1-", "1-61",
        "2"
        "0-61",
        "10-6", "10-6g", "10-6A", "1x-61", "1 1-61", "1-1-61", "11234567-61", "10--61", "0-61"})
    EXPECT_FALSE(decode_cursor(text)) << text;
  EXPECT_FALSE(decode_cursor("10-" + std::string(40'000, '6')));
}

TEST(RangeOf, PrefixAndStart_ExcludeEachOther) {
  ScanOptions options;
  options.prefix = "p";
  options.start = "a";
  EXPECT_EQ(range_of(options).error().code, Errc::kBadRequest);
}

TEST(RangeOf, Limit_OneToTenThousand) {
  ScanOptions options;
  for (const std::uint32_t limit : {0u, 10'001u}) {
    options.limit = limit;
    EXPECT_EQ(range_of(options).error().code, Errc::kBadRequest);
  }
  options.limit = 10'000;
  EXPECT_TRUE(range_of(options));
}

TEST(RangeOf, Prefix_EndsBeforeTheNextOne) {
  ScanOptions options;
  options.prefix = "ab";
  EXPECT_EQ(range_of(options)->start, "ab");
  EXPECT_EQ(range_of(options)->end, "ac");
  options.prefix = "\xff";
  EXPECT_EQ(range_of(options)->end, "");
}

TEST(RangeOf, CursorForward_GoesOnAfterIt_Reverse_Before) {
  ScanOptions options;
  options.start = "a";
  options.end = "x";
  options.cursor = encode_cursor({0, "m"});
  EXPECT_EQ(range_of(options)->start, std::string("m\0", 2));
  EXPECT_EQ(range_of(options)->end, "x");
  options.reverse = true;
  EXPECT_EQ(range_of(options)->start, "a");
  EXPECT_EQ(range_of(options)->end, "m");
}

TEST(RangeOf, CursorOfAnotherRange_IsRefused) {
  ScanOptions options;
  options.prefix = "p";
  for (const char* key : {"a", "q", ""}) {
    options.cursor = encode_cursor({0, key});
    EXPECT_EQ(range_of(options).error().code, Errc::kBadRequest) << key;
  }
}

TEST(RangeOf, EmptyCursorOfAWholeReverseScan_DoesNotBeginAnew) {
  ScanOptions options;
  options.reverse = true;
  options.cursor = encode_cursor({0, ""});
  EXPECT_EQ(range_of(options).error().code, Errc::kBadRequest);
}

TEST(Merge, PageCutShort_NothingBeyondItsLastKey) {
  PageReply cut, whole;
  cut.page.items = {{"b", "", 1, 1, 1}};
  cut.page.more = true;
  cut.page.last_key = "b";
  cut.revision = 9;
  whole.page.items = {{"a", "", 1, 1, 1}, {"c", "", 1, 1, 1}};
  whole.revision = 5;
  const ScanResult result = merge_pages({}, {cut, whole});
  ASSERT_EQ(result.items.size(), 2u);
  EXPECT_EQ(result.items[1].key, "b");
  EXPECT_EQ(result.revision, 9u);
  ASSERT_TRUE(result.next);
  EXPECT_EQ(decode_cursor(*result.next)->key, "b");
}

TEST(Merge, PeerSaysMoreWithoutItems_TheScanGoesOn) {
  PageReply strange;
  strange.page.more = true;
  strange.page.last_key = "m";
  const ScanResult result = merge_pages({}, {strange});
  ASSERT_TRUE(result.next);
  EXPECT_EQ(decode_cursor(*result.next)->key, "m");
}

TEST(ScanFully, Count_GoesOverManyPages_BothWays) {
  Content content;
  for (int i = 0; i < 300; ++i) content["k" + std::to_string(1000 + i)] = std::string(50, 'v');
  FakeView view(content);
  for (const bool reverse : {false, true}) {
    view.scans = 0;
    EngineView::Range range;
    range.start = "k1001";
    range.end = "k1299";
    range.bytes_max = 1000;
    range.limit = 1;
    range.count_only = true;
    range.reverse = reverse;
    EXPECT_EQ(scan_fully(view, 1, range)->count, 298u);
    EXPECT_GT(view.scans, 5);
  }
}

/// Follows the cursors to the end; what comes must be what one sorted map would give.
void scan_matches_brute_force(std::mt19937& random) {
  const std::size_t partitions = 1 + random() % 5;
  std::vector<Content> parts(partitions);
  Content all;
  for (unsigned n = random() % 120; n > 0; --n) {
    std::string key(1 + random() % 3, ' ');
    for (char& c : key) c = static_cast<char>("ab\xff\x00z"[random() % 5]);
    const std::string value(random() % 400, 'v');
    Content& part = parts[std::hash<std::string>()(key) % partitions];
    part[key] = value;
    all[key] = value;
  }
  ScanOptions options;
  options.limit = 1 + random() % 20;
  options.reverse = random() % 2 == 0;
  options.keys_only = random() % 3 == 0;
  if (random() % 2 == 0) {
    options.prefix = std::string(1, "ab\xff"[random() % 3]);
  } else {
    options.start = random() % 2 == 0 ? "a" : "";
    options.end = random() % 2 == 0 ? "z" : "";
  }
  const auto whole = range_of(options);
  std::vector<std::string> wanted;
  for (const auto& [key, value] : all)
    if (key >= whole->start && (whole->end.empty() || key < whole->end)) wanted.push_back(key);
  if (options.reverse) std::reverse(wanted.begin(), wanted.end());

  std::vector<raft::GroupId> groups;
  for (raft::GroupId g = 1; g <= partitions; ++g) groups.push_back(g);
  const std::size_t cut = 1 + random() % 600;
  std::vector<std::string> got;
  for (int step = 0; step < 400; ++step) {
    std::optional<ScanResult> result;
    scan_groups(
        groups, options,
        [&](raft::GroupId group, EngineView::Range range, Callback<PageReply> page) {
          range.bytes_max = cut;
          const FakeView view(parts[group - 1]);
          page(PageReply{*view.scan(group, range), group});
        },
        [&](Result<ScanResult> r) { result = std::move(*r); });
    ASSERT_TRUE(result);
    ASSERT_LE(result->items.size(), options.limit);
    for (const Item& item : result->items) {
      got.push_back(item.key);
      if (!options.keys_only) {
        ASSERT_EQ(item.value, all.at(item.key));
      }
    }
    if (!result->next) {
      ASSERT_EQ(got, wanted);
      return;
    }
    options.cursor = *result->next;
  }
  FAIL() << "the scan has no end";
}

TEST(ScanGroups, RandomContentAndCuts_EqualsBruteForce) {
  for (std::uint32_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    scan_matches_brute_force(random);
    if (HasFatalFailure()) return;
  }
}

TEST(ScanGroups, OneFailure_FailsTheWhole_Once) {
  int answers = 0;
  Errc code{};
  scan_groups(
      {1, 2, 3}, {},
      [](raft::GroupId group, const EngineView::Range&, const Callback<PageReply>& page) {
        if (group == 1)
          page(PageReply{});
        else
          page(Error(Errc::kTimeout));
      },
      [&](Result<ScanResult> r) {
        ++answers;
        code = r.error().code;
      });
  EXPECT_EQ(answers, 1);
  EXPECT_EQ(code, Errc::kTimeout);
}

TEST(ScanGroups, ManyPartitions_ShareTheByteBound) {
  std::vector<raft::GroupId> groups;
  for (raft::GroupId g = 1; g <= 64; ++g) groups.push_back(g);
  std::size_t together = 0;
  scan_groups(
      groups, {},
      [&](raft::GroupId, const EngineView::Range& range, const Callback<PageReply>& page) {
        together += range.bytes_max;
        page(PageReply{});
      },
      [](const Result<ScanResult>&) {});
  EXPECT_LE(together, 32u << 20);
}

TEST(ScanGroups, LargeValues_AnAnswerIsBoundedByBytes) {
  Content content;
  for (char c = 'a'; c <= 'z'; ++c) content[std::string(1, c)] = std::string(1u << 20, c);
  const FakeView view(content);
  std::size_t bytes = 0;
  bool more = false;
  scan_groups(
      {1}, {},
      [&](raft::GroupId group, EngineView::Range range, const Callback<PageReply>& page) {
        range.bytes_max = 1u << 30;
        page(PageReply{*view.scan(group, range), 1});
      },
      [&](Result<ScanResult> r) {
        for (const Item& item : r->items) bytes += item.value.size();
        more = r->next.has_value();
      });
  EXPECT_LE(bytes, 10u << 20);
  EXPECT_TRUE(more);
}

}  // namespace
}  // namespace cairn::kv
