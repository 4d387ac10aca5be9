#include "http/http_metrics.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "http/prometheus.h"

namespace cairn::http {
namespace {

constexpr int kStatusList[] = {200, 400, 401, 403, 404, 405, 408, 409, 410, 412, 413,
                               414, 421, 422, 429, 431, 500, 503, 504, 507, 0};

struct Bucket {
  std::uint64_t nanoseconds;
  const char* text;
};
constexpr Bucket kBounds[HttpMetrics::kBuckets] = {
    {100'000, "0.0001"},    {250'000, "0.00025"}, {500'000, "0.0005"},  {1'000'000, "0.001"},
    {2'500'000, "0.0025"},  {5'000'000, "0.005"}, {10'000'000, "0.01"}, {25'000'000, "0.025"},
    {50'000'000, "0.05"},   {100'000'000, "0.1"}, {500'000'000, "0.5"}, {2'500'000'000, "2.5"},
    {10'000'000'000, "10"},
};

constexpr const char* kRequestsHelp = "HTTP requests answered.";
constexpr const char* kDurationHelp = "Time from a whole request to its answer.";

std::string series_labels(std::size_t method, std::size_t endpoint) {
  return metric_label("method", label(static_cast<Method>(method))) + "," +
         metric_label("endpoint", label(static_cast<Endpoint>(endpoint)));
}

kv::Sample duration_part(const char* suffix, std::string labels, double value) {
  constexpr const char* kFamily = "http_request_duration_seconds";
  return {std::string(kFamily) + suffix,    std::move(labels), value,
          kv::Sample::Type::kHistogramPart, kDurationHelp,     kFamily};
}

}  // namespace

std::size_t HttpMetrics::status_slot(int status) {
  static_assert(std::size(kStatusList) == kStatuses);
  for (std::size_t i = 0; i + 1 < kStatuses; ++i) {
    if (kStatusList[i] == status) return i;
  }
  return kStatuses - 1;
}

void HttpMetrics::answered(Method method, Endpoint endpoint, int status,
                           std::chrono::nanoseconds duration) {
  Series& s = series_[static_cast<std::size_t>(method)][static_cast<std::size_t>(endpoint)];
  ++s.by_status[status_slot(status)];
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(0, duration.count()));
  for (std::size_t i = 0; i < kBuckets; ++i) {
    if (ns <= kBounds[i].nanoseconds) {
      ++s.buckets[i];
      break;
    }
  }
  ++s.count;
  s.nanoseconds += ns;
}

void HttpMetrics::answered_unread(int status) {
  Series& s =
      series_[static_cast<std::size_t>(Method::kOther)][static_cast<std::size_t>(Endpoint::kNone)];
  ++s.by_status[status_slot(status)];
}

void HttpMetrics::append_series(std::vector<kv::Sample>& out) const {
  for (std::size_t m = 0; m < kMethods; ++m) {
    for (std::size_t e = 0; e < kEndpoints; ++e) {
      const Series& s = series_[m][e];
      const std::string labels = series_labels(m, e);
      for (std::size_t i = 0; i < kStatuses; ++i) {
        if (s.by_status[i] == 0) continue;
        const std::string status = kStatusList[i] == 0 ? "other" : std::to_string(kStatusList[i]);
        out.push_back({"http_requests_total", labels + "," + metric_label("status", status),
                       static_cast<double>(s.by_status[i]), kv::Sample::Type::kCounter,
                       kRequestsHelp, ""});
      }
      if (s.count == 0) continue;
      std::uint64_t below = 0;
      for (std::size_t i = 0; i < kBuckets; ++i) {
        below += s.buckets[i];
        out.push_back(duration_part("_bucket", labels + "," + metric_label("le", kBounds[i].text),
                                    static_cast<double>(below)));
      }
      out.push_back(duration_part("_bucket", labels + "," + metric_label("le", "+Inf"),
                                  static_cast<double>(s.count)));
      out.push_back(duration_part("_sum", labels, static_cast<double>(s.nanoseconds) * 1e-9));
      out.push_back(duration_part("_count", labels, static_cast<double>(s.count)));
    }
  }
}

std::vector<kv::Sample> HttpMetrics::samples(std::size_t connections,
                                             std::size_t buffered_bytes) const {
  using Type = kv::Sample::Type;
  static constexpr const char* kReasons[] = {"request", "connection", "memory"};
  std::vector<kv::Sample> out;
  append_series(out);
  out.push_back({"cairn_http_connections", "", static_cast<double>(connections), Type::kGauge,
                 "Open HTTP connections.", ""});
  out.push_back({"cairn_http_buffered_bytes", "", static_cast<double>(buffered_bytes), Type::kGauge,
                 "Request bodies being read and answers not yet sent.", ""});
  for (std::size_t i = 0; i < refused_.size(); ++i) {
    out.push_back({"cairn_http_refused_total", metric_label("reason", kReasons[i]),
                   static_cast<double>(refused_[i]), Type::kCounter,
                   "Turned away before the store was asked.", ""});
  }
  out.push_back({"cairn_http_timeouts_total", "", static_cast<double>(timeouts_), Type::kCounter,
                 "Connections that met a deadline.", ""});
  return out;
}

}  // namespace cairn::http
