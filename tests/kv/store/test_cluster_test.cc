// Three real members in this process: real disks, real sockets, real threads.
#include "cairn/kv/test_cluster.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>
#include <vector>

#include "tests/kv/store/support.h"

namespace cairn::kv {
namespace {

class TestClusterTest : public testing::Test {
 protected:
  static void small(Options& o) {
    o.segment_bytes = 1u << 20;
    // Sanitizers are slow, and the machine has others to serve.
    o.heartbeat = milliseconds{50};
    o.election_timeout = milliseconds{500};
    o.timeout = milliseconds{10'000};
  }
  static TestCluster start(std::size_t nodes = 3) {
    auto cluster = TestCluster::start(nodes, small);
    EXPECT_TRUE(cluster) << cluster.error().message();
    return std::move(cluster.value());
  }
  static std::string value(Store& store, const std::string& key) {
    const auto got = store.get(key);
    if (!got) return "? " + got.error().message();
    return *got ? (*got)->value : "-";
  }
  static std::uint64_t leader(Store& store) {
    const ClusterView view = store.cluster();
    return view.partitions.empty() ? 0 : view.partitions[0].leader;
  }
};

TEST_F(TestClusterTest, Three_Started_ReadAndWriteEverywhere) {
  TestCluster cluster = start();
  ASSERT_EQ(cluster.size(), 3u);
  for (const std::uint64_t at : {1, 2, 3}) {
    const std::string key = "from" + std::to_string(at);
    const auto put = cluster.node(at).put(key, "v" + std::to_string(at));
    ASSERT_TRUE(put) << put.error().message();
    for (const std::uint64_t reader : {1, 2, 3}) {
      EXPECT_EQ(value(cluster.node(reader), key), "v" + std::to_string(at));
    }
  }
  const ClusterView view = cluster.node(2).cluster();
  EXPECT_EQ(view.nodes.size(), 3u);
  EXPECT_EQ(view.cluster_id, cluster.node(3).cluster().cluster_id);
}

TEST_F(TestClusterTest, Leader_Stopped_TheOthersGoOnAndItCatchesUp) {
  TestCluster cluster = start();
  ASSERT_TRUE(cluster.node(1).put("k", "before"));
  const std::uint64_t old = leader(cluster.node(1));
  ASSERT_NE(old, 0u);
  cluster.stop(old);
  EXPECT_FALSE(cluster.running(old));
  const std::uint64_t other = old == 1 ? 2 : 1;
  WriteOptions once;  // an answer may get lost with the leader; the retry must not write twice
  once.idempotency_key = "after";
  Result<PutResult> put = cluster.node(other).put("k", "after", once);
  for (int attempt = 0; !put && attempt < 5; ++attempt) {
    put = cluster.node(other).put("k", "after", once);
  }
  ASSERT_TRUE(put) << put.error().message();
  EXPECT_EQ(put->version, 2u);
  const auto restarted = cluster.restart(old);
  ASSERT_TRUE(restarted) << restarted.error().message();
  const auto ready = cluster.wait_ready(seconds{20});
  ASSERT_TRUE(ready) << ready.error().message();
  EXPECT_EQ(value(cluster.node(old), "k"), "after");
}

TEST_F(TestClusterTest, All_StoppedAndRestarted_KeepTheirData) {
  TestCluster cluster = start();
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(
        cluster.node(1 + static_cast<std::uint64_t>(i % 3)).put("k" + std::to_string(i), "v"));
  }
  for (const std::uint64_t id : {1, 2, 3}) cluster.stop(id);
  for (const std::uint64_t id : {1, 2, 3}) ASSERT_TRUE(cluster.restart(id));
  const auto ready = cluster.wait_ready(seconds{20});
  ASSERT_TRUE(ready) << ready.error().message();
  ScanOptions count;
  count.count_only = true;
  EXPECT_EQ(cluster.node(2).scan(count).value().count, 50u);
}

TEST_F(TestClusterTest, Quorum_Lost_CallsEndWithinTheirTime) {
  TestCluster cluster = start();
  ASSERT_TRUE(cluster.node(1).put("k", "v"));
  cluster.stop(2);
  cluster.stop(3);
  WriteOptions soon;
  soon.timeout = milliseconds{800};
  const auto began = std::chrono::steady_clock::now();
  const auto put = cluster.node(1).put("k", "w", soon);
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds{5});
  ASSERT_FALSE(put);
  EXPECT_TRUE(put.error().code == Errc::kNoLeader || put.error().code == Errc::kOutcomeUnknown)
      << put.error().message();
  const auto stopping = std::chrono::steady_clock::now();
  cluster.stop(1);
  EXPECT_LT(std::chrono::steady_clock::now() - stopping, milliseconds{3'500});
}

TEST_F(TestClusterTest, Writers_OnAllMembers_WhileOneRestarts_LoseNothing) {
  TestCluster cluster = start();
  constexpr int kWriters = 2;
  std::atomic<bool> go_on{true};
  std::atomic<int> written{0};
  std::promise<void> half_way;
  std::vector<std::vector<std::string>> acknowledged(kWriters);
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      for (int i = 0; go_on; ++i) {
        const std::string key = "w" + std::to_string(w) + "-" + std::to_string(i);
        // Members 1 and 2 run all the time.
        if (cluster.node(1 + static_cast<std::uint64_t>(w)).put(key, "v")) {
          acknowledged[static_cast<std::size_t>(w)].push_back(key);
          if (++written == 100) half_way.set_value();
        }
      }
    });
  }
  EXPECT_EQ(half_way.get_future().wait_for(seconds{40}), std::future_status::ready);
  cluster.stop(3);
  EXPECT_TRUE(cluster.restart(3));
  EXPECT_TRUE(cluster.node(3).wait_ready(seconds{20}));
  go_on = false;
  for (std::thread& writer : writers) writer.join();
  for (const auto& keys : acknowledged) {
    for (const std::string& key : keys) EXPECT_EQ(value(cluster.node(3), key), "v") << key;
  }
}

TEST_F(TestClusterTest, Counts_OutOfRange_AreRefused) {
  EXPECT_EQ(TestCluster::start(0).error().code, Errc::kConfiguration);
  EXPECT_EQ(TestCluster::start(8).error().code, Errc::kConfiguration);
  const auto bad = TestCluster::start(1, [](Options& o) { o.replicas = 0; });
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Errc::kConfiguration);
}

TEST_F(TestClusterTest, Directory_AtTheEnd_IsGone) {
  std::string directory;
  {
    TestCluster cluster = start(1);
    directory = cluster.node(1).options().data_dir;
    EXPECT_TRUE(std::filesystem::exists(directory));
  }
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::path(directory).parent_path()));
}

}  // namespace
}  // namespace cairn::kv
