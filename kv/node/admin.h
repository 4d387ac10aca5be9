// What nodes ask each other about the cluster itself: plain values and their byte form, carried as
// the bodies of requests and as the `admin` arm of replies. Decoders are total.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cairn/kv/store.h"

namespace cairn::kv {

/// Not asked by people: a directory wants to come back under its node's id.
struct RejoinRequest {
  std::uint64_t node = 0;
  std::uint64_t incarnation = 0;
};
struct MoveLeaderRequest {
  std::uint32_t partition = 0;
  std::uint64_t to = 0;
};

[[nodiscard]] std::string encode_change(const MemberChange& change);  // without its timeout
[[nodiscard]] std::optional<MemberChange> decode_change(std::string_view bytes);
[[nodiscard]] std::string encode_number(std::uint64_t number);
[[nodiscard]] std::optional<std::uint64_t> decode_number(std::string_view bytes);
[[nodiscard]] std::string encode_rejoin(const RejoinRequest& request);
[[nodiscard]] std::optional<RejoinRequest> decode_rejoin(std::string_view bytes);
[[nodiscard]] std::string encode_move(const MoveLeaderRequest& request);
[[nodiscard]] std::optional<MoveLeaderRequest> decode_move(std::string_view bytes);
[[nodiscard]] std::string encode_plan(const MemberPlan& plan);
[[nodiscard]] std::optional<MemberPlan> decode_plan(std::string_view bytes);

}  // namespace cairn::kv
