#include "http/prometheus.h"

#include <gtest/gtest.h>

#include <limits>

#include "http/http_metrics.h"

namespace cairn::http {
namespace {

using Type = kv::Sample::Type;

TEST(Prometheus, Families_StandTogetherWithOneHeader) {
  const std::vector<kv::Sample> samples = {
      {"cairn_a_total", "partition=\"0\"", 3, Type::kCounter, "Of a.", ""},
      {"cairn_b", "", 0.5, Type::kGauge, "Back\\slash and\nline.", ""},
      {"cairn_a_total", "partition=\"1\"", 4, Type::kCounter, "Of a.", ""},
      {"cairn_c_bucket", "le=\"1\"", 2, Type::kHistogramPart, "Of c.", "cairn_c"},
      {"cairn_c_sum", "", 1.25, Type::kHistogramPart, "Of c.", "cairn_c"},
  };
  EXPECT_EQ(render_prometheus(samples),
            "# HELP cairn_a_total Of a.\n# TYPE cairn_a_total counter\n"
            "cairn_a_total{partition=\"0\"} 3\ncairn_a_total{partition=\"1\"} 4\n"
            "# HELP cairn_b Back\\\\slash and\\nline.\n# TYPE cairn_b gauge\ncairn_b 0.5\n"
            "# HELP cairn_c Of c.\n# TYPE cairn_c histogram\n"
            "cairn_c_bucket{le=\"1\"} 2\ncairn_c_sum 1.25\n");
}

TEST(Prometheus, Values_OddOnes_HaveTheirForm) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(render_prometheus({{"a", "", infinity}}), "# TYPE a gauge\na +Inf\n");
  EXPECT_EQ(render_prometheus({{"a", "", -infinity}}), "# TYPE a gauge\na -Inf\n");
  EXPECT_EQ(render_prometheus({{"a", "", std::numeric_limits<double>::quiet_NaN()}}),
            "# TYPE a gauge\na NaN\n");
  EXPECT_EQ(render_prometheus({{"a", "", 4503599627370496.0}}),
            "# TYPE a gauge\na 4503599627370496\n");
  EXPECT_EQ(render_prometheus({{"a", "", -2}}), "# TYPE a gauge\na -2\n");
}

TEST(Prometheus, Samples_ThatWouldBreakThePage_AreLeftOut) {
  for (const kv::Sample& bad : std::vector<kv::Sample>{{"a b", "", 1},
                                                       {"", "", 1},
                                                       {"1a", "", 1},
                                                       {"a", "x", 1},
                                                       {"a", "x=\"", 1},
                                                       {"a", "x=\"\n\"", 1},
                                                       {"a", "x=\"1\",", 1},
                                                       {"a", "x=\"1\"y=\"2\"", 1},
                                                       {"a", "x=\"1\\", 1}}) {
    EXPECT_EQ(render_prometheus({bad}), "") << bad.name << bad.labels;
  }
  const std::string label = metric_label("x", "a\"b\\c\nd");
  EXPECT_EQ(label, "x=\"a\\\"b\\\\c\\nd\"");
  EXPECT_EQ(render_prometheus({{"a", label, 1}}), "# TYPE a gauge\na{" + label + "} 1\n");
}

TEST(HttpMetrics, Answers_AreCountedByRoute) {
  HttpMetrics metrics;
  metrics.answered(Method::kGet, Endpoint::kItem, 200, std::chrono::microseconds(50));
  metrics.answered(Method::kGet, Endpoint::kItem, 200, std::chrono::seconds(60));
  metrics.answered(Method::kPut, Endpoint::kItem, 412, std::chrono::milliseconds(3));
  metrics.answered_unread(400);
  const std::string page = render_prometheus(metrics.samples(3, 17));
  for (const char* line :
       {"http_requests_total{method=\"GET\",endpoint=\"/v1/kv/{key}\",status=\"200\"} 2\n",
        "http_requests_total{method=\"PUT\",endpoint=\"/v1/kv/{key}\",status=\"412\"} 1\n",
        "http_requests_total{method=\"other\",endpoint=\"none\",status=\"400\"} 1\n",
        "http_request_duration_seconds_bucket{method=\"GET\",endpoint=\"/v1/kv/"
        "{key}\",le=\"0.0001\"} 1\n",
        "http_request_duration_seconds_bucket{method=\"GET\",endpoint=\"/v1/kv/{key}\",le=\"10\"} "
        "1\n",
        "http_request_duration_seconds_bucket{method=\"GET\",endpoint=\"/v1/kv/"
        "{key}\",le=\"+Inf\"} 2\n",
        "http_request_duration_seconds_count{method=\"GET\",endpoint=\"/v1/kv/{key}\"} 2\n",
        "http_request_duration_seconds_bucket{method=\"PUT\",endpoint=\"/v1/kv/"
        "{key}\",le=\"0.0025\"} 0\n",
        "http_request_duration_seconds_bucket{method=\"PUT\",endpoint=\"/v1/kv/"
        "{key}\",le=\"0.005\"} 1\n",
        "# TYPE http_request_duration_seconds histogram\n", "cairn_http_connections 3\n",
        "cairn_http_buffered_bytes 17\n"}) {
    EXPECT_NE(page.find(line), std::string::npos) << line << page;
  }
}

}  // namespace
}  // namespace cairn::http
