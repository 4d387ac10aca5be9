// What the store answered, as JSON. README.md has the table of which numbers are strings.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/kv/store.h"

namespace cairn::http {

[[nodiscard]] std::string render_item(const kv::Item& item);
[[nodiscard]] std::string render_put(const kv::PutResult& result, bool with_previous);
[[nodiscard]] std::string render_remove(const kv::RemoveResult& result, bool with_previous);
[[nodiscard]] std::string render_scan(const kv::ScanResult& result, bool keys_only,
                                      bool count_only);
[[nodiscard]] std::string render_remove_prefix(const kv::RemovePrefixResult& result);
[[nodiscard]] std::string render_cluster(const kv::ClusterView& view);
[[nodiscard]] std::string render_plan(const kv::MemberPlan& plan);
[[nodiscard]] std::string render_leader(std::uint32_t partition, std::uint64_t leader);
[[nodiscard]] std::string render_report(const kv::StateReport& report);
[[nodiscard]] std::string render_ring(std::string_view key, const kv::RingView& view);
[[nodiscard]] std::string render_not_ready(const std::vector<std::string>& reasons);

}  // namespace cairn::http
