// A cluster in this process, and clients of its native doors.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "cairn/kv/client.h"
#include "cairn/kv/test_cluster.h"
#include "tests/kv/store/support.h"

namespace cairn::kv {

class ClientFixture : public testing::Test {
 protected:
  void start(std::size_t nodes, const std::function<void(Options&)>& adjust = {}) {
    auto started = TestCluster::start(nodes, adjust);
    ASSERT_TRUE(started) << started.error().message();
    cluster_.emplace(std::move(*started));
  }
  TestCluster& cluster() { return *cluster_; }
  std::vector<std::string> endpoints() { return cluster_->client_endpoints(); }

  Client connect(std::vector<std::string> to, ClientOptions options = {}) {
    auto client = Client::connect(std::move(to), options);
    if (!client) ADD_FAILURE() << client.error().message();
    return std::move(client.value());
  }
  Client connect() { return connect(endpoints()); }

  static std::string get(Client& client, const std::string& key, ReadOptions options = {}) {
    return StoreReader::value(client.get(key, options));
  }
  static PutResult put(Client& client, const std::string& key, const std::string& value) {
    const auto result = client.put(key, value);
    EXPECT_TRUE(result) << result.error().message();
    return result ? *result : PutResult{};
  }
  std::uint64_t leader(std::uint32_t partition = 0) {
    for (std::uint64_t id = 1; id <= cluster().size(); ++id)
      if (cluster().running(id)) {
        const auto view = cluster().node(id).cluster();
        if (view.partitions.size() > partition && view.partitions[partition].leader != 0 &&
            cluster().running(view.partitions[partition].leader))
          return view.partitions[partition].leader;
      }
    return 0;
  }
  std::uint64_t a_follower() {
    const std::uint64_t leads = leader();
    return leads == 1 ? 2 : 1;
  }

 private:
  struct StoreReader : StoreFixture {
    using StoreFixture::value;
    void TestBody() override {}
  };
  std::optional<TestCluster> cluster_;
};

}  // namespace cairn::kv
