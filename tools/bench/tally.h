// What was counted in a phase.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tools/bench/series.h"
#include "tools/bench/work.h"
#include "tools/lib/histogram.h"

namespace cairn::tools::bench {

struct Tally {
  std::uint64_t operations = 0;  // ended, well or ill
  std::uint64_t errors = 0;
  std::uint64_t absent = 0;  // gets of keys that are not there
  std::uint64_t items = 0;   // that scans returned
  std::map<std::string, std::uint64_t> errors_by_code;
  Histogram latency;  // from due to end, in nanoseconds; of those that ended well
  Histogram service;  // from begin to end
  std::array<Histogram, kKinds> by_kind;  // as latency
  Histogram failing;                      // from due to end, of those that ended ill
  Series series;
  WriteTimes writes;
  std::vector<std::uint64_t> lost;  // of a verification: some keys that lost their last write
  std::uint64_t next_insert = 0;    // the first key that was not inserted; 0: there were none
  Clock::time_point first = Clock::time_point::max();  // begin of the phase
  Clock::time_point last = Clock::time_point::min();   // end of its last operation

  static constexpr std::size_t kLostMax = 10;

  void merge(const Tally& other);
  [[nodiscard]] double seconds() const;
  [[nodiscard]] double per_second() const;  // operations that ended well
  [[nodiscard]] const Histogram& of(Kind kind) const {
    return by_kind[static_cast<std::size_t>(kind)];
  }
  [[nodiscard]] WriteTimes::Gap longest_write_gap() const;
};

}  // namespace cairn::tools::bench
