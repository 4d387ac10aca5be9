#include "tools/bench/answers.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tools/bench/bottleneck.h"
#include "tools/bench/metrics_page.h"

namespace cairn::tools::bench {
namespace {

class AnswersTest : public testing::Test {
 protected:
  void feed(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto space = reader_.space();
      const std::size_t n = std::min(space.size, bytes.size());
      std::memcpy(space.data, bytes.data(), n);
      reader_.feed(n);
      bytes.remove_prefix(n);
    }
  }
  // "200 body", or "more" or "broken".
  std::string next() {
    Answer answer;
    switch (reader_.next(answer)) {
      case AnswerReader::Outcome::kNeedMore:
        return "more";
      case AnswerReader::Outcome::kBroken:
        return "broken";
      case AnswerReader::Outcome::kAnswer:
        break;
    }
    return std::to_string(answer.status) + " " + std::string(answer.body) +
           (answer.closes ? " closes" : "");
  }
  AnswerReader reader_;
};

TEST_F(AnswersTest, Pipelined_EachInTurn) {
  feed(
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
      "HTTP/1.1 404 Not Found\r\ncontent-length:0\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(next(), "200 hello");
  EXPECT_EQ(next(), "404  closes");
  EXPECT_EQ(next(), "more");
}

TEST_F(AnswersTest, ByteByByte_TheSame) {
  const std::string bytes =
      "HTTP/1.1 200 OK\r\nServer: x\r\nCONTENT-LENGTH: 3\r\nCookie: c\r\n\r\nabc";
  for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
    feed(bytes.substr(i, 1));
    ASSERT_EQ(next(), "more") << i;
  }
  feed("c");
  EXPECT_EQ(next(), "200 abc");
}

TEST_F(AnswersTest, LargeBody_Grows) {
  const std::string body(1 << 20, 'x');
  feed("HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n" + body);
  EXPECT_EQ(next(), "200 " + body);
  EXPECT_EQ(next(), "more");
}

TEST_F(AnswersTest, Chunked_ByTheSlowReader_AndWhatFollows) {
  feed(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nde");
  EXPECT_EQ(next(), "200 abc");
  EXPECT_EQ(next(), "200 de");
  EXPECT_EQ(next(), "more");
}

TEST_F(AnswersTest, Nonsense_Broken) {
  for (const char* bytes : {"SMTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                            "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
                            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"}) {
    reader_.clear();
    feed(bytes);
    EXPECT_EQ(next(), "broken") << bytes;
  }
}

MetricsPage page_at(double second, double loop, double busy) {
  return parse_metrics(
      "# HELP x y\n"
      "cairn_thread_cpu_seconds_total{thread=\"loop\"} " +
      std::to_string(loop * second) +
      "\n"
      "cairn_thread_cpu_seconds_total{thread=\"log\"} 0.1\n"
      "cairn_thread_busy_seconds_total{thread=\"log\"} " +
      std::to_string(busy * second) +
      "\n"
      "cairn_wal_syncs_total " +
      std::to_string(1000 * second) +
      "\n"
      "process_cpu_seconds_total " +
      std::to_string(loop * second) +
      "\n"
      "no number\nhttp_requests_total{method=\"GET\",status=\"200\"} 5\n"
      "http_requests_total{method=\"PUT\",status=\"200\"} 7\n");
}

TEST(MetricsPage, Lines_SumsAndLabels) {
  const auto page = page_at(1, 0.5, 0.25);
  EXPECT_EQ(sum_of(page, "http_requests_total"), 12);
  EXPECT_EQ(sum_of(page, "http_requests"), 0);
  EXPECT_EQ(of(page, "cairn_thread_cpu_seconds_total", "thread", "loop"), 0.5);
  EXPECT_LT(of(page, "cairn_thread_cpu_seconds_total", "thread", "none"), 0);
}

Bottleneck found(double loop, double busy, const ClientUse& client, bool open_loop = false) {
  const Clock::time_point start{std::chrono::seconds(100)};
  Watcher::Span span{"node 1",
                     {start + std::chrono::seconds(1), page_at(1, loop, busy)},
                     {start + std::chrono::seconds(11), page_at(11, loop, busy)}};
  return find_bottleneck({span}, Tally(), open_loop, client);
}

TEST(Bottleneck, TheBusiestThread_Named) {
  const auto log = found(0.3, 0.95, {});
  EXPECT_NE(log.verdict.find("write-ahead log"), std::string::npos) << log.verdict;
  EXPECT_NE(log.verdict.find("95 %"), std::string::npos) << log.verdict;
  EXPECT_NE(log.verdict.find("1000 syncs a second"), std::string::npos) << log.verdict;
  EXPECT_NEAR(log.sync, 0.95e6, 1e3);
  EXPECT_NE(found(0.9, 0.5, {}).verdict.find("loop"), std::string::npos);
}

TEST(Bottleneck, ClientThenMachineThenNobody) {
  EXPECT_NE(found(0.9, 0.9, {.share = 0.85}).verdict.find("load generator"), std::string::npos);
  EXPECT_NE(found(0.7, 0.5, {.share = 0.5, .cores = 1, .same_machine = true, .cpu = 0.3})
                .verdict.find("processors of this machine"),
            std::string::npos);
  EXPECT_NE(found(0.2, 0.5, {}).verdict.find("latency-bound"), std::string::npos);
  EXPECT_NE(found(0.2, 0.5, {}, true).verdict.find("below"), std::string::npos);
  EXPECT_NE(find_bottleneck({}, Tally(), false, {}).verdict.find("not known"), std::string::npos);
}

}  // namespace
}  // namespace cairn::tools::bench
