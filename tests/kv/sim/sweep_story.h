// The fixed scenario of the errno sweep: nodes that live three lives over a disk whose k-th call of
// one kind fails once, and what every acknowledgement promised.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kv/sim/world.h"

namespace cairn::kv::sim {

/// One call of one kind, and the errno that it gives.
struct DiskFault {
  wal::MemoryFileSystem::Call call{};
  std::uint64_t kth = 1;
  int error = 0;
};

enum class Outcome {
  kSucceeded,  // nobody outside noticed
  kRefused,    // a start or a request was refused, and went through later
  kFenced,     // the node took nothing more until it was started again
  kLost,       // a promise was broken; SweepStory::broken() says which
};

/// Node 1 has the bad disk; clients write at every node. Writes, removals, a prefix removal, an
/// orderly stop, a kill, and a power cut at the end, after which everything promised is looked at.
class SweepStory {
 public:
  /// Without a fault the scenario must go through, and counts the calls.
  SweepStory(std::size_t nodes, std::optional<DiskFault> fault);

  Outcome run();
  /// Calls of that kind on node 1's disk until the power cut.
  [[nodiscard]] std::uint64_t calls(wal::MemoryFileSystem::Call call) const {
    return calls_[static_cast<std::size_t>(call)];
  }
  [[nodiscard]] const std::vector<std::string>& broken() const { return broken_; }
  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }

 private:
  enum class Fate { kThere, kGone, kUnknown };
  struct Promise {
    Fate fate = Fate::kGone;
    std::string value;
  };

  void live();
  void begin_life();
  void writes(int from, int to);
  void put(NodeId at, const std::string& key);
  void remove(NodeId at, const std::string& key);
  void remove_prefix(NodeId at, const std::string& prefix);
  void settle_write(const std::string& key, Fate wished, const std::string& value,
                    const std::optional<Error>& error);
  void look_at_fence();
  void judge();
  void check_key(NodeId at, const std::string& key, const Promise& promise);
  template <class T>
  std::optional<Error> finish(const CallPtr<T>& call);
  void broke(const std::string& what) { broken_.push_back(what); }

  std::optional<DiskFault> fault_;
  std::map<std::string, Promise> promises_;
  std::array<std::uint64_t, wal::MemoryFileSystem::kCalls> calls_{};
  std::vector<std::string> broken_;
  std::uint64_t acknowledged_ = 0;
  bool refused_ = false;
  bool fenced_ = false;
  World world_;
};

}  // namespace cairn::kv::sim
