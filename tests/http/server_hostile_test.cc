// Bad input: always an answer where one can be given, never a 500, never another request's harm.
#include <gmock/gmock.h>

#include <random>

#include "tests/http/server_fixture.h"

namespace cairn::http {
namespace {

using std::chrono::milliseconds;

class Hostile : public ServerTest {};

TEST_F(Hostile, UnclearFraming_IsAnsweredAndClosed) {
  start();
  const std::string smuggled = request("DELETE", "/v1/kv/victim");
  const std::string lines[] = {"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
                               "Content-Length: 4\r\nContent-Length: 5\r\n",
                               "Transfer-Encoding: gzip\r\n",
                               "Transfer-Encoding: xchunked\r\n",
                               "Transfer-Encoding: chunked, gzip\r\n",
                               "Content-Length: 18446744073709551620\r\n",
                               "Content-Length : 4\r\n",
                               "Transfer-Encoding:\r\n chunked\r\n"};
  for (const std::string& line : lines) {
    Client c = client();
    c.send("PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\n" + line + "\r\n0\r\n\r\n" + smuggled);
    const Answer a = c.read();
    EXPECT_EQ(code_of(a), "bad_request") << line;
    EXPECT_EQ(member(a, "committed"), "no");
    EXPECT_EQ(a.field("connection"), "close");
    EXPECT_TRUE(c.ended()) << line;
  }
  EXPECT_TRUE(calls().empty());
}

TEST_F(Hostile, Chunked_GoodAndBad_AreToldApart) {
  start();
  const std::string head =
      "PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
  Client c = client();
  EXPECT_EQ(c.ask(head + "3\r\nabc\r\n0\r\n\r\n").status, 200);
  EXPECT_EQ(c.ask(request("GET", "/v1/kv/a?raw")).body, "abc");
  EXPECT_EQ(code_of(ask(head + "3;x=y\r\nabc\r\n0\r\n\r\n")), "bad_request");
  EXPECT_EQ(code_of(ask(head + "3\r\nabc\r\n0\r\nHost: evil\r\n\r\n")), "bad_request");
  EXPECT_EQ(code_of(ask(head + "fffffff\r\n")), "too_large");
}

TEST_F(Hostile, Sizes_OverTheLimit_HaveAnAnswer) {
  start({.body_bytes_max = 1000});
  EXPECT_EQ(ask(request("PUT", "/v1/kv/a", std::string(1000, 'x'))).status, 200);
  // The body is sent whole, although nobody wants it: the client must still see the answer.
  const Answer large = ask(request("PUT", "/v1/kv/a", std::string(3'000'000, 'x')));
  EXPECT_EQ(code_of(large), "too_large");
  EXPECT_EQ(member(large, "committed"), "no");
  EXPECT_EQ(code_of(ask(request("GET", "/" + std::string(40'000, 'x')))), "uri_too_long");
  EXPECT_EQ(code_of(ask(request("GET", "/health", {}, "X: " + std::string(40'000, 'x') + "\r\n"))),
            "header_too_large");
  std::string many;
  for (int i = 0; i < 2000; ++i) many += "a:\r\n";
  EXPECT_EQ(code_of(ask(request("GET", "/health", {}, many))), "header_too_large");
}

TEST_F(Hostile, Expect_IsAnsweredBeforeTheBody) {
  start({.body_bytes_max = 1000});
  const auto head = [](int n) {
    return "PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: " +
           std::to_string(n) + "\r\n\r\n";
  };
  Client c = client();
  c.send(head(3));
  EXPECT_EQ(c.read_bytes(25), "HTTP/1.1 100 Continue\r\n\r\n");
  c.send("abc");
  EXPECT_EQ(c.read().status, 200);
  EXPECT_EQ(code_of(c.ask(head(1001))), "too_large");
  EXPECT_TRUE(c.ended());
}

TEST_F(Hostile, Expect_BehindASlowRequest_WaitsItsTurn) {
  start();
  on_loop([](FakeBackend& b) { b.answers = FakeBackend::Answers::kHeld; });
  Client c = client();
  c.send(request("PUT", "/v1/kv/a", "1") +
         "PUT /v1/kv/b HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: "
         "1\r\n\r\n");
  await_held(1);
  EXPECT_FALSE(c.readable_within(50));
  on_loop([](FakeBackend& b) {
    b.answers = FakeBackend::Answers::kAtOnce;
    b.release_all();
  });
  EXPECT_EQ(c.read().status, 200);
  EXPECT_EQ(c.read_bytes(25), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(c.ask("2").status, 200);
}

TEST_F(Hostile, BrokenEscapes_AreBadRequests) {
  start();
  for (const char* target :
       {"/v1/kv/%", "/v1/kv/a%2", "/v1/kv/%zz", "/v1/kv?prefix=%", "/v1/kv?%gg=1", "/v1/ring/%"}) {
    EXPECT_EQ(code_of(ask(request("GET", target))), "bad_request") << target;
  }
}

TEST_F(Hostile, ForeignHostAndOrigin_AreRefused) {
  start({.allowed_hosts = {"db.example"}, .allowed_origins = {"http://ui.example"}});
  const auto from = [this](const std::string& lines) {
    return ask("GET /health HTTP/1.1\r\n" + lines + "\r\n");
  };
  EXPECT_EQ(code_of(from("Host: evil.example\r\n")), "misdirected");
  EXPECT_EQ(from("Host: db.example:8001\r\n").status, 200);
  EXPECT_EQ(code_of(from("Host: localhost\r\nOrigin: http://evil.example\r\n")), "origin_refused");
  EXPECT_EQ(from("Host: localhost\r\nOrigin: http://ui.example\r\n").status, 200);
}

TEST_F(Hostile, SlowHead_IsTimedOutWithAnAnswer) {
  start({.head_timeout = milliseconds(60)});
  Client c = client();
  c.send("GET /health HTTP/1.1\r\nHost: loc");
  EXPECT_EQ(code_of(c.read()), "timeout");
  EXPECT_TRUE(c.ended());
}

TEST_F(Hostile, SlowBody_IsTimedOutWithAnAnswer) {
  start({.request_timeout = milliseconds(60)});
  Client c = client();
  c.send("PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc");
  const Answer a = c.read();
  EXPECT_EQ(code_of(a), "timeout");
  EXPECT_EQ(member(a, "committed"), "no");
  EXPECT_TRUE(c.ended());
}

TEST_F(Hostile, IdleConnection_IsClosedWithoutAnAnswer) {
  start({.idle_timeout = milliseconds(60)});
  Client fresh = client();
  Client used = client();
  EXPECT_EQ(used.ask(request("GET", "/health")).status, 200);
  EXPECT_TRUE(fresh.ended());
  EXPECT_TRUE(used.ended());
}

TEST_F(Hostile, ClientThatTakesNothing_IsDropped) {
  start({.write_timeout = milliseconds(60), .write_bytes_per_second_min = 1u << 30});
  ASSERT_EQ(ask(request("PUT", "/v1/kv/big", std::string(1 << 20, 'x'))).status, 200);
  Client c = client();
  std::string bytes;
  for (int i = 0; i < 16; ++i) bytes += request("GET", "/v1/kv/big?raw");
  c.send(bytes);
  await_metric("cairn_http_timeouts_total", [](double n) { return n == 1; });
  await_metric("cairn_http_connections", [](double n) { return n == 1; });
}

TEST_F(Hostile, ThreeHundredTricklers_DoNotHoldUpOthers) {
  start({.head_timeout = milliseconds(400)});
  std::vector<Client> tricklers;
  for (int i = 0; i < 300; ++i) tricklers.push_back(client());
  const std::string slow =
      "GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(2000, 'x');
  const auto begin = Clock::now();
  std::size_t sent = 0;
  for (; sent < slow.size() && !tricklers.back().readable_within(5); ++sent) {
    for (Client& t : tricklers) t.send(slow.substr(sent, 1));
    ASSERT_EQ(ask(request("GET", "/health")).status, 200);
    ASSERT_LT(Clock::now() - begin, std::chrono::seconds(30));
  }
  EXPECT_GT(sent, 1u);
  for (Client& t : tricklers) ASSERT_EQ(code_of(t.read()), "timeout");
}

TEST_F(Hostile, HalfARequest_ThenTheEnd_IsAnswered) {
  start();
  for (const char* bytes :
       {"GET /hea", "GET /health HTTP/1.1\r\nHost: localhost\r\n",
        "PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc"}) {
    Client c = client();
    c.send(bytes);
    c.finish_sending();
    EXPECT_EQ(code_of(c.read()), "bad_request") << bytes;
    EXPECT_TRUE(c.ended());
  }
  Client silent = client();
  silent.finish_sending();
  EXPECT_TRUE(silent.ended());
}

TEST_F(Hostile, Garbage_NeverHarms) {
  start({.head_timeout = milliseconds(500)});
  std::mt19937_64 random(99);
  for (int round = 0; round < 300; ++round) {
    std::string bytes;
    for (std::size_t n = 1 + random() % 3000; n > 0; --n)
      bytes += static_cast<char>(random() & 0xFF);
    if (round % 3 == 0) bytes = request("PUT", "/v1/kv/a", "x").substr(0, random() % 40) + bytes;
    Client c = client();
    c.send(bytes);
    c.finish_sending();
    const Answer a = c.read();
    ASSERT_THAT(a.status, testing::AllOf(testing::Ge(400), testing::Lt(500))) << round;
  }
  EXPECT_EQ(ask(request("GET", "/health")).status, 200);
}

TEST_F(Hostile, TooManyConnections_AreToldSo) {
  start({.connections_max = 3});
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(client());
    ASSERT_EQ(clients.back().ask(request("GET", "/health")).status, 200);
  }
  Client over = client();
  const Answer a = over.read();
  EXPECT_EQ(code_of(a), "overloaded");
  EXPECT_EQ(a.field("connection"), "close");
  EXPECT_EQ(clients[0].ask(request("GET", "/health")).status, 200);
}

}  // namespace
}  // namespace cairn::http
