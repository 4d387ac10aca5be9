// What the stories told on virtual time share: a world with small verbs, and seeds that can be
// replayed alone with CAIRN_SEED=N.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "kv/sim/world.h"

namespace cairn::kv::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// 1 .. count; CAIRN_SEED=N tells the story of that seed alone, CAIRN_SEEDS=N those of 1 .. N.
inline std::vector<std::uint64_t> seeds(std::uint64_t count) {
  if (const char* one = std::getenv("CAIRN_SEED")) return {std::strtoull(one, nullptr, 10)};
  if (const char* many = std::getenv("CAIRN_SEEDS")) count = std::strtoull(many, nullptr, 10);
  std::vector<std::uint64_t> all;
  for (std::uint64_t seed = 1; seed <= count; ++seed) all.push_back(seed);
  return all;
}

inline std::string replay(std::uint64_t seed) {
  return "replay: CAIRN_SEED=" + std::to_string(seed);
}

/// Ends with no broken promise, or says which, with the last log lines.
class Story {
 public:
  explicit Story(std::uint64_t seed, std::size_t nodes = 3,
                 std::function<void(Options&)> adjust = {})
      : trace_(__FILE__, __LINE__, replay(seed)), world(options(seed, nodes, std::move(adjust))) {}
  explicit Story(WorldOptions options)
      : trace_(__FILE__, __LINE__, replay(options.seed)), world(std::move(options)) {}
  Story(const Story&) = delete;
  Story& operator=(const Story&) = delete;
  ~Story() {
    for (const std::string& failure : world.failures()) ADD_FAILURE() << failure;
    if (testing::Test::HasFailure() && !told_) {
      told_ = true;  // of the first failing story only
      ADD_FAILURE() << "at " << world.now().count() << " us, the last log lines:\n"
                    << world.recent_log();
    }
  }

  static WorldOptions options(std::uint64_t seed, std::size_t nodes = 3,
                              std::function<void(Options&)> adjust = {}) {
    WorldOptions o;
    o.seed = seed;
    o.nodes = nodes;
    o.adjust = std::move(adjust);
    return o;
  }

  /// All start, found the cluster if it is not, and are ready.
  bool up(seconds within = seconds{20}) {
    world.start_all();
    return ready(within);
  }
  bool ready(seconds within = seconds{20}) {
    const bool all = world.run_until([&] { return world.all_ready(); }, within);
    EXPECT_TRUE(all) << reasons();
    return all;
  }
  std::string reasons() {
    std::string all;
    for (const NodeId id : world.running()) {
      for (const std::string& reason : world.node(id).not_ready_reasons()) {
        all += "node " + std::to_string(id) + ": " + reason + "\n";
      }
    }
    return all;
  }
  /// Runs until the call has its answer.
  template <class T>
  Result<T> finish(const CallPtr<T>& call, seconds within = seconds{30}) {
    if (!world.run_until([&] { return call->done(); }, within)) {
      ADD_FAILURE() << "a call had no answer after " << within.count() << " s";
      return Error(Errc::kInternal, "no answer");
    }
    return *call->answer;
  }
  bool put(NodeId at, const std::string& key, const std::string& value) {
    const auto result = finish(world.put(at, key, value));
    EXPECT_TRUE(result) << "put " << key << " at " << at << ": " << result.error().message();
    return result.has_value();
  }
  /// "?" and the error when there is no answer, "-" when absent.
  std::string get(NodeId at, const std::string& key, ReadOptions options = {}) {
    const auto result = finish(world.get(at, key, options));
    if (!result) return "? " + result.error().message();
    return result->item ? result->item->value : "-";
  }
  /// Puts again until it is known to have happened.
  bool put_until_ok(NodeId at, const std::string& key, const std::string& value) {
    for (int attempt = 0; attempt < 50; ++attempt) {
      if (finish(world.put(at, key, value))) return true;
      world.run_for(milliseconds{50});
    }
    ADD_FAILURE() << "put " << key << " never went through at " << at;
    return false;
  }
  void converge(seconds within = seconds{30}) {
    // Comparing states reads them whole: not after each event.
    const Time end = world.now() + within;
    while (world.now() < end) {
      if (world.converged()) return;
      world.run_for(milliseconds{100});
    }
    ADD_FAILURE() << "the nodes' states differ\n" << states();
  }
  std::string states() {
    std::string all;
    for (const NodeId id : world.running()) {
      for (const auto& g : world.node(id).groups()) {
        all += "node " + std::to_string(id) + " group " + std::to_string(g.group) + " term " +
               std::to_string(g.term) + " leader " + std::to_string(g.leader) + " start " +
               std::to_string(g.start) + " last " + std::to_string(g.last) + " commit " +
               std::to_string(g.commit) + " applied " + std::to_string(g.applied) + " " +
               world.digest(id, g.group) + "\n";
      }
    }
    return all;
  }
  NodeId leader_up(seconds within = seconds{10}) {
    EXPECT_TRUE(world.run_until([&] { return world.leader() != 0; }, within)) << states();
    return world.leader();
  }
  NodeId other_than(NodeId id) { return id == 1 ? 2 : 1; }

 private:
  testing::ScopedTrace trace_;
  static inline bool told_ = false;

 public:
  World world;
};

}  // namespace cairn::kv::sim
