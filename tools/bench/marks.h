// Moments of a run worth a line in its picture.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "tools/bench/work.h"

namespace cairn::tools::bench {

struct Mark {
  Clock::time_point at;
  std::string kind;  // "leader" "chaos" "snapshot" "compaction" "flush" "refused" "stall" "silent"
  std::string text;  // for people
};

/// Any thread. At most kMax are kept.
class Marks {
 public:
  static constexpr std::size_t kMax = 1000;
  void add(std::string kind, std::string text) {
    const auto now = Clock::now();
    const std::lock_guard lock(mutex_);
    if (marks_.size() < kMax) marks_.push_back({now, std::move(kind), std::move(text)});
  }
  [[nodiscard]] std::vector<Mark> between(Clock::time_point from, Clock::time_point to) const {
    const std::lock_guard lock(mutex_);
    std::vector<Mark> some;
    for (const Mark& mark : marks_) {
      if (mark.at >= from && mark.at <= to) some.push_back(mark);
    }
    return some;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Mark> marks_;
};

}  // namespace cairn::tools::bench
