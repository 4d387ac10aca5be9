// What tells a difference from chance.
#pragma once

#include <vector>

namespace cairn::tools::bench {

[[nodiscard]] double median_of(std::vector<double> values);  // 0 of none

/// Mann and Whitney's U test, two-sided: how likely two samples of one distribution differ at least
/// so much. Exact for small samples without ties (at most 400 pairs), else by the normal
/// approximation with corrections for ties and continuity. 1 if a sample is empty.
[[nodiscard]] double mann_whitney(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace cairn::tools::bench
