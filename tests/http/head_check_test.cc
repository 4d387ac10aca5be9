// The strict head check: what desynchronises parsers is refused, what browsers and tools send is
// not.
#include "http/head_check.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cairn::http {
namespace {

class HeadCheck : public testing::Test {
 protected:
  ServerOptions limits_;
  HostPolicy policy_{{"db.example"}, {"https://ui.example:8443"}};

  // The verdict on raw bytes: scanner first, as the server does it.
  HeadVerdict verdict(const std::string& bytes) {
    HeadScanner scanner(limits_);
    switch (scanner.scan(bytes)) {
      case HeadScanner::Result::kDone:
        held_ = bytes.substr(0, scanner.size());
        return check_head(held_, limits_, policy_);
      case HeadScanner::Result::kRefused:
        return {{}, scanner.refusal()};
      case HeadScanner::Result::kMore:
        break;
    }
    return {{}, Refusal{Code::kInternal, "not complete", false}};
  }

  std::string code(const std::string& bytes) {
    const HeadVerdict v = verdict(bytes);
    return v.refusal ? problem_row(v.refusal->code).name : "fine";
  }

  // A head with these lines beside request line and Host.
  static std::string head(const std::string& lines) {
    return "PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\n" + lines + "\r\n";
  }

  std::string held_;  // the views of a verdict point here
};

struct Vector {
  const char* what;
  std::string bytes;
};

TEST_F(HeadCheck, Desync_EveryVector_IsBadRequest) {
  const std::string get = "GET / HTTP/1.1\r\n";
  const std::string host = "Host: localhost\r\n";
  const std::vector<Vector> vectors = {
      {"TE and CL", head("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")},
      {"CL and TE", head("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")},
      {"two CL that differ", head("Content-Length: 5\r\nContent-Length: 6\r\n")},
      {"two CL that agree", head("Content-Length: 5\r\nContent-Length: 5\r\n")},
      {"CL list", head("Content-Length: 5, 5\r\n")},
      {"CL with sign", head("Content-Length: +5\r\n")},
      {"CL negative", head("Content-Length: -1\r\n")},
      {"CL hex", head("Content-Length: 0x5\r\n")},
      {"CL with letters", head("Content-Length: 5a\r\n")},
      {"CL empty", head("Content-Length: \r\n")},
      {"CL of 2^64 + 5", head("Content-Length: 18446744073709551621\r\n")},
      {"CL of 40 digits", head("Content-Length: " + std::string(40, '9') + "\r\n")},
      {"CL with inner space", head("Content-Length: 5 5\r\n")},
      {"TE gzip", head("Transfer-Encoding: gzip\r\n")},
      {"TE gzip then CL", head("Transfer-Encoding: gzip\r\nContent-Length: 5\r\n")},
      {"TE chunked, gzip", head("Transfer-Encoding: chunked, gzip\r\n")},
      {"TE gzip, chunked", head("Transfer-Encoding: gzip, chunked\r\n")},
      {"TE xchunked", head("Transfer-Encoding: xchunked\r\n")},
      {"TE chunked twice in one", head("Transfer-Encoding: chunked, chunked\r\n")},
      {"TE twice", head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")},
      {"TE identity", head("Transfer-Encoding: identity\r\n")},
      {"TE empty", head("Transfer-Encoding:\r\n")},
      {"TE with vertical tab", head("Transfer-Encoding: \x0b"
                                    "chunked\r\n")},
      {"TE quoted", head("Transfer-Encoding: \"chunked\"\r\n")},
      {"TE with parameter", head("Transfer-Encoding: chunked;q=1\r\n")},
      {"TE on HTTP/1.0", "PUT / HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n"},
      {"space before colon", head("Content-Length : 5\r\n")},
      {"tab before colon", head("Transfer-Encoding\t: chunked\r\n")},
      {"folded field", head("X: a\r\n b\r\n")},
      {"folded TE", head("Transfer-Encoding:\r\n chunked\r\n")},
      {"first field folded", get + " Host: localhost\r\n" + host + "\r\n"},
      {"field without colon", head("Nonsense\r\n")},
      {"field without name", head(": x\r\n")},
      {"name with parenthesis", head("X(y): z\r\n")},
      {"name with high byte", head("X\xc3\xa9: z\r\n")},
      {"bare LF ends a line", get + "Host: localhost\nX: y\r\n\r\n"},
      {"bare LF ends the head", get + host + "\n"},
      {"bare CR in value", head("X: a\rb\r\n")},
      {"CR CR LF", head("X: a\r\r\n")},
      {"NUL in value", head(std::string("X: a\0b\r\n", 8))},
      {"NUL in name", head(std::string("X\0: a\r\n", 7))},
      {"DEL in value", head("X: \x7f\r\n")},
      {"escape byte in value", head("X: \x1b[2J\r\n")},
      {"NUL in target", std::string("GET /\0 HTTP/1.1\r\n", 17) + host + "\r\n"},
      {"no Host", get + "\r\n"},
      {"two Hosts", get + host + host + "\r\n"},
      {"two Hosts that differ", get + host + "Host: evil.example\r\n\r\n"},
      {"Host empty", get + "Host:\r\n\r\n"},
      {"Host with user", get + "Host: a@localhost\r\n\r\n"},
      {"Host with path", get + "Host: localhost/x\r\n\r\n"},
      {"Host with comma", get + "Host: localhost, localhost\r\n\r\n"},
      {"Host with bad port", get + "Host: localhost:99999\r\n\r\n"},
      {"Host with empty port", get + "Host: localhost:\r\n\r\n"},
      {"Host with open bracket", get + "Host: [::1\r\n\r\n"},
      {"Host with bad address", get + "Host: [::g]\r\n\r\n"},
      {"target's host is another", "GET http://evil.example/ HTTP/1.1\r\n" + host + "\r\n"},
      {"two Origins", head("Origin: http://localhost\r\nOrigin: http://localhost\r\n")},
      {"two spaces after method", "GET  / HTTP/1.1\r\n" + host + "\r\n"},
      {"two spaces before version", "GET /  HTTP/1.1\r\n" + host + "\r\n"},
      {"tab in request line", "GET\t/\tHTTP/1.1\r\n" + host + "\r\n"},
      {"space at the front", " GET / HTTP/1.1\r\n" + host + "\r\n"},
      {"space at the end", "GET / HTTP/1.1 \r\n" + host + "\r\n"},
      {"no version", "GET /\r\n" + host + "\r\n"},
      {"version 0.9", "GET / HTTP/0.9\r\n" + host + "\r\n"},
      {"version 1.2", "GET / HTTP/1.2\r\n" + host + "\r\n"},
      {"version 11", "GET / HTTP/11\r\n" + host + "\r\n"},
      {"version in lower case", "GET / http/1.1\r\n" + host + "\r\n"},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
      {"asterisk", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n"},
      {"authority form", "CONNECT localhost:80 HTTP/1.1\r\n" + host + "\r\n"},
      {"target without slash", "GET v1 HTTP/1.1\r\n" + host + "\r\n"},
      {"fragment", "GET /a#b HTTP/1.1\r\n" + host + "\r\n"},
      {"raw high byte in target", "GET /\xc3\xa9 HTTP/1.1\r\n" + host + "\r\n"},
      {"method with colon", "GET: / HTTP/1.1\r\n" + host + "\r\n"},
      {"endless method", std::string(64, 'A')},
      {"TLS hello", std::string("\x16\x03\x01\x02\x00\x01\x00", 7)},
      {"another expectation", head("Expect: 200-ok\r\n")},
      {"empty request line", "\r\n\r\n"},
  };
  for (const Vector& v : vectors) EXPECT_EQ(code(v.bytes), "bad_request") << v.what;
}

TEST_F(HeadCheck, Framing_GoodHeads_AreRead) {
  HeadVerdict v = verdict(head("Content-Length: 0005\r\n"));
  ASSERT_FALSE(v.refusal) << v.refusal->detail;
  EXPECT_EQ(v.head.content_length, 5u);
  EXPECT_EQ(v.head.method, "PUT");
  EXPECT_EQ(v.head.target, "/v1/kv/k");
  EXPECT_TRUE(v.head.keep_alive);
  EXPECT_FALSE(v.head.chunked);

  v = verdict(
      head("tRANSFER-eNCODING:\tChunked \t\r\nEXPECT: 100-Continue\r\nconnection: TE, Close\r\n"));
  ASSERT_FALSE(v.refusal) << v.refusal->detail;
  EXPECT_TRUE(v.head.chunked);
  EXPECT_TRUE(v.head.expect_continue);
  EXPECT_FALSE(v.head.keep_alive);

  v = verdict("GET / HTTP/1.0\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_FALSE(v.refusal) << v.refusal->detail;
  EXPECT_TRUE(v.head.http_1_0);
  EXPECT_FALSE(v.head.keep_alive);
  EXPECT_FALSE(v.head.expect_continue);

  v = verdict(
      "GET http://LOCALHOST:1/a?b HTTP/1.1\r\nHost: localhost:1\r\nX:\r\nY: \xc3\xa9\r\n\r\n");
  ASSERT_FALSE(v.refusal) << v.refusal->detail;
  EXPECT_EQ(v.head.target, "/a?b");
}

TEST_F(HeadCheck, Host_OnlyKnownNames_AreServed) {
  const auto with_host = [this](const std::string& host) {
    return code("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  };
  for (const char* good : {"localhost", "LocalHost:8001", "127.0.0.1", "10.0.0.7:80", "[::1]:8001",
                           "[fe80::1]", "db.example", "DB.example:8001"}) {
    EXPECT_EQ(with_host(good), "fine") << good;
  }
  for (const char* foreign : {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example",
                              "1.2.3", "127.0.0.1.", "0x7f.1", "db.example.evil"}) {
    EXPECT_EQ(with_host(foreign), "misdirected") << foreign;
  }
}

TEST_F(HeadCheck, Origin_Foreign_IsRefusedUnlessAllowed) {
  const auto with_origin = [this](const std::string& origin) {
    return code("GET / HTTP/1.1\r\nHost: localhost:8001\r\nOrigin: " + origin + "\r\n\r\n");
  };
  EXPECT_EQ(with_origin("http://localhost:8001"), "fine");
  EXPECT_EQ(with_origin("https://ui.example:8443"), "fine");
  for (const char* foreign :
       {"http://localhost:8002", "http://localhost", "null", "", "http://evil",
        "https://ui.example", "http://localhost:8001.evil.example"}) {
    EXPECT_EQ(with_origin(foreign), "origin_refused") << foreign;
  }
}

TEST_F(HeadCheck, Sizes_OverTheirCap_HaveTheirOwnCode) {
  const auto target = [](std::size_t n) {
    return "GET /" + std::string(n - 1, 'a') + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  };
  EXPECT_EQ(code(target(16'384)), "fine");
  EXPECT_EQ(code(target(16'385)), "uri_too_long");
  EXPECT_EQ(code("GET /" + std::string(20'000, 'a')), "uri_too_long");  // before its end has come

  const std::size_t others = sizeof "Host: localhost\r\nX: \r\n" - 1;
  EXPECT_EQ(code(head("X: " + std::string(8192 - others, 'a') + "\r\n")), "fine");
  EXPECT_EQ(code(head("X: " + std::string(8193 - others, 'a') + "\r\n")), "header_too_large");
  EXPECT_EQ(code("GET / HTTP/1.1\r\nX: " + std::string(9000, 'a')), "header_too_large");

  std::string fields;
  for (int i = 0; i < 99; ++i) fields += "a:\r\n";
  EXPECT_EQ(code(head(fields)), "fine");
  EXPECT_EQ(code(head(fields + "a:\r\n")), "header_too_large");
  EXPECT_EQ(code(head("Content-Length: 1048576\r\n")), "fine");
  EXPECT_EQ(code(head("Content-Length: 1048577\r\n")), "too_large");
}

TEST_F(HeadCheck, Scanner_ByteByByte_FindsTheSameEnd) {
  const std::string bytes = head("Content-Length: 3\r\n") + "abc";
  HeadScanner scanner(limits_);
  for (std::size_t n = 0; n < bytes.size() - 3; ++n) {
    ASSERT_EQ(scanner.scan(bytes.substr(0, n)), HeadScanner::Result::kMore) << n;
  }
  ASSERT_EQ(scanner.scan(bytes), HeadScanner::Result::kDone);
  EXPECT_EQ(scanner.size(), bytes.size() - 3);
}

TEST_F(HeadCheck, Refusal_OfAWrite_SaysSo) {
  EXPECT_TRUE(verdict(head("Content-Length: x\r\n")).refusal->is_write);
  EXPECT_FALSE(verdict("GET / HTTP/1.1\r\n\r\n").refusal->is_write);
}

}  // namespace
}  // namespace cairn::http
