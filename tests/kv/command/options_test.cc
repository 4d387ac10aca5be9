#include "cairn/kv/options.h"

#include <gtest/gtest.h>

#include "cairn/kv/store.h"

namespace cairn::kv {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

Options alone() {
  Options o;
  o.data_dir = "demo";
  return o;
}

Options member() {
  Options o = alone();
  o.node_id = 1;
  o.peer = "127.0.0.1:9001";
  o.cluster = {{1, "127.0.0.1:9001"}, {2, "127.0.0.1:9002"}, {3, "[::1]:9003"}};
  return o;
}

/// The name that the refusal begins with, or "" when the options are fine.
std::string refused_field(const Options& options) {
  const Result<void> result = validate(options);
  if (result) return {};
  EXPECT_EQ(result.error().code, Errc::kConfiguration);
  const std::string& detail = result.error().detail;
  EXPECT_NE(detail.find(": "), std::string::npos) << detail;
  return detail.substr(0, detail.find(':'));
}

template <class Change>
std::string refused(Options options, Change change) {
  change(options);
  return refused_field(options);
}

TEST(Options_Validate, DefaultsOfBothKinds_AreFine) {
  EXPECT_EQ(refused_field(alone()), "");
  EXPECT_EQ(refused_field(member()), "");
}

TEST(Options_Validate, RestartWithoutTheList_IsFine) {
  EXPECT_EQ(refused(member(), [](Options& o) { o.cluster.clear(); }), "");
}

TEST(Options_Validate, Identity_IsConsistent) {
  EXPECT_EQ(refused(alone(), [](Options& o) { o.data_dir.clear(); }), "data_dir");
  EXPECT_EQ(refused(alone(), [](Options& o) { o.data_dir.push_back('\0'); }), "data_dir");
  EXPECT_EQ(refused(alone(), [](Options& o) { o.node_id = 1ull << 32; }), "node_id");
  EXPECT_EQ(refused(alone(), [](Options& o) { o.peer = "127.0.0.1:1"; }), "node_id");
  EXPECT_EQ(refused(member(), [](Options& o) { o.node_id = 0; }), "node_id");
  EXPECT_EQ(refused(member(), [](Options& o) { o.peer.clear(); }), "peer");
  EXPECT_EQ(refused(member(), [](Options& o) { o.node_id = 4; }), "") << "it wants to join";
}

TEST(Options_Validate, Members_AreDistinctAndDialable) {
  EXPECT_EQ(refused(member(), [](Options& o) { o.cluster[1].id = 0; }), "cluster");
  EXPECT_EQ(refused(member(), [](Options& o) { o.cluster[1].id = 1ull << 32; }), "cluster");
  EXPECT_EQ(refused(member(), [](Options& o) { o.cluster[1].id = 3; }), "cluster");
  EXPECT_EQ(refused(member(), [](Options& o) { o.cluster[1].peer = o.cluster[0].peer; }),
            "cluster");
  EXPECT_EQ(refused(member(), [](Options& o) { o.cluster[1].peer = "nowhere"; }), "cluster");
}

TEST(Options_Validate, Client_BeyondLoopback_AsksForInsecure) {
  EXPECT_EQ(refused(alone(), [](Options& o) { o.client = "127.0.0.1:7001"; }), "");
  EXPECT_EQ(refused(alone(), [](Options& o) { o.client = "10.0.0.1:7001"; }), "insecure");
  EXPECT_EQ(refused(alone(),
                    [](Options& o) {
                      o.client = "10.0.0.1:7001";
                      o.insecure = true;
                    }),
            "");
}

TEST(Options_Validate, Addresses_AreHostAndPort) {
  for (const char* bad : {":1", "a:", "a:0", "a:65536", "a:1x", "a b:1", "::1:9001", "[]:1",
                          "[::1]", "a/b:1", "a:-1", "a:000001"}) {
    EXPECT_EQ(refused(alone(), [&](Options& o) { o.http = bad; }), "http") << bad;
    EXPECT_EQ(refused(alone(), [&](Options& o) { o.client = bad; }), "client") << bad;
  }
  for (const char* good : {"localhost:8001", "a.example:1", "[::1]:65535", "10.0.0.1:80"}) {
    EXPECT_EQ(refused(alone(), [&](Options& o) { o.http = good; }), "") << good;
  }
}

TEST(Options_Validate, PeerPortBeyondLoopback_AsksForInsecure) {
  for (const char* far : {"0.0.0.0:9001", "10.0.0.1:9001", "[::]:9001", "n1.example:9001",
                          "127.evil.example:9001", "127.0.0:9001", "127.0.0.256:9001"}) {
    EXPECT_EQ(refused(member(), [&](Options& o) { o.peer = far; }), "insecure") << far;
    EXPECT_EQ(refused(member(),
                      [&](Options& o) {
                        o.peer = far;
                        o.insecure = true;
                      }),
              "")
        << far;
  }
  for (const char* near : {"127.0.0.1:9001", "127.8.8.8:9001", "localhost:9001", "[::1]:9001"}) {
    EXPECT_EQ(refused(member(), [&](Options& o) { o.peer = near; }), "") << near;
  }
}

TEST(Options_Validate, Times_AreInRange) {
  EXPECT_EQ(refused(alone(), [](Options& o) { o.heartbeat = milliseconds{9}; }), "heartbeat");
  EXPECT_EQ(refused(alone(), [](Options& o) { o.heartbeat = milliseconds{10'001}; }), "heartbeat");
  EXPECT_EQ(refused(alone(), [](Options& o) { o.election_timeout = milliseconds{199}; }),
            "election_timeout");
  EXPECT_EQ(refused(alone(), [](Options& o) { o.election_timeout = milliseconds{200}; }), "");
  EXPECT_EQ(refused(alone(), [](Options& o) { o.election_timeout = hours{1}; }),
            "election_timeout");
  for (const std::uint32_t ppm : {0u, 1'000u, 200'000u})
    EXPECT_EQ(refused(alone(), [&](Options& o) { o.lease_drift_ppm = ppm; }), "") << ppm;
  for (const std::uint32_t ppm : {1u, 999u, 200'001u})
    EXPECT_EQ(refused(alone(), [&](Options& o) { o.lease_drift_ppm = ppm; }), "lease_drift_ppm");
  EXPECT_EQ(refused(alone(), [](Options& o) { o.timeout = milliseconds{0}; }), "timeout");
  EXPECT_EQ(refused(alone(), [](Options& o) { o.timeout = hours{1}; }), "timeout");
  EXPECT_EQ(refused(alone(), [](Options& o) { o.idempotency_window = milliseconds{-1}; }),
            "idempotency_window");
  EXPECT_EQ(refused(alone(), [](Options& o) { o.idempotency_window = hours{24 * 8}; }),
            "idempotency_window");
}

TEST(Options_Validate, Sizes_AreInRange) {
  EXPECT_EQ(refused(alone(), [](Options& o) { o.partitions = 4097; }), "partitions");
  EXPECT_EQ(refused(alone(), [](Options& o) { o.replicas = 0; }), "replicas");
  EXPECT_EQ(refused(alone(), [](Options& o) { o.replicas = 8; }), "replicas");
  EXPECT_EQ(refused(alone(), [](Options& o) { o.log_entries_kept = 99; }), "log_entries_kept");
  EXPECT_EQ(refused(alone(), [](Options& o) { o.log_bytes_kept = 1; }), "log_bytes_kept");
  EXPECT_EQ(refused(alone(), [](Options& o) { o.segment_bytes = 65'535; }), "segment_bytes");
  EXPECT_EQ(refused(alone(), [](Options& o) { o.memory_bytes = (32u << 20) - 1; }), "memory_bytes");
  EXPECT_EQ(refused(alone(), [](Options& o) { o.memory_bytes = 1ull << 41; }), "memory_bytes");
  EXPECT_EQ(refused(alone(), [](Options& o) { o.key_bytes_max = 4097; }), "key_bytes_max");
  EXPECT_EQ(refused(alone(), [](Options& o) { o.value_bytes_max = (8u << 20) + 1; }),
            "value_bytes_max");
  EXPECT_EQ(refused(alone(), [](Options& o) { o.batch_bytes_max = 0; }), "batch_bytes_max");
  EXPECT_EQ(refused(alone(), [](Options& o) { o.batch_operations_max = 0; }),
            "batch_operations_max");
  EXPECT_EQ(refused(alone(), [](Options& o) { o.idempotency_keys_max = 1u << 25; }),
            "idempotency_keys_max");
}

TEST(WriteBatch_Operations, PutAndRemove_KeepTheirOrder) {
  WriteBatch batch;
  batch.put("a", "1").remove("b");
  ASSERT_EQ(batch.operations().size(), 2u);
  EXPECT_FALSE(batch.operations()[0].remove);
  EXPECT_EQ(batch.operations()[0].value, "1");
  EXPECT_TRUE(batch.operations()[1].remove);
  EXPECT_EQ(batch.operations()[1].key, "b");
}

}  // namespace
}  // namespace cairn::kv
