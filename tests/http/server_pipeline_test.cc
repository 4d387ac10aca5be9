// Several requests on one connection: order, concurrency, bounds.
#include <sys/socket.h>

#include "tests/http/server_fixture.h"

namespace cairn::http {
namespace {

class Pipeline : public ServerTest {
 protected:
  void hold() {
    on_loop([](FakeBackend& b) { b.answers = FakeBackend::Answers::kHeld; });
  }
  void release_all() {
    on_loop([](FakeBackend& b) { b.release_all(); });
  }
};

TEST_F(Pipeline, ThousandGets_InOneWrite_AreAnsweredInOrder) {
  start();
  on_loop([](FakeBackend& b) { b.answers = FakeBackend::Answers::kPosted; });
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += request("GET", "/v1/ring/" + std::to_string(i));
  for (int i = 0; i < 1000; ++i) bytes += request("GET", "/v1/kv/" + std::to_string(i));
  Client c = client();
  ASSERT_TRUE(c.send(bytes));
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(member(c.read(), "key"), std::to_string(i));
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(code_of(c.read()), "key_not_found");
}

TEST_F(Pipeline, Answers_ComingInAnyOrder_LeaveInOrder) {
  start();
  hold();
  Client c = client();
  c.send(request("PUT", "/v1/kv/a", "1") + request("PUT", "/v1/kv/b", "2") +
         request("PUT", "/v1/kv/c", "3"));
  await_held(3);  // different keys: under way at once
  on_loop([](FakeBackend& b) { b.release(2); });
  EXPECT_FALSE(c.readable_within(50));
  on_loop([](FakeBackend& b) { b.release(1); });
  EXPECT_FALSE(c.readable_within(50));
  on_loop([](FakeBackend& b) { b.release(0); });
  for (const char* revision : {"1001", "1002", "1003"})
    EXPECT_EQ(member(c.read(), "revision"), revision);
}

TEST_F(Pipeline, ReadAfterWrite_WaitsForIt) {
  start();
  hold();
  Client c = client();
  c.send(request("PUT", "/v1/kv/a", "1") + request("GET", "/v1/kv/a?raw") +
         request("PUT", "/v1/kv/a", "2"));
  await_held(1);
  EXPECT_EQ(calls(), std::vector<std::string>({"put a"}));
  release_all();
  EXPECT_EQ(c.read().status, 200);
  await_held(0);
  EXPECT_EQ(calls(), std::vector<std::string>({"put a", "get a", "put a"}));
  EXPECT_EQ(c.read().body, "1");
  EXPECT_EQ(c.read().status, 200);
}

TEST_F(Pipeline, Depth_IsBounded) {
  start({.pipeline_max = 4});
  hold();
  std::string bytes;
  for (int i = 0; i < 50; ++i) bytes += request("PUT", "/v1/kv/" + std::to_string(i), "v");
  Client c = client();
  c.send(bytes);
  await_held(4);
  EXPECT_FALSE(c.readable_within(50));
  EXPECT_EQ(calls().size(), 4u);
  on_loop([](FakeBackend& b) {
    b.answers = FakeBackend::Answers::kAtOnce;
    b.release_all();
  });
  for (int i = 0; i < 50; ++i) ASSERT_EQ(c.read().status, 200) << i;
}

TEST_F(Pipeline, ClientThatDoesNotRead_HoldsBoundedBytes) {
  start();
  ASSERT_EQ(ask(request("PUT", "/v1/kv/big", std::string(1 << 20, 'x'))).status, 200);
  Client c = client();
  std::string bytes;
  for (int i = 0; i < 64; ++i) bytes += request("GET", "/v1/kv/big?raw");
  c.send(bytes);
  ASSERT_TRUE(c.readable_within(10'000));
  // Reads are begun only while little waits to be sent, so most of the 64 MiB were never made.
  const auto gets = [this] { return calls().size() - 1; };
  std::size_t before = gets(), now = 0;
  while ((now = gets()) != before) before = now;
  EXPECT_LT(now, 20u);
  for (int i = 0; i < 64; ++i) ASSERT_EQ(c.read().body.size(), 1u << 20);
  // A read was under way while the buffered requests were taken: the next one is found all the
  // same.
  EXPECT_EQ(member(c.ask(request("GET", "/v1/ring/next")), "key"), "next");
}

TEST_F(Pipeline, BadRequest_BehindGoodOnes_IsAnsweredLast) {
  start();
  Client c = client();
  c.send(request("PUT", "/v1/kv/a", "1") + request("GET", "/v1/kv/a?raw") + "GARBAGE\r\n\r\n" +
         request("DELETE", "/v1/kv/a"));
  EXPECT_EQ(c.read().status, 200);
  EXPECT_EQ(c.read().body, "1");
  const Answer last = c.read();
  EXPECT_EQ(code_of(last), "bad_request");
  EXPECT_EQ(last.field("connection"), "close");
  EXPECT_TRUE(c.ended());
  EXPECT_EQ(calls().size(), 2u);
}

TEST_F(Pipeline, HalfClosedClient_GetsItsAnswers) {
  start();
  hold();
  Client c = client();
  c.send(request("PUT", "/v1/kv/a", "1") + request("GET", "/v1/kv/a?raw"));
  c.finish_sending();
  await_held(1);
  on_loop([](FakeBackend& b) {
    b.answers = FakeBackend::Answers::kAtOnce;
    b.release_all();
  });
  EXPECT_EQ(c.read().status, 200);
  EXPECT_EQ(c.read().body, "1");
  EXPECT_TRUE(c.ended());
}

TEST_F(Pipeline, ClientThatLeaves_DoesNotDisturb) {
  start();
  hold();
  {
    Client c = client();
    c.send(request("PUT", "/v1/kv/a", "1"));
    await_held(1);
  }
  on_loop([](FakeBackend& b) {
    b.answers = FakeBackend::Answers::kAtOnce;
    b.release_all();
  });
  EXPECT_EQ(ask(request("GET", "/v1/kv/a?raw")).body, "1");
}

TEST_F(Pipeline, TooManyBytesHeld_NewRequestsAreOverloaded) {
  start({.buffer_bytes_max = 4u << 20});
  std::vector<Client> slow;
  for (int i = 0; i < 8; ++i) {
    slow.push_back(client());
    slow.back().send("PUT /v1/kv/s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n" +
                     std::string(900'000, 'x'));
  }
  await_metric("cairn_http_refused_total{reason=\"memory\"}", [](double n) { return n >= 1; });
  int refused = 0;
  for (Client& c : slow) {
    if (!c.readable_within(0)) continue;
    ++refused;
    const Answer a = c.read();
    EXPECT_EQ(code_of(a), "overloaded");
    EXPECT_EQ(member(a, "committed"), "no");
  }
  EXPECT_GE(refused, 1);
  slow.clear();
  await_metric("cairn_http_buffered_bytes", [](double n) { return n == 0; });
  EXPECT_EQ(ask(request("GET", "/v1/kv/none")).status, 404);
}

}  // namespace
}  // namespace cairn::http
