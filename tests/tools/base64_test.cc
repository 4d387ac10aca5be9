#include "tools/lib/base64.h"

#include <gtest/gtest.h>

namespace cairn::tools {
namespace {

TEST(Base64, Encode_EveryRemainder) {
  EXPECT_EQ(base64_encode(""), "");
  EXPECT_EQ(base64_encode("f"), "Zg==");
  EXPECT_EQ(base64_encode("fo"), "Zm8=");
  EXPECT_EQ(base64_encode("foo"), "Zm9v");
  EXPECT_EQ(base64_encode("\xff\xfe\xfd"), "//79");
}

TEST(Base64, Decode_WhatWasEncoded_Same) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
    bytes += static_cast<char>(i * 7);
  }
}

TEST(Base64, Decode_NoBase64_Refused) {
  for (const char* bad : {"Zg", "Zg=", "Z===", "Zm9v!", "Zm 9", "=Zm9"}) {
    EXPECT_FALSE(base64_decode(bad)) << bad;
  }
}

}  // namespace
}  // namespace cairn::tools
