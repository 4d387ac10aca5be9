#include "http/json_text.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <random>

namespace cairn::http {
namespace {

std::string as_json(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(JsonText, Utf8_StrictForms_AreToldFromFalseOnes) {
  for (const char* good : {"", "plain", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                           "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf", "eight by\xc3\xa9te run"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf0\x80\x80\xaf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc3", "\xe2\x82", "abcdefgh\xc3"}) {
    EXPECT_FALSE(is_utf8(bad)) << bad;
  }
}

TEST(JsonText, Strings_OfAnyUtf8_ParseBackToTheSame) {
  std::string all;
  for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
  all += "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
  EXPECT_EQ(std::string(boost::json::parse(as_json(all)).as_string()), all);
  EXPECT_EQ(as_json("a\"b\\c\nd\x01"), "\"a\\\"b\\\\c\\nd\\u0001\"");
  EXPECT_EQ(as_json("x\xffy"), "\"x\xEF\xBF\xBDy\"");
}

TEST(JsonText, RandomBytes_AreStringExactlyWhenBoostJsonTakesThem) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes;
    for (std::size_t n = random() % 12; n > 0; --n) {
      const auto r = random();
      bytes += static_cast<char>((r & 0x300) == 0 ? r & 0x7F : 0x80 | (r & 0x7F));
    }
    boost::system::error_code ec;
    std::string raw = "\"";
    for (const char c : bytes) {
      if (static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\') raw += c;
    }
    boost::json::parse(raw + "\"", ec);
    EXPECT_EQ(is_utf8(std::string_view(raw).substr(1)), !ec);
    std::string member = "{";
    append_json_bytes(member, "key", bytes);
    const auto parsed = boost::json::parse(member + "}").as_object();
    if (is_utf8(bytes)) {
      EXPECT_EQ(std::string(parsed.at("key").as_string()), bytes);
    } else {
      std::string expected;
      append_base64(expected, bytes);
      EXPECT_EQ(std::string(parsed.at("key_base64").as_string()), expected);
    }
  }
}

TEST(JsonText, Base64_KnownVectors_AreWritten) {
  const std::pair<const char*, const char*> vectors[] = {
      {"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
      {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xfb\xff", "+/8="}};
  for (const auto& [plain, coded] : vectors) {
    std::string out;
    append_base64(out, plain);
    EXPECT_EQ(out, coded);
  }
}

TEST(JsonText, Base64Url_EveryLength_ComesBack) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    std::string text;
    append_base64url(text, bytes);
    EXPECT_EQ(text.find_first_of("+/=%&"), std::string::npos);
    EXPECT_EQ(decode_base64url(text), bytes);
    bytes += static_cast<char>(i * 89);
  }
  for (const char* bad : {"A", "AAAAA", "Zg==", "Zh", "Zm9", "a+b/", "Zm 9v", "\xc3\xa9"}) {
    EXPECT_EQ(decode_base64url(bad), std::nullopt) << bad;
  }
}

TEST(JsonText, Numbers_AtTheirEnds_AreWhole) {
  std::string out;
  append_number(out, 0);
  append_number_string(out, ~std::uint64_t{0});
  EXPECT_EQ(out, "0\"18446744073709551615\"");
}

}  // namespace
}  // namespace cairn::http
