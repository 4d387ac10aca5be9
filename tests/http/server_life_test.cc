// Start, stop, and what stands in the way of either.
#include "tests/http/server_fixture.h"

namespace cairn::http {
namespace {

using std::chrono::milliseconds;

class Life : public ServerTest {
 protected:
  kv::Errc start_error(ServerOptions options, std::string* detail = nullptr) {
    auto server = Server::Impl::start(backend_, std::move(options));
    if (server) {
      (*server)->stop();
      return kv::Errc{};
    }
    if (detail != nullptr) *detail = server.error().detail;
    return server.error().code;
  }
};

TEST_F(Life, AddressInUse_IsNamed) {
  start();
  std::string detail;
  EXPECT_EQ(start_error({.listen = server_->address()}, &detail), kv::Errc::kAddressInUse);
  EXPECT_EQ(detail, server_->address());
}

TEST_F(Life, BadOptions_AreNamed) {
  for (const char* listen : {"", "8001", ":8001", "localhost", "localhost:", "localhost:x",
                             "::1:80", "h:99999", "h:-1"}) {
    std::string detail;
    EXPECT_EQ(start_error({.listen = listen}, &detail), kv::Errc::kConfiguration) << listen;
    EXPECT_NE(detail.find("listen"), std::string::npos);
  }
  EXPECT_EQ(start_error({.listen = "127.0.0.1:0", .pipeline_max = 0}), kv::Errc::kConfiguration);
  EXPECT_EQ(start_error({.listen = "127.0.0.1:0", .idle_timeout = milliseconds(0)}),
            kv::Errc::kConfiguration);
  EXPECT_EQ(start_error({.listen = "192.0.2.1:0"}), kv::Errc::kConfiguration);
  EXPECT_EQ(start_error({.listen = "localhost:0"}), kv::Errc{});
}

TEST_F(Life, Stop_ClosesIdleConnectionsAtOnce) {
  start({.stop_timeout = milliseconds(20'000)});
  Client idle = client();
  EXPECT_EQ(idle.ask(request("GET", "/health")).status, 200);
  const auto begin = Clock::now();
  stop();
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(5));
  EXPECT_TRUE(idle.ended());
  EXPECT_THROW(client(), std::runtime_error);
  stop();  // again is a no-op
}

TEST_F(Life, Stop_LetsRequestsUnderWayFinish) {
  start({.linger_timeout = milliseconds(50), .stop_timeout = milliseconds(20'000)});
  on_loop([](FakeBackend& b) { b.answers = FakeBackend::Answers::kHeld; });
  Client busy = client();
  busy.send(request("PUT", "/v1/kv/a", "1"));
  await_held(1);
  Client halfway = client();
  halfway.send("PUT /v1/kv/b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n1");
  await_metric("cairn_http_connections", [](double n) { return n == 3; });
  Client idle = client();
  EXPECT_EQ(idle.ask(request("GET", "/health")).status, 200);
  std::thread stopper([this] { stop(); });
  EXPECT_TRUE(idle.ended());  // the stop has begun
  EXPECT_FALSE(busy.readable_within(20));
  halfway.send("2");
  await_held(2);
  on_loop([](FakeBackend& b) { b.release_all(); });
  for (Client* c : {&busy, &halfway}) {
    const Answer a = c->read();
    EXPECT_EQ(a.status, 200);
    EXPECT_EQ(a.field("connection"), "close");
    EXPECT_TRUE(c->ended());
  }
  stopper.join();
}

TEST_F(Life, Stop_DoesNotWaitForEver) {
  start({.stop_timeout = milliseconds(50)});
  on_loop([](FakeBackend& b) { b.answers = FakeBackend::Answers::kHeld; });
  Client c = client();
  c.send(request("PUT", "/v1/kv/a", "1"));
  await_held(1);
  stop();
  EXPECT_EQ(c.read().status, 0);
  on_loop([](FakeBackend& b) { b.release_all(); });  // a late answer finds nobody, and no harm
}

TEST_F(Life, Stop_OnTheLoopThread_ReturnsAtOnce) {
  start();
  Client c = client();
  EXPECT_EQ(c.ask(request("GET", "/health")).status, 200);
  on_loop([this](FakeBackend&) { stop(); });
  EXPECT_TRUE(c.ended());
}

TEST_F(Life, KeepAlive_AndClose_AreAsTheClientWishes) {
  start();
  Client c = client();
  EXPECT_EQ(c.ask(request("GET", "/health")).field("connection"), "");
  EXPECT_EQ(c.ask(request("GET", "/health", {}, "Connection: close\r\n")).field("connection"),
            "close");
  EXPECT_TRUE(c.ended());
  Client old = client();
  EXPECT_EQ(old.ask("GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n").status, 200);
  EXPECT_TRUE(old.ended());
}

}  // namespace
}  // namespace cairn::http
