// A server's /metrics, as far as kvbench reads it.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace cairn::tools::bench {

/// Samples by what stands before their value: name{label="value",…}.
using MetricsPage = std::map<std::string, double, std::less<>>;
/// Lines that are none are passed over.
[[nodiscard]] MetricsPage parse_metrics(std::string_view text);
/// The sum over all labels.
[[nodiscard]] double sum_of(const MetricsPage& page, std::string_view name);
/// Of one label's value: of(page, "x_total", "thread", "log"); negative: there is none.
[[nodiscard]] double of(const MetricsPage& page, std::string_view name, std::string_view label,
                        std::string_view value);

}  // namespace cairn::tools::bench
