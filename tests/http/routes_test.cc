#include <gtest/gtest.h>

#include "http/handlers.h"
#include "http/router.h"

namespace cairn::http {
namespace {

TEST(Router, Paths_FindTheirRoute) {
  EXPECT_EQ(route("/v1/kv").endpoint, Endpoint::kRange);
  EXPECT_EQ(route("/v1/kv/a//../b%2F").endpoint, Endpoint::kItem);
  EXPECT_EQ(route("/v1/kv/a//../b%2F").key, "a//../b%2F");
  EXPECT_EQ(route("/v1/kv/").key, "");
  EXPECT_EQ(route("/v1/ring/x/y").endpoint, Endpoint::kRing);
  EXPECT_EQ(route("/v1/cluster").endpoint, Endpoint::kCluster);
  EXPECT_EQ(route("/metrics").endpoint, Endpoint::kMetrics);
  EXPECT_EQ(route("/v1/cluster/nodes").endpoint, Endpoint::kNodes);
  EXPECT_EQ(route("/v1/cluster/nodes/7/promote").endpoint, Endpoint::kPromote);
  EXPECT_EQ(route("/v1/cluster/nodes/7/promote").key, "7");
  EXPECT_EQ(route("/v1/cluster/partitions/3/leader").endpoint, Endpoint::kLeader);
  for (const char* none :
       {"/", "", "/v1", "/v1/kvx", "/v1/kv%2Fa", "/V1/kv/a", "//v1/kv/a", "/health/", "/v1/txn",
        "/v1/watch", "/v1/leases", "/v1/ring", "/v1/cluster/nodes/", "/v1/cluster/nodes/1",
        "/v1/cluster/nodes/1/2/promote", "/v1/cluster/nodes//promote",
        "/v1/cluster/partitions/leader"}) {
    EXPECT_EQ(route(none).endpoint, Endpoint::kNone) << none;
  }
}

Call call_of(Method method, std::string target) {
  Request request;
  request.method = method;
  request.target = std::move(target);
  return make_call(std::move(request));
}

TEST(Calls, Keys_AreDecodedExactlyOnce) {
  EXPECT_EQ(call_of(Method::kGet, "/v1/kv/a%2Fb+c%2525/../").key, "a/b+c%25/../");
  EXPECT_EQ(call_of(Method::kGet, "/v1/kv/%00?raw").key, std::string(1, '\0'));
  EXPECT_EQ(call_of(Method::kGet, "/v1/kv/").problem->code, Code::kKeyEmpty);
  EXPECT_EQ(call_of(Method::kGet, "/v1/kv/%").problem->code, Code::kBadRequest);
  EXPECT_EQ(call_of(Method::kPut, "/v1/kv").problem->code, Code::kMethodNotAllowed);
  EXPECT_EQ(call_of(Method::kPut, "/v1/kv").problem->committed, kv::Committed::kNo);
  EXPECT_EQ(call_of(Method::kGet, "/v1/txn").problem->committed, std::nullopt);
}

TEST(Calls, Conflicts_KeepTheOrderAClientMayRelyOn) {
  const auto access = [](const Call& c) { return AccessOf{c.access, c.key_hash}; };
  const AccessOf get = access(call_of(Method::kGet, "/v1/kv/a"));
  const AccessOf list = access(call_of(Method::kGet, "/v1/kv"));
  const AccessOf put_a = access(call_of(Method::kPut, "/v1/kv/a"));
  const AccessOf put_b = access(call_of(Method::kPut, "/v1/kv/b"));
  const AccessOf clear = access(call_of(Method::kDelete, "/v1/kv?prefix=x"));
  const AccessOf health = access(call_of(Method::kGet, "/health"));
  EXPECT_FALSE(conflict(get, list));
  EXPECT_FALSE(conflict(put_a, put_b));
  EXPECT_TRUE(conflict(put_a, put_a));
  EXPECT_TRUE(conflict(put_b, get));
  EXPECT_TRUE(conflict(get, put_b));
  EXPECT_TRUE(conflict(clear, put_a));
  EXPECT_TRUE(conflict(put_a, clear));
  EXPECT_TRUE(conflict(clear, clear));
  EXPECT_TRUE(conflict(list, clear));
  EXPECT_FALSE(conflict(put_a, health));
  EXPECT_FALSE(conflict(health, clear));
}

}  // namespace
}  // namespace cairn::http
