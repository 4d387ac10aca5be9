#include "http/params.h"

#include <gtest/gtest.h>

namespace cairn::http {
namespace {

TEST(Target, Percent_DecodesOnceAndOnlyWhole) {
  EXPECT_EQ(percent_decode("a%2Fb/c+d%2520"), "a/b/c+d%20");
  EXPECT_EQ(percent_decode("%00%ff%fF"), std::string("\0\xff\xff", 3));
  EXPECT_EQ(percent_decode("..//.%2e/"), "..//../");
  EXPECT_EQ(percent_decode(""), "");
  for (const char* bad : {"%", "%1", "a%", "%zz", "%1g", "%%20", "% 1", "%-1"}) {
    EXPECT_EQ(percent_decode(bad), std::nullopt) << bad;
  }
}

TEST(Target, Query_IsSplitBeforeItIsDecoded) {
  const Query expected = {{"a", "1&b"}, {"c", ""}, {"d=", "x=y+z"}};
  EXPECT_EQ(parse_query("a=1%26b&c&&d%3D=x=y+z&"), expected);
  EXPECT_EQ(parse_query(""), Query());
  for (const char* bad : {"a=%", "%=1", "=1", "a=1&a=2", "a=1&%61=2"}) {
    EXPECT_EQ(parse_query(bad), std::nullopt) << bad;
  }
  std::string many;
  for (int i = 0; i < 33; ++i) many += "p" + std::to_string(i) + "&";
  EXPECT_EQ(parse_query(many), std::nullopt);
}

class ParamsTest : public testing::Test {
 protected:
  Params params(std::string_view query) {
    query_ = parse_query(query).value();
    return Params(query_, fields_);
  }
  Query query_;
  Fields fields_;
};

TEST_F(ParamsTest, Unknown_IsNamedNeverIgnored) {
  EXPECT_EQ(params("").complaint(), std::nullopt);
  EXPECT_EQ(params("lease=7").complaint(), "the parameter \"lease\" is not known here");
  EXPECT_EQ(params("%0d%0aX").complaint(), "the parameter \"??X\" is not known here");
  EXPECT_LT(params(std::string(9000, 'x')).complaint()->size(), 100u);
  fields_.if_match = "\"1\"";
  EXPECT_EQ(params("").complaint(), "If-Match is not known here");
}

TEST_F(ParamsTest, Flags_HaveTwoValues) {
  EXPECT_TRUE(params("raw").flag("raw"));
  EXPECT_TRUE(params("raw=true").flag("raw"));
  EXPECT_TRUE(params("raw=1").flag("raw"));
  EXPECT_FALSE(params("raw=false").flag("raw"));
  EXPECT_FALSE(params("").flag("raw"));
  Params p = params("raw=yes");
  EXPECT_FALSE(p.flag("raw"));
  EXPECT_TRUE(p.complaint());
}

TEST_F(ParamsTest, Numbers_OutOfRange_AreRefused) {
  EXPECT_EQ(params("limit=10000").number("limit", 100, 1, 10'000), 10'000u);
  EXPECT_EQ(params("").number("limit", 100, 1, 10'000), 100u);
  for (const char* bad : {"limit=0", "limit=10001", "limit=", "limit=+1", "limit=-1", "limit=1x",
                          "limit=4294967297", "limit=0x10", "limit=1.0"}) {
    Params p = params(bad);
    (void)p.number("limit", 100, 1, 10'000);
    EXPECT_TRUE(p.complaint()) << bad;
  }
}

TEST_F(ParamsTest, Consistency_OfLaterIssues_IsNamed) {
  EXPECT_EQ(params("consistency=eventual").read_options().consistency, kv::Consistency::kEventual);
  EXPECT_EQ(params("consistency=lease").read_options().consistency, kv::Consistency::kLease);
  for (const char* level : {"causal", "bounded", "", "Eventual"}) {
    Params p = params(std::string("consistency=") + level);
    (void)p.read_options();
    const auto complaint = p.complaint();
    ASSERT_TRUE(complaint) << level;
    EXPECT_NE(complaint->find(std::string("\"") + level + "\""), std::string::npos) << *complaint;
  }
}

TEST_F(ParamsTest, Conditions_OddForms_AreRefused) {
  fields_.if_match = "\"123\"";
  EXPECT_EQ(params("").write_options(true).if_revision, 123u);
  for (const char* bad : {"123", "*", "W/\"123\"", "\"0\"", "\"\"", "\"", "", "\"1\", \"2\"",
                          "\"-1\"", "\"9007199254740992\"", "\"18446744073709551617\""}) {
    fields_.if_match = bad;
    Params p = params("");
    (void)p.write_options(true);
    EXPECT_TRUE(p.complaint()) << bad;
  }
  fields_.if_match.reset();
  fields_.if_none_match = "*";
  EXPECT_TRUE(params("").write_options(true).if_absent);
  Params on_delete = params("");
  (void)on_delete.write_options(false);
  EXPECT_TRUE(on_delete.complaint());
  fields_.if_match = "\"5\"";
  Params both = params("");
  (void)both.write_options(true);
  EXPECT_TRUE(both.complaint());
}

TEST_F(ParamsTest, IdempotencyKey_AndMinRevision_AreChecked) {
  for (const std::string& bad : {std::string(), std::string("a b"), std::string(257, 'k')}) {
    fields_.idempotency_key = bad;
    Params p = params("");
    (void)p.write_options(true);
    EXPECT_TRUE(p.complaint()) << bad;
  }
  fields_.idempotency_key = std::string(256, 'k');
  EXPECT_EQ(params("").write_options(true).idempotency_key.size(), 256u);
  fields_.idempotency_key.reset();
  fields_.min_revision = "9007199254740991";
  EXPECT_EQ(params("").read_options().min_revision, 9007199254740991u);
  fields_.min_revision = "9007199254740992";
  Params p = params("");
  (void)p.read_options();
  EXPECT_TRUE(p.complaint());
}

}  // namespace
}  // namespace cairn::http
