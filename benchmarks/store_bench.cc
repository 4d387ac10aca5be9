// The store as a program embeds it: one durable node below TMPDIR.
#include <benchmark/benchmark.h>

#include <memory>
#include <optional>
#include <string>

#include "benchmarks/flood.h"
#include "benchmarks/scratch.h"
#include "cairn/kv/store.h"

namespace cairn::kv {
namespace {

class Embedded {
 public:
  Embedded() {
    Options options;
    options.data_dir = directory_ / "store";
    store_.emplace(Store::open(std::move(options)).value());
  }
  Store& operator*() { return *store_; }

 private:
  const Scratch directory_;  // goes after the store
  std::optional<Store> store_;
};

std::unique_ptr<Embedded> shared;

/// Waiting puts from so many threads: beside BM_WalCommit with as many records a commit.
void BM_EmbeddedWaitingPuts(benchmark::State& state) {
  const std::string value(256, 'v');
  auto n = static_cast<std::uint64_t>(state.thread_index()) << 32;
  for (auto _ : state) {
    if ((**shared).put(Flood::key_of(++n), value).has_error()) state.SkipWithError("a put failed");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_EmbeddedWaitingPuts)
    ->Setup([](const benchmark::State&) { shared = std::make_unique<Embedded>(); })
    ->Teardown([](const benchmark::State&) { shared.reset(); })
    ->Threads(1)
    ->Threads(8)
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

/// Argument: puts under way at once.
void BM_EmbeddedPuts(benchmark::State& state) {
  Embedded store;
  Flood flood(*store, static_cast<std::size_t>(state.range(0)), 256);
  std::uint64_t n = 0;
  for (auto _ : state) flood.put(++n);
  flood.wait();
  if (flood.failures() > 0) state.SkipWithError("puts failed");
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_EmbeddedPuts)->Arg(8)->Arg(64)->Arg(512)->UseRealTime()->Unit(benchmark::kMicrosecond);

/// Argument: 0 eventual, 1 linearizable. Waiting gets from one thread.
void BM_EmbeddedGet(benchmark::State& state) {
  Embedded store;
  Flood flood(*store, 256, 256);
  for (std::uint64_t i = 0; i < 20'000; ++i) flood.put(i);
  flood.wait();
  ReadOptions options;
  if (state.range(0) == 0) options.consistency = Consistency::kEventual;
  std::uint64_t n = 0;
  for (auto _ : state) {
    auto item = (*store).get(Flood::key_of(++n % 20'000), options);
    if (item.has_error() || !*item) state.SkipWithError("a get failed");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_EmbeddedGet)->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMicrosecond);

/// Argument: items that a scan returns, out of 20,000.
void BM_EmbeddedScan(benchmark::State& state) {
  Embedded store;
  Flood flood(*store, 256, 256);
  for (std::uint64_t i = 0; i < 20'000; ++i) flood.put(i);
  flood.wait();
  ScanOptions options;
  options.prefix = "key";
  options.limit = static_cast<std::uint32_t>(state.range(0));
  for (auto _ : state) {
    auto page = (*store).scan(options);
    if (page.has_error()) state.SkipWithError("a scan failed");
    benchmark::DoNotOptimize(page);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_EmbeddedScan)
    ->Arg(10)
    ->Arg(100)
    ->Arg(1000)
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace cairn::kv
