// The result of a run, for people, for programs, and for spreadsheets.
#pragma once

#include <string>

#include "tools/bench/lane.h"

namespace cairn::tools::bench {

struct Report {
  std::string workload;
  std::size_t clients = 0;
  bool open_loop = false;  // then the service times are told as well
  Tally tally;

  [[nodiscard]] double operations_per_second() const;
};

[[nodiscard]] std::string report_json(const Report& report);
[[nodiscard]] std::string report_table(const Report& report);
[[nodiscard]] std::string csv_header();
[[nodiscard]] std::string report_csv(const Report& report);

}  // namespace cairn::tools::bench
