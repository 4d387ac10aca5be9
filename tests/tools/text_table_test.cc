#include "tools/lib/text_table.h"

#include <gtest/gtest.h>

namespace cairn::tools {
namespace {

TEST(TextTable, Columns_AsWideAsNeeded_LastUnpadded) {
  TextTable table({"KEY", "VALUE"});
  table.add({"a", "one"});
  table.add({"größer", "2"});
  EXPECT_EQ(table.text(), "KEY     VALUE\na       one\ngrößer  2\n");
}

TEST(TextTable, Printable_HarmlessToATerminal) {
  EXPECT_EQ(printable("plain größer \xe2\x82\xac"), "plain größer \xe2\x82\xac");
  EXPECT_EQ(printable("a\nb\tc\x1b[2J"), "a\\nb\\tc\\x1b[2J");
  EXPECT_EQ(printable("back\\slash"), "back\\\\slash");
  EXPECT_EQ(printable(std::string_view("\0\xff", 2)), "\\x00\\xff");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");
}

TEST(TextTable, Utf8Length_IllFormed_None) {
  for (const char* bad : {"\x80", "\xc0\x80", "\xc3", "\xe0\x9f\xbf", "\xed\xa0\x80",
                          "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82"}) {
    EXPECT_EQ(utf8_length(bad), 0u) << printable(bad);
  }
  EXPECT_EQ(utf8_length("\xf0\x9f\x98\x80"), 4u);
}

}  // namespace
}  // namespace cairn::tools
