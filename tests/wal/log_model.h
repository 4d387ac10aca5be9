// What a log must remember: a naive twin that keeps the state after every record.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "wal/wal.h"

namespace cairn::wal::test {

/// Numbers from a seed (splitmix64).
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ull;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

 private:
  std::uint64_t state_;
};

struct ModelGroup {
  LogHardState hard_state;
  std::string config;
  std::uint64_t start = 0;
  std::uint64_t start_term = 0;
  std::map<std::uint64_t, std::pair<std::uint64_t, std::string>> entries;  // trimmed ones too

  std::uint64_t last() const {
    return entries.empty() ? start : std::max(start, entries.rbegin()->first);
  }
  std::uint64_t last_term() const {
    return last() == start ? start_term : entries.rbegin()->second.first;
  }
  bool trivial() const {
    return hard_state == LogHardState{} && config.empty() && last() == 0 && start == 0;
  }
};

using ModelState = std::map<GroupId, ModelGroup>;

/// The states after each record, of which those up to `acked` may never be lost.
class LogModel {
 public:
  ModelGroup& group(GroupId id) { return now_[id]; }
  const ModelState& now() const { return now_; }
  /// After every change that is one record.
  void recorded() { history_.push_back(now_); }
  std::size_t issued() const { return history_.size() - 1; }
  std::size_t acked() const { return acked_; }
  void forget_acks() { acked_ = 0; }
  void ack(std::size_t issued) { acked_ = std::max(acked_, issued); }

  /// The earliest state, not older than what was acknowledged, that the log's content equals.
  std::optional<std::size_t> match(Wal& wal) const;
  /// What was recovered is the truth from here on.
  void adopt(std::size_t at, Wal& wal);

  std::string describe(Wal& wal) const;

 private:
  static bool equal(const ModelState& state, Wal& wal);
  static bool equal_group(const ModelGroup& group, const RecoveredGroup& found, Wal& wal);

  ModelState now_;
  std::vector<ModelState> history_{ModelState{}};
  std::size_t acked_ = 0;
};

}  // namespace cairn::wal::test
