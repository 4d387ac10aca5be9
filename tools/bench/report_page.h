// The parts of the page of --report, from page/, as the build put them into bench_page.cc.
#pragma once

#include <string_view>

namespace cairn::tools::bench {

extern const std::string_view kPageBody;
extern const std::string_view kPageStyle;
extern const std::string_view kPageScript;

}  // namespace cairn::tools::bench
