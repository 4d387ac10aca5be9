// Contention on the store's write path: several threads put at once into one durable store. The
// locks of the API (PUT /v1/locks/...) do not exist yet; when they do, their benchmark joins this.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "benchmarks/scratch.h"
#include "cairn/kv/store.h"

namespace cairn::kv {
namespace {

struct Shared {
  const Scratch directory;
  std::unique_ptr<Store> store;
};
std::unique_ptr<Shared> shared;

void open_store(const benchmark::State&) {
  shared = std::make_unique<Shared>();
  Options options;
  options.data_dir = shared->directory / "store";
  shared->store = std::make_unique<Store>(Store::open(std::move(options)).value());
}

void close_store(const benchmark::State&) {
  shared.reset();
}

/// Argument: 0 each thread has keys of its own, 1 all threads put one key.
void BM_ContendedPuts(benchmark::State& state) {
  const std::string own = "thread" + std::to_string(state.thread_index()) + "/";
  const std::string value(256, 'v');
  std::uint64_t n = 0;
  for (auto _ : state) {
    const std::string key = state.range(0) == 1 ? "hot" : own + std::to_string(++n % 1000);
    if (shared->store->put(key, value).has_error()) state.SkipWithError("a put failed");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_ContendedPuts)
    ->Setup(open_store)
    ->Teardown(close_store)
    ->Arg(0)
    ->Arg(1)
    ->ThreadRange(1, 16)
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

/// A counter that all threads raise by compare and set: how often does one have to try again?
void BM_ContendedCompareAndSet(benchmark::State& state) {
  std::uint64_t tries = 0;
  for (auto _ : state) {
    for (bool done = false; !done;) {
      ++tries;
      const auto item = shared->store->get("counter");
      if (item.has_error()) {
        state.SkipWithError("a get failed");
        break;
      }
      WriteOptions options;
      options.if_absent = !*item;
      options.if_revision = *item ? (*item)->mod_revision : 0;
      done = shared->store->put("counter", "value", options).has_value();
    }
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["tries"] = static_cast<double>(tries) /
                            static_cast<double>(std::max<std::int64_t>(1, state.iterations()));
}
BENCHMARK(BM_ContendedCompareAndSet)
    ->Setup(open_store)
    ->Teardown(close_store)
    ->ThreadRange(1, 8)
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace cairn::kv
