// The contract of each route, over real sockets.
#include "tests/http/server_fixture.h"

namespace cairn::http {
namespace {

class Routes : public ServerTest {
 protected:
  void SetUp() override { start(); }
  Answer put(std::string_view key, std::string_view value, std::string_view fields = {}) {
    return ask(request("PUT", "/v1/kv/" + std::string(key), value, fields));
  }
  Answer get(std::string_view target, std::string_view fields = {}) {
    return ask(request("GET", target, {}, fields));
  }
  Answer remove(std::string_view target, std::string_view fields = {}) {
    return ask(request("DELETE", target, {}, fields));
  }
};

TEST_F(Routes, Put_NewAndOld_TellVersionAndRevision) {
  const Answer first = put("k", "1");
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.field("content-type"), "application/json");
  EXPECT_EQ(first.field("cairn-revision"), "1001");
  EXPECT_EQ(first.body, "{\"revision\":1001,\"version\":\"1\",\"created\":true}\n");
  EXPECT_EQ(put("k", "2").body, "{\"revision\":1002,\"version\":\"2\",\"created\":false}\n");
  const boost::json::value previous = json_of(put("k?prev", "3")).at("prev");
  EXPECT_EQ(previous.at("value").as_string(), "2");
  EXPECT_EQ(previous.at("mod_revision").as_int64(), 1002);
  EXPECT_EQ(member(put("new?prev", "1"), "prev"), "null");
}

TEST_F(Routes, Put_Conditions_AreKeptAndTold) {
  EXPECT_EQ(put("k", "1", "If-None-Match: *\r\n").status, 200);
  Answer refused = put("k", "2", "If-None-Match: *\r\n");
  EXPECT_EQ(code_of(refused), "revision_mismatch");
  EXPECT_EQ(member(refused, "revision"), "1001");
  EXPECT_EQ(member(refused, "committed"), "no");
  EXPECT_EQ(put("k", "2", "If-Match: \"1001\"\r\n").status, 200);
  refused = put("k", "3", "If-Match: \"1001\"\r\n");
  EXPECT_EQ(code_of(refused), "revision_mismatch");
  EXPECT_EQ(member(refused, "revision"), "1002");
  refused = put("absent", "3", "If-Match: \"1001\"\r\n");
  EXPECT_EQ(member(refused, "revision"), "null");
  EXPECT_EQ(code_of(put("k", "3", "If-None-Match: \"1001\"\r\n")), "bad_request");
  EXPECT_EQ(get("/v1/kv/k?raw").body, "2");
}

TEST_F(Routes, Get_Item_IsJsonOrRaw) {
  put("dir/%C3%A9", "v\"1");
  const Answer json = get("/v1/kv/dir%2f%c3%a9");
  EXPECT_EQ(json.status, 200);
  EXPECT_EQ(json.field("etag"), "\"1001\"");
  EXPECT_EQ(json.field("cairn-revision"), "1001");
  EXPECT_EQ(member(json, "key"), "dir/\xC3\xA9");
  EXPECT_EQ(member(json, "value"), "v\"1");
  EXPECT_EQ(member(json, "version"), "1");
  const Answer raw = get("/v1/kv/dir/%C3%A9?raw");
  EXPECT_EQ(raw.field("content-type"), "application/octet-stream");
  EXPECT_EQ(raw.field("x-content-type-options"), "nosniff");
  EXPECT_EQ(raw.field("etag"), "\"1001\"");
  EXPECT_EQ(raw.body, "v\"1");
  const Answer absent = get("/v1/kv/none");
  EXPECT_EQ(code_of(absent), "key_not_found");
  EXPECT_EQ(absent.field("cairn-revision"), "1001");
}

TEST_F(Routes, Head_SendsTheHeadOfGet) {
  put("k", "12345");
  Client c = client();
  c.send(request("HEAD", "/v1/kv/k?raw"));
  Answer a = c.read(true);
  EXPECT_EQ(a.status, 200);
  EXPECT_EQ(a.field("content-length"), "5");
  EXPECT_EQ(a.field("etag"), "\"1001\"");
  c.send(request("HEAD", "/v1/kv/none"));
  EXPECT_EQ(c.read(true).status, 404);
  EXPECT_EQ(c.ask(request("GET", "/v1/kv/k?raw")).body, "12345");  // no byte was left over
}

TEST_F(Routes, Delete_TellsWhetherThereWasOne) {
  put("k", "1");
  EXPECT_EQ(code_of(remove("/v1/kv/k", "If-Match: \"5\"\r\n")), "revision_mismatch");
  const Answer gone = remove("/v1/kv/k?prev", "If-Match: \"1001\"\r\n");
  EXPECT_EQ(member(gone, "deleted"), "1");
  EXPECT_EQ(member(gone, "revision"), "1002");
  EXPECT_EQ(gone.field("cairn-revision"), "1002");
  EXPECT_NE(member(gone, "prev"), "null");
  EXPECT_EQ(member(remove("/v1/kv/k"), "deleted"), "0");
}

TEST_F(Routes, Keys_AnyBytes_ComeBackAsTheyWere) {
  for (int byte = 0; byte < 256; ++byte) {
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, "x%%%02X", byte);
    ASSERT_EQ(put(escaped, std::string(1, static_cast<char>(byte))).status, 200) << byte;
    ASSERT_EQ(get(std::string("/v1/kv/") + escaped + "?raw").body,
              std::string(1, static_cast<char>(byte)));
  }
  EXPECT_EQ(member(get("/v1/kv?count_only"), "count"), "256");
  EXPECT_EQ(member(get("/v1/kv/x%ff"), "key_base64"), "eP8=");
  EXPECT_EQ(member(get("/v1/kv/x%ff"), "value_base64"), "/w==");
  put("a+b", "plus");
  EXPECT_EQ(get("/v1/kv/a%2Bb?raw").body, "plus");
  put("a//../.", "dots");
  EXPECT_EQ(get("/v1/kv/a//../.?raw").body, "dots");
}

TEST_F(Routes, List_PagesBothWays) {
  for (const char* key : {"a1", "a2", "a3", "b1"}) put(key, key);
  std::string seen, target = "/v1/kv?prefix=a&limit=2", cursor;
  for (int page = 0; page < 2; ++page) {
    const Answer a = get(target + cursor);
    const boost::json::value body = json_of(a);
    for (const auto& found : body.at("items").as_array()) {
      seen += std::string(found.at("key").as_string()) + " ";
    }
    EXPECT_EQ(a.field("cairn-revision"), "1004");
    cursor = "&cursor=" + member(a, "next");
  }
  EXPECT_EQ(seen, "a1 a2 a3 ");
  EXPECT_EQ(cursor, "&cursor=null");
  EXPECT_EQ(json_of(get("/v1/kv?prefix=a&reverse&limit=1")).at("items").at(0).at("key").as_string(),
            "a3");
  EXPECT_EQ(json_of(get("/v1/kv?start=a2&end=b1")).at("items").as_array().size(), 2u);
  EXPECT_FALSE(json_of(get("/v1/kv?keys_only")).at("items").at(0).as_object().contains("value"));
  EXPECT_EQ(member(get("/v1/kv?prefix=a&count_only"), "count"), "3");
}

TEST_F(Routes, List_BadParameters_AreNamed) {
  const std::pair<const char*, const char*> table[] = {
      {"limit=0", "limit"},         {"limit=10001", "limit"},   {"limit=x", "limit"},
      {"cursor=%2B", "cursor"},     {"cursor=", "cursor"},      {"prefix=a&start=b", "prefix"},
      {"reverse=maybe", "reverse"}, {"revision=3", "revision"}, {"consistency=causal", "causal"},
      {"keys-only", "keys-only"},   {"max_age=1s", "max_age"}};
  for (const auto& [query, name] : table) {
    const Answer a = get(std::string("/v1/kv?") + query);
    EXPECT_EQ(code_of(a), "bad_request") << query;
    EXPECT_NE(member(a, "detail").find(name), std::string::npos) << a.body;
    EXPECT_EQ(member(a, "committed"), "(none)");
  }
}

TEST_F(Routes, DeletePrefix_GoesOnInSteps) {
  for (const char* key : {"a1", "a2", "a3", "b1"}) put(key, key);
  const Answer first = remove("/v1/kv?prefix=a&limit=2");
  EXPECT_EQ(member(first, "deleted"), "2");
  EXPECT_NE(member(first, "next"), "null");
  const Answer second = remove("/v1/kv?prefix=a&limit=2&cursor=" + member(first, "next"));
  EXPECT_EQ(member(second, "deleted"), "1");
  EXPECT_EQ(member(second, "next"), "null");
  EXPECT_EQ(member(get("/v1/kv?count_only"), "count"), "1");
  const Answer missing = remove("/v1/kv");
  EXPECT_EQ(code_of(missing), "bad_request");
  EXPECT_EQ(member(missing, "committed"), "no");
  EXPECT_EQ(code_of(remove("/v1/kv?prefix=b", "Idempotency-Key: k\r\n")), "bad_request");
}

TEST_F(Routes, LaterFeatures_AreNamedNeverIgnored) {
  for (const char* query :
       {"lease=1", "ttl=3", "revision=9", "consistency=causal", "max_age=1ms", "x"}) {
    const Answer read = get(std::string("/v1/kv/k?") + query);
    EXPECT_EQ(code_of(read), "bad_request") << query;
    const Answer write = put(std::string("k?") + query, "v");
    EXPECT_EQ(code_of(write), "bad_request") << query;
    EXPECT_EQ(member(write, "committed"), "no");
  }
  EXPECT_EQ(code_of(get("/v1/cluster?x=1")), "bad_request");
  EXPECT_EQ(code_of(get("/v1/kv/k", "If-None-Match: *\r\n")), "bad_request");
  EXPECT_EQ(code_of(put("k", "v", "Cairn-Min-Revision: 5\r\n")), "bad_request");
  EXPECT_TRUE(calls().empty());
}

TEST_F(Routes, UnknownRouteAndMethod_HaveProblems) {
  EXPECT_EQ(code_of(get("/v1/txn")), "not_found");
  const Answer post = ask(request("POST", "/v1/kv/k", "x"));
  EXPECT_EQ(code_of(post), "method_not_allowed");
  EXPECT_EQ(post.field("allow"), "GET, HEAD, PUT, DELETE");
  EXPECT_EQ(ask(request("PUT", "/v1/kv", "x")).field("allow"), "GET, HEAD, DELETE");
  EXPECT_EQ(ask(request("BREW", "/health")).field("allow"), "GET, HEAD");
}

TEST_F(Routes, ReadOptions_ReachTheStore) {
  get("/v1/kv/k?consistency=eventual", "Cairn-Min-Revision: 77\r\n");
  on_loop([](FakeBackend& b) {
    EXPECT_EQ(b.last_read.consistency, kv::Consistency::kEventual);
    EXPECT_EQ(b.last_read.min_revision, 77u);
  });
  get("/v1/kv?prefix=%00&consistency=eventual", "Cairn-Min-Revision: 78\r\n");
  on_loop([](FakeBackend& b) {
    EXPECT_EQ(b.last_scan.prefix, std::string(1, '\0'));
    EXPECT_EQ(b.last_scan.read.consistency, kv::Consistency::kEventual);
    EXPECT_EQ(b.last_scan.read.min_revision, 78u);
    EXPECT_EQ(b.last_scan.limit, 100u);
  });
}

TEST_F(Routes, IdempotencyKey_ARetryGetsTheFirstAnswer) {
  const Answer first = put("k", "1", "Idempotency-Key: once\r\n");
  const Answer again = put("k", "1", "Idempotency-Key: once\r\n");
  EXPECT_EQ(first.field("idempotency-replayed"), "");
  EXPECT_EQ(again.field("idempotency-replayed"), "true");
  EXPECT_EQ(first.body, again.body);
}

TEST_F(Routes, StoreErrors_BecomeProblems) {
  on_loop([](FakeBackend& b) {
    kv::Error e(kv::Errc::kOutcomeUnknown, "lost the leader", kv::Committed::kUnknown);
    b.fail_with = e;
  });
  const Answer unknown = put("k", "v");
  EXPECT_EQ(code_of(unknown), "outcome_unknown");
  EXPECT_EQ(member(unknown, "committed"), "unknown");
  EXPECT_EQ(member(unknown, "retryable"), "false");
  EXPECT_EQ(member(put("k", "v", "Idempotency-Key: a\r\n"), "retryable"), "true");
  EXPECT_EQ(member(remove("/v1/kv?prefix=k"), "committed"), "unknown");
  on_loop([](FakeBackend& b) {
    kv::Error e(kv::Errc::kOverloaded, "queue");
    e.retry_after_ms = 2500;
    b.fail_with = e;
  });
  EXPECT_EQ(put("k", "v").field("retry-after"), "3");
  EXPECT_EQ(code_of(get("/v1/kv?prefix=")), "overloaded");
}

TEST_F(Routes, Keys_EmptyOrTooLarge_HaveTheirCode) {
  EXPECT_EQ(code_of(put("", "v")), "key_empty");
  EXPECT_EQ(code_of(get("/v1/ring/")), "key_empty");
  EXPECT_EQ(put(std::string(4096, 'k'), "v").status, 200);
  EXPECT_EQ(code_of(put(std::string(4097, 'k'), "v")), "key_too_large");
}

TEST_F(Routes, Admin_Pages_Answer) {
  EXPECT_EQ(get("/health").body, "{\"status\":\"ok\"}\n");
  EXPECT_EQ(get("/livez").body, "{\"status\":\"ok\"}\n");
  EXPECT_EQ(get("/readyz").status, 200);
  on_loop([](FakeBackend& b) {
    b.reasons = {"partition 0 has no leader"};
    b.cluster_view.cluster_id = "0011223344556677";
    b.samples = {{"cairn_wal_fenced", "", 0, kv::Sample::Type::kGauge, "Fenced.", ""}};
  });
  const Answer not_ready = get("/readyz");
  EXPECT_EQ(not_ready.status, 503);
  EXPECT_EQ(member(not_ready, "reasons"), "[\"partition 0 has no leader\"]");
  EXPECT_EQ(member(get("/v1/cluster"), "cluster_id"), "0011223344556677");
  EXPECT_EQ(get("/v1/ring/a%2Fb").body,
            "{\"key\":\"a/b\",\"partition\":0,\"leader\":1,\"nodes\":[1]}\n");
  get("/v1/kv/secret-key");
  const Answer page = get("/metrics");
  EXPECT_EQ(page.field("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_NE(page.body.find("cairn_wal_fenced 0\n"), std::string::npos);
  EXPECT_NE(page.body.find(
                "http_requests_total{method=\"GET\",endpoint=\"/v1/kv/{key}\",status=\"404\"} 1\n"),
            std::string::npos);
  EXPECT_EQ(page.body.find("secret-key"), std::string::npos);
}

TEST_F(Routes, Backup_IsStreamedInChunks_AndTheConnectionGoesOn) {
  const std::string large(300'000, 'x');
  on_loop([&](FakeBackend& backend) { backend.backup_pieces = {"one", "", large, "last"}; });
  Client c = client();
  c.send(request("GET", "/v1/backup") + request("GET", "/livez"));
  const Answer backup = c.read();
  EXPECT_EQ(backup.status, 200);
  EXPECT_EQ(backup.field("content-type"), "application/octet-stream");
  EXPECT_EQ(backup.field("transfer-encoding"), "chunked");
  EXPECT_EQ(backup.body, "one" + large + "last");
  EXPECT_EQ(c.read().status, 200) << "a pipelined request is answered behind it";
}

TEST_F(Routes, Backup_ThatBreaks_HasNoEnd) {
  on_loop([&](FakeBackend& backend) {
    backend.backup_pieces = {"one", "two"};
    backend.backup_breaks = true;
  });
  Client c = client();
  c.send(request("GET", "/v1/backup"));
  const std::string all = c.read_bytes(1u << 20);
  EXPECT_NE(all.find("two"), std::string::npos);
  EXPECT_EQ(all.find("\r\n0\r\n"), std::string::npos);
}

TEST_F(Routes, Backup_Refused_IsAProblem) {
  on_loop([&](FakeBackend& backend) { backend.fail_with = kv::Error(kv::Errc::kOverloaded); });
  EXPECT_EQ(code_of(get("/v1/backup")), "overloaded");
  EXPECT_EQ(code_of(get("/v1/backup?x=1")), "bad_request");
  EXPECT_EQ(code_of(put("", "")), "key_empty");
}

}  // namespace
}  // namespace cairn::http
