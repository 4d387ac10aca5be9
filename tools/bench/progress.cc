#include "tools/bench/progress.h"

#include <cstdio>

#include "tools/bench/text.h"

namespace cairn::tools::bench {

void note(const std::string& line) {
  std::fprintf(stderr, "%s\n", line.c_str());
}

Progress progress_of(const std::string& label) {
  return [label, before = std::uint64_t{0}, then = Clock::time_point{}](
             Clock::time_point start, std::uint64_t ended, std::uint64_t failures) mutable {
    const auto now = Clock::now();
    if (then == Clock::time_point{}) then = start;
    const double span = std::chrono::duration<double>(now - then).count();
    const double rate = span > 0 ? static_cast<double>(ended - before) / span : 0;
    note(label + " " + fixed(std::chrono::duration<double>(now - start).count(), 0) +
         " s: " + std::to_string(ended) + " ops, " + fixed(rate, 0) + " a second, " +
         std::to_string(failures) + " errors");
    before = ended;
    then = now;
  };
}

}  // namespace cairn::tools::bench
