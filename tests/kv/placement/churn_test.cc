// The promise of consistent hashing: when one node comes or goes, about its own share moves.
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/kv/placement/sets_of_names.h"

namespace cairn::kv {
namespace {

constexpr std::uint32_t kReplicas = 3;
constexpr double kMedianMax = 1.5;  // in units of 1/N of all replicas
constexpr double kWorstMax = 2.5;

/// How much moved in each of the seeded sets, as a multiple of 1/N of all replicas, where N is the
/// larger of both numbers of nodes: the stricter reading.
struct Churn {
  std::vector<double> moves;

  void add(const ReplicaTable& before, const ReplicaTable& after, std::size_t larger) {
    std::size_t all = 0;
    for (const auto& nodes : after) all += nodes.size();
    moves.push_back(static_cast<double>(moved(before, after) * larger) / static_cast<double>(all));
  }
  double median() {
    std::sort(moves.begin(), moves.end());
    return moves[moves.size() / 2];
  }
  double worst() { return *std::max_element(moves.begin(), moves.end()); }
};

class Churn_OneNode : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(Churn_OneNode, ComesOrGoes_AboutItsShareMoves) {
  const std::uint32_t partitions = GetParam();
  std::printf("%5s %3s | %-17s | %-17s | %-9s | %s\n", "parts", "n", "node comes", "node goes",
              "load", "first places");
  std::printf("%5s %3s | %8s %8s | %8s %8s | %9s | %s\n", "", "", "median", "worst", "median",
              "worst", "most/fair", "most/fair");
  for (std::size_t n = 3; n <= 10; ++n) {
    Churn comes, goes;
    std::uint32_t load = 0, first = 0;
    for (std::uint64_t seed = 1; seed <= kSetsOfNames; ++seed) {
      std::mt19937_64 random(seed * 1'000 + n);
      std::vector<PlacementNode> nodes = named_nodes(random, n);
      const ReplicaTable before = place(nodes, partitions, kReplicas);
      load = std::max(load, most(loads(before)));
      first = std::max(first, most(firsts(before)));
      std::vector<PlacementNode> fewer = nodes;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(random() % n));
      goes.add(before, place(fewer, partitions, kReplicas), n);
      nodes.push_back(node_named(n + 1, random_name(random)));
      comes.add(before, place(nodes, partitions, kReplicas), n + 1);
    }
    const double fair = static_cast<double>(partitions) / static_cast<double>(n);
    std::printf("%5u %3zu | %8.2f %8.2f | %8.2f %8.2f | %9.3f | %.3f\n", partitions, n,
                comes.median(), comes.worst(), goes.median(), goes.worst(),
                load / (fair * kReplicas), first / fair);
    EXPECT_LE(comes.median(), kMedianMax) << n;
    EXPECT_LE(comes.worst(), kWorstMax) << n;
    EXPECT_LE(goes.median(), kMedianMax) << n;
    EXPECT_LE(goes.worst(), kWorstMax) << n;
  }
}

INSTANTIATE_TEST_SUITE_P(Partitions, Churn_OneNode, ::testing::Values(64u, 1024u));

}  // namespace
}  // namespace cairn::kv
