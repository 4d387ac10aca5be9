#include "kv/door/door_metrics.h"

namespace cairn::kv::door {
namespace {

constexpr std::array<const char*, 4> kVerbs{"write", "get", "scan", "open_session"};

std::string label(const char* key, const std::string& value) {
  return std::string(key) + "=\"" + value + '"';
}

}  // namespace

void DoorMetrics::add_to(std::vector<Sample>& samples, std::size_t connections,
                         std::size_t in_flight, std::size_t bytes) const {
  const auto gauge = [&](const char* name, const char* help, std::size_t value) {
    samples.push_back({name, "", static_cast<double>(value), Sample::Type::kGauge, help, ""});
  };
  const auto counter = [&](const char* name, const char* help, std::uint64_t value,
                           std::string labels = {}) {
    samples.push_back(
        {name, std::move(labels), static_cast<double>(value), Sample::Type::kCounter, help, ""});
  };
  gauge("cairn_client_connections", "Connections of the native door.", connections);
  gauge("cairn_client_requests_in_flight", "Requests under way on the native door.", in_flight);
  gauge("cairn_client_bytes", "Requests under way and answers not taken yet, in bytes.", bytes);
  counter("cairn_client_connections_total", "Connections that the native door accepted.",
          connections_total);
  counter("cairn_client_idle_closed_total", "Connections closed because nothing was asked.",
          closed_idle);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    counter("cairn_client_requests_total", "Requests read by the native door.", requests[i],
            label("verb", kVerbs[i]));
  }
  for (const auto& [bound, count] : refused) {
    counter("cairn_client_refused_total",
            "Requests and connections refused by a bound of the native door.", count,
            label("bound", bound));
  }
  for (const auto& [reason, count] : frames_rejected) {
    counter("cairn_client_frames_rejected_total",
            "Connections of the native door closed for what came on them.", count,
            label("reason", reason));
  }
}

}  // namespace cairn::kv::door
