#include "http/chunk_reader.h"

#include <gtest/gtest.h>

namespace cairn::http {
namespace {

using Result = ChunkReader::Result;

struct Read {
  Result result;
  std::string body;
  std::string rest;
};

// In pieces of `piece` bytes.
Read read(std::string_view text, std::size_t piece, std::size_t max = 100) {
  ChunkReader reader;
  Read out{Result::kMore, "", ""};
  while (!text.empty() && out.result == Result::kMore) {
    std::string_view part = text.substr(0, piece);
    text.remove_prefix(part.size());
    out.result = reader.feed(part, out.body, max);
    out.rest = std::string(part);
  }
  out.rest += text;
  return out;
}

TEST(ChunkReader, GoodBody_InAnyPieces_IsRead) {
  const std::string text = "5\r\nhello\r\n00a\r\n, world...\r\n0\r\n\r\nGET /";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    const Read r = read(text, piece);
    EXPECT_EQ(r.result, Result::kDone) << piece;
    EXPECT_EQ(r.body, "hello, world...") << piece;
    EXPECT_EQ(r.rest, "GET /") << piece;
  }
  EXPECT_EQ(read("0\r\n\r\n", 9).result, Result::kDone);
}

TEST(ChunkReader, Malformed_EveryVector_IsRefused) {
  for (const char* text : {"\r\n",
                           "g\r\n",
                           "-1\r\n",
                           "+1\r\n",
                           " 1\r\n",
                           "1 \r\n",
                           "0x1\r\n",
                           "1\n",
                           "1\r\r\n",
                           "1;\r\n",
                           "1;a=b\r\nx\r\n",
                           "1\r\nxy\r\n",
                           "1\r\nx\n",
                           "1\r\nx\rZ",
                           "1\r\nx0\r\n",
                           "00000000\r\n",
                           "FFFFFFFFF\r\n",
                           "10000000000000001\r\n",
                           "0\r\nX: y\r\n\r\n",
                           "0\r\nContent-Length: 1\r\n\r\n",
                           "0\r\n\n",
                           "0\r\n\r\r"}) {
    EXPECT_EQ(read(text, 64).result, Result::kMalformed) << text;
    EXPECT_EQ(read(text, 1).result, Result::kMalformed) << text;
  }
}

TEST(ChunkReader, BodyOverTheLimit_IsRefusedAtTheSizeLine) {
  EXPECT_EQ(read("64\r\n", 64).result, Result::kMore);
  EXPECT_EQ(read("65\r\n", 64).result, Result::kTooLarge);
  EXPECT_EQ(read("fffffff\r\n", 64).result, Result::kTooLarge);
  EXPECT_EQ(read("2\r\nab\r\n63\r\n", 64).result, Result::kTooLarge);
}

}  // namespace
}  // namespace cairn::http
