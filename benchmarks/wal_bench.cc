// The log on the disk below TMPDIR: commits of groups of records, each durable before the next.
#include <benchmark/benchmark.h>

#include <future>
#include <memory>
#include <string>

#include "benchmarks/scratch.h"
#include "wal/posix_file_system.h"
#include "wal/thread_executor.h"
#include "wal/wal.h"

namespace cairn::wal {
namespace {

constexpr GroupId kGroup = 1;

class Bench {
 public:
  Bench() {
    std::string detail;
    on_home([&] {
      WalOptions options;
      options.cluster_id = options.node_id = 1;
      wal_ = Wal::open(files_, directory_ / "wal", options, home_, disk_, &detail).value();
    });
  }
  ~Bench() {
    on_home([this] { wal_.reset(); });
    home_.stop();
    disk_.stop();
  }

  /// Appends so many records and waits until they are durable.
  void commit(std::size_t records, const std::string& data) {
    std::promise<void> durable;
    home_.post([&] {
      for (std::size_t i = 0; i < records; ++i) wal_->append(kGroup, ++index_, 1, 1, data);
      // Nobody needs them: segments are used again.
      wal_->trim(kGroup, index_ - records, 1);
      wal_->commit([&durable](const Result<void>&) { durable.set_value(); });
    });
    durable.get_future().wait();
  }

  WalMetrics metrics() {
    WalMetrics metrics;
    on_home([&] { metrics = wal_->metrics(); });
    return metrics;
  }

 private:
  template <class F>
  void on_home(F f) {
    std::promise<void> done;
    home_.post([&] {
      f();
      done.set_value();
    });
    done.get_future().wait();
  }

  PosixFileSystem files_;
  const Scratch directory_;
  ThreadExecutor home_{"home"};
  ThreadExecutor disk_{"disk"};
  std::unique_ptr<Wal> wal_;
  std::uint64_t index_ = 0;
};

/// Arguments: records of a commit, bytes of a record.
void BM_WalCommit(benchmark::State& state) {
  Bench bench;
  const std::string data(static_cast<std::size_t>(state.range(1)), 'r');
  const auto records = static_cast<std::size_t>(state.range(0));
  bench.commit(records, data);
  const auto before = bench.metrics();
  for (auto _ : state) bench.commit(records, data);
  const auto after = bench.metrics();
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["commits"] =
      benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
  state.counters["syncs_per_commit"] =
      static_cast<double>(after.syncs - before.syncs) / static_cast<double>(state.iterations());
}
BENCHMARK(BM_WalCommit)
    ->ArgsProduct({{1, 8, 64, 512}, {300}})
    ->Args({64, 4096})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace cairn::wal
