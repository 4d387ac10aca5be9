// Which partition a key belongs to, and which nodes hold each partition.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "kv/placement/hash.h"
#include "kv/placement/ring.h"

namespace cairn::kv {
namespace {

void BM_PartitionOfKey(benchmark::State& state) {
  const std::string key(static_cast<std::size_t>(state.range(0)), 'k');
  const HashParams params;
  for (auto _ : state) benchmark::DoNotOptimize(partition_of(key, 64, params));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_PartitionOfKey)->Arg(16)->Arg(256)->Arg(4096);

/// Arguments: nodes, partitions. Three replicas.
void BM_Place(benchmark::State& state) {
  std::vector<PlacementNode> nodes;
  for (std::int64_t i = 1; i <= state.range(0); ++i) {
    nodes.push_back({static_cast<raft::NodeId>(i), "", ""});
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(place(nodes, static_cast<std::uint32_t>(state.range(1)), 3));
  }
}
BENCHMARK(BM_Place)
    ->Args({3, 16})
    ->Args({10, 256})
    ->Args({50, 4096})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cairn::kv
