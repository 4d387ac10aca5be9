// The parts of the page, from report/, as the build put them into report_template.cc.
#pragma once

#include <string_view>

namespace cairn::kv::sim {

extern const std::string_view kReportHead;
extern const std::string_view kReportBody;
extern const std::string_view kReportStyle;
extern const std::string_view kReportScript;

}  // namespace cairn::kv::sim
