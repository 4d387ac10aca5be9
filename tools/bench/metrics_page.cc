#include "tools/bench/metrics_page.h"

#include <charconv>

namespace cairn::tools::bench {

MetricsPage parse_metrics(std::string_view text) {
  MetricsPage page;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto space = line.rfind(' ');
    if (line.empty() || line[0] == '#' || space == line.npos) continue;
    double value = 0;
    const auto number = line.substr(space + 1);
    const auto [at, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error == std::errc() && at == number.data() + number.size()) {
      page.emplace(std::string(line.substr(0, space)), value);
    }
  }
  return page;
}

double sum_of(const MetricsPage& page, std::string_view name) {
  double sum = 0;
  for (auto at = page.lower_bound(name); at != page.end() && at->first.starts_with(name); ++at) {
    if (at->first.size() == name.size() || at->first[name.size()] == '{') sum += at->second;
  }
  return sum;
}

double of(const MetricsPage& page, std::string_view name, std::string_view label,
          std::string_view value) {
  const auto at =
      page.find(std::string(name) + '{' + std::string(label) + "=\"" + std::string(value) + "\"}");
  return at == page.end() ? -1 : at->second;
}

}  // namespace cairn::tools::bench
