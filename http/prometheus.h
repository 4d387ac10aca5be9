// The metrics page: samples in Prometheus' text format 0.0.4.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cairn/kv/store.h"

namespace cairn::http {

/// HELP and TYPE stand once a family, its samples together, families in the order in which they
/// first come. A sample whose name or labels are not of the format's form is left out.
[[nodiscard]] std::string render_prometheus(const std::vector<kv::Sample>& samples);

/// `name="value"` with the value escaped.
[[nodiscard]] std::string metric_label(std::string_view name, std::string_view value);

}  // namespace cairn::http
