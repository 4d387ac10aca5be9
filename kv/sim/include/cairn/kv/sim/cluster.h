// A cluster of real nodes on simulated disks, networks and clocks, one thread, virtual time: for
// programs that want to see their own workload survive what a real cluster meets once a year. The
// same seed and the same calls give the same run; trace_hash() says so.
//
//   cairn::sim::Cluster cluster(7);
//   cluster.start();
//   cluster.begin_trouble();
//   auto put = cluster.put(1, "key", "value");    // lets virtual time pass until the answer
//   cluster.end_trouble();
//   if (!cluster.failures().empty()) ...          // two leaders, a lost write, an endless wait ...
//
// Nothing happens but inside these calls. Not for several threads. Callbacks run inside run_for(),
// run_until() and the calls that wait; they may begin calls, but not wait or let time pass.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cairn/kv/store.h"

namespace cairn::sim {

using Duration = std::chrono::microseconds;

class Cluster {
 public:
  struct Settings {
    std::size_t nodes = 3;  // 1 .. 7, with ids 1 .. nodes
    /// Each node's options before each start, e.g. partitions. Ids and addresses are given.
    std::function<void(kv::Options&)> adjust{};
  };

  explicit Cluster(std::uint64_t seed);
  Cluster(std::uint64_t seed, Settings settings);
  ~Cluster();
  Cluster(Cluster&&) noexcept;
  Cluster& operator=(Cluster&&) noexcept;

  // --- time
  [[nodiscard]] Duration now() const;
  void run_for(Duration span);
  /// False: `predicate`, looked at after each event, did not come true within `span`.
  bool run_until(const std::function<bool()>& predicate, Duration span);
  /// Calls `act` at that moment, or at once when it has passed.
  void at(Duration when, std::function<void()> act);
  /// A number drawn from the seed, from a stream of your own.
  [[nodiscard]] std::uint64_t random();

  // --- nodes
  /// Starts whatever does not run, and waits until all are ready. False: not within `span`.
  bool start(Duration span = std::chrono::seconds{30});
  [[nodiscard]] bool running(std::uint64_t node) const;
  /// In order.
  void stop(std::uint64_t node);
  /// As by SIGKILL: no byte is lost.
  void kill(std::uint64_t node);
  /// What was not synced survives in part, or not at all.
  void cut_power(std::uint64_t node);
  void restart(std::uint64_t node);
  void pause(std::uint64_t node, Duration span);

  // --- network
  void cut(std::uint64_t from, std::uint64_t to);  // one way
  void heal(std::uint64_t from, std::uint64_t to);
  void isolate(std::uint64_t node);
  void heal_all();

  // --- trouble of all kinds, drawn from the seed
  void begin_trouble();
  /// All is healed and runs again.
  void end_trouble();

  // --- calls. A node that does not run refuses; one that dies leaves the outcome unknown.
  void async_put(std::uint64_t node, std::string key, std::string value, kv::WriteOptions options,
                 kv::Callback<kv::PutResult> done);
  void async_remove(std::uint64_t node, std::string key, kv::WriteOptions options,
                    kv::Callback<kv::RemoveResult> done);
  void async_write(std::uint64_t node, kv::WriteBatch batch, kv::WriteOptions options,
                   kv::Callback<kv::BatchResult> done);
  void async_get(std::uint64_t node, std::string key, kv::ReadOptions options,
                 kv::Callback<kv::ReadResult> done);
  void async_scan(std::uint64_t node, kv::ScanOptions options, kv::Callback<kv::ScanResult> done);
  // Likewise, letting time pass until the answer is there.
  kv::Result<kv::PutResult> put(std::uint64_t node, std::string key, std::string value,
                                kv::WriteOptions options = {});
  kv::Result<kv::RemoveResult> remove(std::uint64_t node, std::string key,
                                      kv::WriteOptions options = {});
  kv::Result<kv::BatchResult> write(std::uint64_t node, kv::WriteBatch batch,
                                    kv::WriteOptions options = {});
  kv::Result<kv::ReadResult> get(std::uint64_t node, std::string key, kv::ReadOptions options = {});
  kv::Result<kv::ScanResult> scan(std::uint64_t node, kv::ScanOptions options);

  // --- what is seen
  /// All running nodes have applied the same, and their states are equal.
  [[nodiscard]] bool converged();
  /// Broken promises of Cairn that were seen so far; empty unless Cairn has a bug: please report it
  /// with the seed.
  [[nodiscard]] const std::vector<std::string>& failures() const;
  /// Of everything that happened: equal for equal runs.
  [[nodiscard]] std::uint64_t trace_hash() const;
  /// The last log lines of all nodes.
  [[nodiscard]] std::string recent_log() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cairn::sim
