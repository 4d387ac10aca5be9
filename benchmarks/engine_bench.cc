// What the apply thread and a reader can do: puts applied and gets answered a second, on the disk
// below TMPDIR, with LevelDB's work on a thread of its own.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "benchmarks/scratch.h"
#include "kv/engine/engine.h"
#include "wal/posix_file_system.h"
#include "wal/thread_executor.h"

namespace cairn::kv {
namespace {

constexpr raft::GroupId kGroup = 1;
constexpr std::size_t kValueBytes = 256;
constexpr std::size_t kBatch = 64;

std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::string key_of(std::uint64_t n) {
  std::string key = "user" + std::to_string(mix(n));
  key.resize(16, '0');
  return key;
}

class Bench {
 public:
  explicit Bench(std::size_t table_bytes) {
    EngineOptions options;
    options.write_buffer_bytes = 64u << 20;
    options.block_cache_bytes = 64u << 20;
    options.metadata_table_bytes = table_bytes;
    background_ = std::make_unique<wal::ThreadExecutor>("engine");
    std::string detail;
    engine_ =
        Engine::open(disk_, directory_ / "e", 1, 1, options, background_.get(), &detail).value();
    raft::Configuration config;
    config.voters = {1};
    engine_->create_group(kGroup, config, 0).value();
  }
  ~Bench() {
    engine_.reset();
    background_.reset();
  }

  /// Entries that put `count` keys drawn from `keys`; made outside the timed part.
  std::vector<ApplyItem> make(std::size_t count, std::uint64_t keys, bool in_order) {
    std::vector<ApplyItem> items(count);
    for (ApplyItem& item : items) {
      ++index_;
      Command command;
      command.operations.push_back({Operation::Kind::kPut,
                                    key_of(in_order ? index_ % keys : mix(index_) % keys),
                                    std::string(kValueBytes, static_cast<char>(index_))});
      Stamp stamp;
      stamp.revision = index_ << 13;
      item.group = kGroup;
      item.entry.index = index_;
      item.entry.term = 1;
      item.entry.kind = raft::EntryKind::kCommand;
      item.entry.data = make_entry(stamp, encode_command(command));
    }
    return items;
  }

  void apply(std::span<const ApplyItem> items) {
    for (std::size_t at = 0; at < items.size(); at += kBatch) {
      engine_->apply(items.subspan(at, std::min(kBatch, items.size() - at))).value();
    }
  }

  Engine& engine() { return *engine_; }

 private:
  wal::PosixFileSystem disk_;
  const Scratch directory_;
  std::unique_ptr<wal::ThreadExecutor> background_;
  std::unique_ptr<Engine> engine_;
  raft::Index index_ = 0;
};

/// Arguments: distinct keys, metadata table in MiB. Keys that fit the table are hits.
void BM_ApplyPuts(benchmark::State& state) {
  Bench bench(static_cast<std::size_t>(state.range(1)) << 20);
  const auto keys = static_cast<std::uint64_t>(state.range(0));
  for (std::uint64_t loaded = 0; loaded < keys; loaded += 50'000) {
    bench.apply(bench.make(50'000, keys, true));
  }
  const std::uint64_t misses = bench.engine().metrics().metadata_table_misses;
  std::uint64_t puts = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const std::vector<ApplyItem> items = bench.make(50'000, keys, false);
    state.ResumeTiming();
    bench.apply(items);
    puts += items.size();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(puts));
  state.counters["misses_per_put"] =
      static_cast<double>(bench.engine().metrics().metadata_table_misses - misses) /
      static_cast<double>(puts);
}
BENCHMARK(BM_ApplyPuts)
    ->Args({50'000, 32})
    ->Args({500'000, 8})
    ->Args({500'000, 0})
    ->Iterations(8)
    ->Unit(benchmark::kMillisecond);

/// Argument: keys that were never there before, so that every look-up misses the table.
void BM_ApplyNewKeys(benchmark::State& state) {
  Bench bench(32u << 20);
  for (auto _ : state) {
    state.PauseTiming();
    const std::vector<ApplyItem> items = bench.make(50'000, ~0ull, true);
    state.ResumeTiming();
    bench.apply(items);
  }
  state.SetItemsProcessed(state.iterations() * 50'000);
}
BENCHMARK(BM_ApplyNewKeys)->Iterations(8)->Unit(benchmark::kMillisecond);

void BM_Get(benchmark::State& state) {
  constexpr std::uint64_t kKeys = 200'000;
  Bench bench(32u << 20);
  bench.apply(bench.make(kKeys, kKeys, true));
  std::uint64_t n = 0;
  for (auto _ : state) {
    const bool present = n % 2 == 0 || state.range(0) == 1;
    const std::uint64_t which = mix(++n) % kKeys;
    auto item = bench.engine().get(kGroup, key_of(present ? which : which + kKeys));
    benchmark::DoNotOptimize(item);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Get)->Arg(1)->Arg(0);

}  // namespace
}  // namespace cairn::kv

BENCHMARK_MAIN();
