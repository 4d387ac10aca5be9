// Consensus as a whole: puts through three durable members in this process, with real disks and
// loopback sockets. The core alone is in core_bench.
#include <benchmark/benchmark.h>

#include "benchmarks/flood.h"
#include "cairn/kv/test_cluster.h"

namespace cairn::kv {
namespace {

Store& leader_of(TestCluster& cluster) {
  const std::uint64_t id = cluster.node(1).cluster().partitions.at(0).leader;
  return cluster.node(id == 0 ? 1 : id);
}

/// Argument: puts under way at once, at the leader.
void BM_ReplicatedPuts(benchmark::State& state) {
  auto cluster = TestCluster::start(3).value();
  Flood flood(leader_of(cluster), static_cast<std::size_t>(state.range(0)), 256);
  std::uint64_t n = 0;
  for (auto _ : state) flood.put(++n);
  flood.wait();
  if (flood.failures() > 0) state.SkipWithError("puts failed");
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_ReplicatedPuts)
    ->Arg(1)
    ->Arg(16)
    ->Arg(64)
    ->Arg(256)
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

/// A waiting linearizable get: a round of the quorum. Argument: 0 at the leader, 1 at a follower.
void BM_ReplicatedGet(benchmark::State& state) {
  auto cluster = TestCluster::start(3).value();
  Store& leader = leader_of(cluster);
  leader.put("key", "value").value();
  Store* store = &leader;
  for (std::uint64_t id = 1; id <= 3 && state.range(0) == 1; ++id) {
    if (&cluster.node(id) != &leader) store = &cluster.node(id);
  }
  for (auto _ : state) {
    if (store->get("key").has_error()) state.SkipWithError("a get failed");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_ReplicatedGet)->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace cairn::kv
