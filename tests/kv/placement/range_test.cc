#include "kv/range.h"

#include <gtest/gtest.h>

#include <vector>

namespace cairn::kv {
namespace {

/// All keys of up to three bytes out of the alphabet where ends go wrong.
std::vector<std::string> small_keys() {
  std::vector<std::string> keys = {""};
  for (std::size_t from = 0; keys.size() < 1 + 4 + 16 + 64; ++from) {
    for (const char c : {'\x00', '\x01', '\xfe', '\xff'}) keys.push_back(keys[from] + c);
  }
  return keys;
}

TEST(Range_Prefix, HoldsExactlyTheKeysWithThePrefix) {
  const auto keys = small_keys();
  for (const std::string& prefix : keys) {
    const KeyRange range = range_of_prefix(prefix);
    EXPECT_FALSE(range.empty());
    for (const std::string& key : keys) {
      EXPECT_EQ(range.contains(key), key.substr(0, prefix.size()) == prefix);
    }
  }
}

TEST(Range_PrefixEnd, OfFF_HasNone) {
  EXPECT_EQ(prefix_end(""), "");
  EXPECT_EQ(prefix_end("\xff\xff"), "");
  EXPECT_EQ(prefix_end("a\xff\xff"), "b");
  EXPECT_EQ(prefix_end("ab"), "ac");
  EXPECT_EQ(prefix_end("\x7f"), "\x80");
}

TEST(Range_Key, HoldsThatKeyAlone) {
  const auto keys = small_keys();
  for (const std::string& one : keys) {
    const KeyRange range = range_of_key(one);
    for (const std::string& key : keys) EXPECT_EQ(range.contains(key), key == one);
  }
}

TEST(Range_Intersection, HoldsWhatBothHold) {
  const auto keys = small_keys();
  std::vector<KeyRange> ranges;
  for (std::size_t i = 0; i < keys.size(); i += 5) {
    for (std::size_t k = 0; k < keys.size(); k += 7) ranges.push_back({keys[i], keys[k]});
  }
  for (const KeyRange& a : ranges) {
    for (const KeyRange& b : ranges) {
      const KeyRange both = intersection(a, b);
      for (std::size_t i = 0; i < keys.size(); i += 3) {
        ASSERT_EQ(both.contains(keys[i]), a.contains(keys[i]) && b.contains(keys[i]));
      }
    }
  }
}

TEST(Range_Empty, HoldsNoKey) {
  const auto keys = small_keys();
  for (const std::string& start : keys) {
    for (const std::string& end : keys) {
      const KeyRange range{start, end};
      if (!range.empty()) continue;
      for (const std::string& key : keys) ASSERT_FALSE(range.contains(key));
    }
  }
  EXPECT_TRUE((KeyRange{"a", "a"}).empty());
  EXPECT_TRUE((KeyRange{"b", "a"}).empty());
  EXPECT_FALSE((KeyRange{"b", ""}).empty());
}

}  // namespace
}  // namespace cairn::kv
