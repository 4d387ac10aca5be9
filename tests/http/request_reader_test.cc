// Whole requests out of bytes, however they are cut.
#include "http/request_reader.h"

#include <gtest/gtest.h>

#include "tests/http/test_client.h"

namespace cairn::http {
namespace {

using Event = RequestReader::Event;

class ReaderTest : public testing::Test {
 protected:
  // Feeds `text` in pieces and notes what comes out.
  void feed(const std::string& text, std::size_t piece) {
    std::string unread;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      unread += text.substr(at, piece);
      while (true) {
        const RequestReader::Step step = reader_.next(unread);
        unread.erase(0, step.consumed);
        if (step.event == Event::kMore) break;
        if (step.event == Event::kRefused) {
          refused_ = problem_row(reader_.refusal().code).name;
          return;
        }
        if (step.event == Event::kContinue) ++continues_;
        if (step.event == Event::kRequest) requests_.push_back(reader_.take());
      }
    }
  }

  ServerOptions limits_;
  HostPolicy policy_{{}, {}};
  RequestReader reader_{limits_, policy_};
  std::vector<Request> requests_;
  std::string refused_;
  int continues_ = 0;
};

TEST_F(ReaderTest, Stream_InAnyPieces_GivesTheSameRequests) {
  const std::string text =
      request("PUT", "/v1/kv/a", "hello", "If-Match: \"7\"\r\n") + "\r\n" +  // a stray empty line
      request("GET", "/v1/kv/b?raw") + request("PUT", "/v1/kv/c", "", "Idempotency-Key: x\r\n") +
      "PUT /d HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" +
      request("DELETE", "/v1/kv/e", "", "Connection: close\r\nCairn-Min-Revision: 9\r\n");
  for (std::size_t piece = 1; piece <= text.size(); piece = piece < 60 ? piece + 1 : piece * 2) {
    SCOPED_TRACE(piece);
    requests_.clear();
    feed(text, piece);
    ASSERT_EQ(refused_, "");
    ASSERT_EQ(requests_.size(), 5u);
    EXPECT_EQ(requests_[0].method, Method::kPut);
    EXPECT_EQ(requests_[0].target, "/v1/kv/a");
    EXPECT_EQ(requests_[0].body, "hello");
    EXPECT_EQ(requests_[0].fields.if_match, "\"7\"");
    EXPECT_EQ(requests_[1].method, Method::kGet);
    EXPECT_EQ(requests_[1].target, "/v1/kv/b?raw");
    EXPECT_EQ(requests_[1].fields.if_match, std::nullopt);
    EXPECT_EQ(requests_[2].body, "");
    EXPECT_EQ(requests_[2].fields.idempotency_key, "x");
    EXPECT_EQ(requests_[3].body, "abcde");
    EXPECT_EQ(requests_[4].method, Method::kDelete);
    EXPECT_FALSE(requests_[4].keep_alive);
    EXPECT_EQ(requests_[4].fields.min_revision, "9");
  }
}

TEST_F(ReaderTest, Expect_IsAnsweredOnlyWhileTheBodyIsAwaited) {
  const std::string head =
      "PUT /k HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
  feed(head + "abc", 1000);
  EXPECT_EQ(continues_, 0);
  feed(head, 1000);
  EXPECT_EQ(continues_, 1);
  feed("abc", 1);
  EXPECT_EQ(continues_, 1);
  EXPECT_EQ(requests_.size(), 2u);
}

TEST_F(ReaderTest, Fields_ThatMustNotBe_AreRefused) {
  for (const char* line :
       {"If-Match: \"1\"\r\nIf-Match: \"1\"\r\n", "Idempotency-Key: a\r\nIdempotency-Key: b\r\n",
        "Cairn-Min-Revision: 1\r\ncairn-min-revision: 2\r\n", "Content-Encoding: gzip\r\n",
        "Trailer: X\r\n", "If-None-Match: *\r\nIf-None-Match: *\r\n"}) {
    RequestReader fresh(limits_, policy_);
    const std::string text = request("PUT", "/v1/kv/a", "x", line);
    EXPECT_EQ(fresh.next(text).event, Event::kRefused) << line;
    EXPECT_TRUE(fresh.refusal().is_write);
  }
}

TEST_F(ReaderTest, ChunkedBody_OverTheLimit_IsTooLarge) {
  limits_.body_bytes_max = 4;
  feed("PUT /k HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n", 7);
  EXPECT_EQ(refused_, "too_large");
}

}  // namespace
}  // namespace cairn::http
