#include "tools/lib/http_message.h"

#include <gtest/gtest.h>

namespace cairn::tools {
namespace {

using Outcome = ResponseReader::Outcome;

constexpr const char* kTwo =
    "HTTP/1.1 200 OK\r\ncontent-LENGTH:  5 \r\nETag: \"7\"\r\n\r\nhello"
    "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";

TEST(HttpMessage, Endpoint_Forms) {
  EXPECT_EQ(parse_endpoint("http://127.0.0.1:8001")->url(), "http://127.0.0.1:8001");
  EXPECT_EQ(parse_endpoint("localhost:80/")->authority(), "localhost:80");
  EXPECT_EQ(parse_endpoint("http://[::1]:8001")->host, "::1");
  EXPECT_EQ(parse_endpoint("http://[::1]:8001")->authority(), "[::1]:8001");
  for (const char* bad : {"", "http://", "host", "host:", ":80", "host:0", "host:65536", "::1:80",
                          "https://host:80", "user@host:80", "host:80/path"}) {
    EXPECT_FALSE(parse_endpoint(bad)) << bad;
  }
}

TEST(HttpMessage, PercentEncode_AnyBytes) {
  EXPECT_EQ(percent_encode("a/b-c_d.e~f"), "a/b-c_d.e~f");
  EXPECT_EQ(percent_encode(std::string_view("\0 +%?#\xff", 7)), "%00%20%2B%25%3F%23%FF");
}

TEST(HttpMessage, Request_Bytes) {
  const Endpoint endpoint{"127.0.0.1", 8001};
  EXPECT_EQ((HttpRequest{"PUT", "/v1/kv/a", {{"If-None-Match", "*"}}, ""}.bytes(endpoint)),
            "PUT /v1/kv/a HTTP/1.1\r\nHost: 127.0.0.1:8001\r\nIf-None-Match: *\r\n"
            "Content-Length: 0\r\n\r\n");
  EXPECT_EQ((HttpRequest{"GET", "/", {}, ""}.bytes(endpoint)),
            "GET / HTTP/1.1\r\nHost: 127.0.0.1:8001\r\n\r\n");
}

TEST(HttpMessage, Reader_CutAnywhere_SameAnswers) {
  const std::string bytes = kTwo;
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    ResponseReader reader;
    std::vector<HttpResponse> got;
    for (const auto& part : {bytes.substr(0, cut), bytes.substr(cut)}) {
      reader.feed(part.data(), part.size());
      HttpResponse response;
      while (reader.next(response) == Outcome::kAnswer) got.push_back(response);
    }
    ASSERT_EQ(got.size(), 2u) << cut;
    EXPECT_EQ(got[0].status, 200);
    EXPECT_EQ(got[0].body, "hello");
    EXPECT_EQ(got[0].field("etag"), "\"7\"");
    EXPECT_EQ(got[0].field("absent"), "");
    EXPECT_FALSE(got[0].closes);
    EXPECT_EQ(got[1].status, 404);
    EXPECT_EQ(got[1].body, "no");
    EXPECT_TRUE(got[1].closes);
  }
}

TEST(HttpMessage, Reader_Chunks_JoinedWhateverTheCut) {
  const std::string bytes =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=1\r\n0123456789\r\n"
      "0\r\nTrailer: t\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    ResponseReader reader;
    std::vector<HttpResponse> got;
    for (const auto& part : {bytes.substr(0, cut), bytes.substr(cut)}) {
      reader.feed(part.data(), part.size());
      HttpResponse response;
      while (reader.next(response) == Outcome::kAnswer) got.push_back(response);
    }
    ASSERT_EQ(got.size(), 2u) << cut;
    EXPECT_EQ(got[0].body, "abc0123456789");
    EXPECT_EQ(got[1].status, 204);
  }
}

TEST(HttpMessage, Reader_HeadAndContinue_NoBody) {
  ResponseReader reader;
  const std::string bytes =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
  reader.feed(bytes.data(), bytes.size());
  HttpResponse response;
  EXPECT_EQ(reader.next(response, true), Outcome::kAnswer);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "");
}

TEST(HttpMessage, Reader_NoLength_BodyToTheEnd) {
  ResponseReader reader;
  const std::string bytes = "HTTP/1.0 200 OK\r\n\r\nall of it";
  reader.feed(bytes.data(), bytes.size());
  HttpResponse response;
  EXPECT_EQ(reader.next(response), Outcome::kNeedMore);
  EXPECT_EQ(reader.end(response), Outcome::kAnswer);
  EXPECT_EQ(response.body, "all of it");
  EXPECT_TRUE(response.closes);
}

TEST(HttpMessage, Reader_CutShort_Broken) {
  ResponseReader reader;
  const std::string bytes = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
  reader.feed(bytes.data(), bytes.size());
  HttpResponse response;
  EXPECT_EQ(reader.next(response), Outcome::kNeedMore);
  EXPECT_EQ(reader.end(response), Outcome::kBroken);
}

TEST(HttpMessage, Reader_Garbage_Broken) {
  for (const std::string bytes :
       {"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 xyz\r\n\r\n", "HTTP/1.1 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    ResponseReader reader;
    reader.feed(bytes.data(), bytes.size());
    HttpResponse response;
    EXPECT_EQ(reader.next(response), Outcome::kBroken) << bytes;
  }
}

}  // namespace
}  // namespace cairn::tools
