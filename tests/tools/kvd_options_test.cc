#include <gtest/gtest.h>

#include "tools/kvd.h"

namespace cairn::tools {
namespace {

class KvdOptionsTest : public testing::Test {
 protected:
  std::string read(const std::vector<std::string>& arguments) {
    Settings settings(kvd_settings());
    const auto nothing = [](const std::string&) { return std::optional<std::string>(); };
    if (auto error = settings.load(arguments, nothing)) return *error;
    options_ = {};
    return read_kvd_options(settings, options_).value_or("");
  }
  KvdOptions options_;
};

TEST_F(KvdOptionsTest, Nothing_OneNodeWithTheContractsDefaults) {
  ASSERT_EQ(read({}), "");
  const kv::Options defaults;
  const kv::Options& store = options_.store;
  EXPECT_EQ(store.data_dir, "cairn-data");
  EXPECT_EQ(store.node_id, 0u);
  EXPECT_TRUE(store.cluster.empty());
  EXPECT_EQ(store.http, "127.0.0.1:8001");
  EXPECT_EQ(options_.http.listen, "127.0.0.1:8001");
  // What the library says of itself is what kvd's help says.
  EXPECT_EQ(store.partitions, defaults.partitions);
  EXPECT_EQ(store.replicas, defaults.replicas);
  EXPECT_EQ(store.heartbeat, defaults.heartbeat);
  EXPECT_EQ(store.election_timeout, defaults.election_timeout);
  EXPECT_EQ(store.lease_drift_ppm, defaults.lease_drift_ppm);
  EXPECT_EQ(store.scrub_bytes_per_second, defaults.scrub_bytes_per_second);
  EXPECT_EQ(store.log_entries_kept, defaults.log_entries_kept);
  EXPECT_EQ(store.log_bytes_kept, defaults.log_bytes_kept);
  EXPECT_EQ(store.segment_bytes, defaults.segment_bytes);
  EXPECT_EQ(store.timeout, defaults.timeout);
  EXPECT_EQ(store.value_bytes_max, defaults.value_bytes_max);
  EXPECT_EQ(store.batch_bytes_max, defaults.batch_bytes_max);
  EXPECT_EQ(store.batch_operations_max, defaults.batch_operations_max);
  EXPECT_EQ(store.idempotency_window, defaults.idempotency_window);
  EXPECT_EQ(store.idempotency_keys_max, defaults.idempotency_keys_max);
  EXPECT_FALSE(store.insecure);
  EXPECT_EQ(store.client, "");
  EXPECT_EQ(store.client_limits.connections_max, defaults.client_limits.connections_max);
  EXPECT_EQ(store.client_limits.in_flight_max, defaults.client_limits.in_flight_max);
  EXPECT_EQ(store.client_limits.frame_bytes_max, defaults.client_limits.frame_bytes_max);
  EXPECT_EQ(store.client_limits.bytes_max, defaults.client_limits.bytes_max);
  EXPECT_EQ(store.client_limits.hello_timeout, defaults.client_limits.hello_timeout);
  EXPECT_EQ(store.client_limits.idle_timeout, defaults.client_limits.idle_timeout);
  const http::ServerOptions door;
  EXPECT_EQ(options_.http.head_timeout, door.head_timeout);
  EXPECT_EQ(options_.http.request_timeout, door.request_timeout);
  EXPECT_EQ(options_.http.idle_timeout, door.idle_timeout);
  EXPECT_EQ(options_.http.connections_max, door.connections_max);
  EXPECT_GE(store.memory_bytes, 32u << 20);
}

TEST_F(KvdOptionsTest, Member_AsInTheContract) {
  ASSERT_EQ(
      read({"--id", "1", "--data-dir", "d1", "--http", "127.0.0.1:8001", "--peer", "127.0.0.1:9001",
            "--cluster", "1=127.0.0.1:9001,2=127.0.0.1:9002,3=127.0.0.1:9003", "--partitions", "16",
            "--replicas", "3", "--insecure"}),
      "");
  EXPECT_EQ(options_.store.node_id, 1u);
  ASSERT_EQ(options_.store.cluster.size(), 3u);
  EXPECT_EQ(options_.store.cluster[2].id, 3u);
  EXPECT_EQ(options_.store.cluster[2].peer, "127.0.0.1:9003");
  EXPECT_EQ(options_.store.partitions, 16u);
  EXPECT_TRUE(options_.store.insecure);
}

TEST_F(KvdOptionsTest, BadCluster_NamesTheEntry) {
  for (const char* bad : {"1", "1=", "0=a:1", "x=a:1", "4294967296=a:1"}) {
    EXPECT_EQ(read({"--id", "1", "--cluster", bad}),
              std::string("--cluster: \"") + bad + "\" is not ID=HOST:PORT");
  }
  EXPECT_EQ(read({"--cluster", "1=a:1"}), "--cluster needs --id, to say which member this is");
}

TEST_F(KvdOptionsTest, NativeDoor_OnlyWhenAsked_WithItsBounds) {
  ASSERT_EQ(read({"--client", "127.0.0.1:7001", "--client-connections-max", "7",
                  "--client-in-flight-max", "8", "--client-idle-timeout", "9s"}),
            "");
  EXPECT_EQ(options_.store.client, "127.0.0.1:7001");
  EXPECT_EQ(options_.store.client_limits.connections_max, 7u);
  EXPECT_EQ(options_.store.client_limits.in_flight_max, 8u);
  EXPECT_EQ(options_.store.client_limits.idle_timeout, std::chrono::seconds{9});
}

TEST_F(KvdOptionsTest, Limits_ReachStoreAndDoor) {
  ASSERT_EQ(read({"--value-bytes-max", "2MiB", "--memory", "128MiB", "--idle-timeout", "2s",
                  "--allow-host", "cairn.example", "--allow-origin", "https://ui.example"}),
            "");
  EXPECT_EQ(options_.store.value_bytes_max, 2u << 20);
  EXPECT_EQ(options_.http.body_bytes_max, 2u << 20);
  EXPECT_EQ(options_.store.memory_bytes, 128u << 20);
  EXPECT_EQ(options_.http.idle_timeout, std::chrono::seconds(2));
  EXPECT_EQ(options_.http.allowed_hosts, std::vector<std::string>{"cairn.example"});
  EXPECT_EQ(options_.http.allowed_origins, std::vector<std::string>{"https://ui.example"});
}

}  // namespace
}  // namespace cairn::tools
