// A random life of a log, drawn from a seed.
#pragma once

#include <cstdint>
#include <string>

#include "tests/wal/log_fixture.h"

namespace cairn::wal::test {

/// Drives a rig: one step adds a record, commits, trims or lets the executors run a little. Stops
/// of itself once the log is fenced.
class Workload {
 public:
  Workload(LogRig& rig, std::uint64_t seed) : rig_(rig), dice_(seed) {}

  void steps(int count) {
    for (int i = 0; i < count && !rig_.wal->fenced(); ++i) step();
  }

  void step() {
    const auto group = static_cast<GroupId>(1 + dice_.below(3));
    switch (dice_.below(12)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return rig_.append(group, payload());
      case 4:
        return cut_and_append(group);
      case 5:
        return rig_.vote(group, {dice_.below(9), dice_.below(5), dice_.below(50)});
      case 6:
        if (dice_.one_in(3)) rig_.configure(group, payload().substr(0, 40));
        return;
      case 7:
        if (dice_.one_in(6)) reset(group);
        return;
      case 8:
        return trim(group);
      case 9:
        return rig_.commit();
      default:
        for (std::uint64_t i = dice_.below(4); i > 0; --i) {
          dice_.one_in(2) ? rig_.disk.run_one() : rig_.home.run_one();
        }
    }
  }

 private:
  std::string payload() {
    const std::size_t most = dice_.one_in(10) ? 6000 : 700;
    return std::string(dice_.below(most), static_cast<char>('a' + dice_.below(26)));
  }

  void cut_and_append(GroupId group) {
    const ModelGroup& g = rig_.model.group(group);
    if (g.last() == g.start) return;
    const std::uint64_t index = g.start + 1 + dice_.below(g.last() - g.start);
    rig_.append(group, index, g.last_term() + 1, payload());
  }

  void reset(GroupId group) {
    const ModelGroup& g = rig_.model.group(group);
    rig_.reset(group, g.last() + dice_.below(10), g.last_term() + 1, "after reset");
  }

  void trim(GroupId group) {
    const ModelGroup& g = rig_.model.group(group);
    if (g.last() == g.start) return;
    rig_.trim(group, g.start + 1 + dice_.below(g.last() - g.start));
  }

  LogRig& rig_;
  Dice dice_;
};

}  // namespace cairn::wal::test
