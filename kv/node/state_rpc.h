// What replicas ask each other when their states are compared key by key, and what people ask for:
// plain values and their byte form, carried as bodies of requests and of `admin` replies. Decoders
// are total.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/kv/store.h"
#include "kv/engine/engine.h"

namespace cairn::kv {

/// Of the leader of a group: a frozen moment of its items, by a token, and what is in it.
struct StateAsk {
  enum class What : std::uint8_t { kOpen = 1, kPage = 2, kRecords = 3, kClose = 4 };
  What what = What::kOpen;
  raft::GroupId group = 0;
  raft::Index at_least = 0;       // kOpen: applied
  std::uint64_t token = 0;        // else: from kOpen
  std::string after;              // kPage, as StateView::Range
  std::uint32_t buckets = 0;      // kPage
  std::vector<std::string> keys;  // kRecords
};
struct StateOpened {
  std::uint64_t token = 0;
  raft::Index index = 0;
  StateBuckets buckets{};
};

/// Most keys of one kRecords, and of a report.
inline constexpr std::size_t kStateKeysMax = 1'000;

[[nodiscard]] std::string encode_state_ask(const StateAsk& ask);
[[nodiscard]] std::optional<StateAsk> decode_state_ask(std::string_view bytes);
[[nodiscard]] std::string encode_state_opened(const StateOpened& opened);
[[nodiscard]] std::optional<StateOpened> decode_state_opened(std::string_view bytes);
[[nodiscard]] std::string encode_state_page(const StateView::Page& page);
[[nodiscard]] std::optional<StateView::Page> decode_state_page(std::string_view bytes);
[[nodiscard]] std::string encode_item_records(const std::vector<ItemRecord>& records);
[[nodiscard]] std::optional<std::vector<ItemRecord>> decode_item_records(std::string_view bytes);

[[nodiscard]] std::string encode_comparison(const StateComparison& wish);  // without its timeout
[[nodiscard]] std::optional<StateComparison> decode_comparison(std::string_view bytes);
[[nodiscard]] std::string encode_report(const StateReport& report);
[[nodiscard]] std::optional<StateReport> decode_report(std::string_view bytes);

}  // namespace cairn::kv
