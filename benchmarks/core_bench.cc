// The consensus core alone: three of them on one thread, messages handed over as they are, disk and
// state machine that are done at once. What is left is the state machine's own cost of an entry.
#include <benchmark/benchmark.h>

#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "raft/core.h"

namespace cairn::raft {
namespace {

class Three {
 public:
  explicit Three(std::size_t value_bytes)
      : payload_(std::make_shared<const std::string>(value_bytes, 'v')) {
    Configuration config;
    config.voters = {1, 2, 3};
    for (NodeId id = 1; id <= 3; ++id) {
      CoreOptions options;
      options.id = id;
      options.seed = id;
      Restored restored;
      restored.config = config;
      cores_.emplace_back(options, std::move(restored));
    }
    cores_[0].campaign();
    run();
    if (cores_[0].role() != Role::kLeader) throw std::logic_error("nobody leads");
  }

  /// Proposes them and goes on until all three have applied them.
  void commit(std::size_t entries) {
    std::vector<std::shared_ptr<const std::string>> payloads(entries, payload_);
    if (cores_[0].propose(std::move(payloads)).outcome != ProposeOutcome::kAccepted) {
      throw std::logic_error("a proposal was refused");
    }
    run();
  }

  void read(std::uint64_t request) {
    if (cores_[0].read_index(request) != ReadOutcome::kAccepted) {
      throw std::logic_error("a read was refused");
    }
    run();
  }

  /// Drops the log, as a host does once its engine is flushed.
  void compact() {
    for (Core& core : cores_) {
      const Status status = core.status();
      core.compacted(status.applied, core.term());
    }
  }

  [[nodiscard]] std::uint64_t messages() const { return messages_; }

 private:
  void run() {
    for (bool busy = true; busy;) {
      busy = false;
      for (Core& core : cores_) {
        while (core.has_ready()) {
          carry_out(core, core.take_ready());
          busy = true;
        }
      }
      while (!mail_.empty()) {
        Message message = std::move(mail_.front());
        mail_.pop_front();
        ++messages_;
        cores_[message.to - 1].step(std::move(message));
        busy = true;
      }
    }
  }

  void carry_out(Core& core, Ready ready) {
    for (Message& message : ready.messages) mail_.push_back(std::move(message));
    if (ready.persist) {
      core.persisted(ready.persist->token);
      for (Message& message : ready.persist->messages_after) mail_.push_back(std::move(message));
    }
    if (!ready.committed.empty()) core.applied(ready.committed.back().index);
  }

  std::shared_ptr<const std::string> payload_;
  std::vector<Core> cores_;
  std::deque<Message> mail_;
  std::uint64_t messages_ = 0;
};

/// Argument: entries of one proposal. 256-byte payloads, which are shared and never copied.
void BM_CoreCommit(benchmark::State& state) {
  Three three(256);
  const auto entries = static_cast<std::size_t>(state.range(0));
  std::uint64_t since_compaction = 0;
  for (auto _ : state) {
    three.commit(entries);
    since_compaction += entries;
    if (since_compaction < 10'000) continue;
    since_compaction = 0;
    three.compact();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["messages_per_entry"] =
      static_cast<double>(three.messages()) /
      static_cast<double>(std::max<std::int64_t>(1, state.items_processed()));
}
BENCHMARK(BM_CoreCommit)->Arg(1)->Arg(16)->Arg(64)->Arg(256);

/// A linearizable read at the leader: one round of heartbeats for it alone.
void BM_CoreReadIndex(benchmark::State& state) {
  Three three(16);
  std::uint64_t request = 0;
  for (auto _ : state) three.read(++request);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_CoreReadIndex);

/// A tick of an idle group: what a hundred of them cost a node, a hundred times a second each.
void BM_CoreIdleTick(benchmark::State& state) {
  CoreOptions options;
  options.id = 1;
  Restored restored;
  restored.config.voters = {1, 2, 3};
  Core core(options, std::move(restored));
  for (auto _ : state) {
    core.tick();
    while (core.has_ready()) benchmark::DoNotOptimize(core.take_ready());
  }
}
BENCHMARK(BM_CoreIdleTick);

}  // namespace
}  // namespace cairn::raft
