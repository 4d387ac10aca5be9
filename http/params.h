// Reads a request's query parameters and header fields. What no one asked for is refused by name:
// nothing is ever ignored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cairn/kv/store.h"
#include "http/request.h"
#include "http/target.h"

namespace cairn::http {

class Params {
 public:
  /// Both outlive this.
  Params(const Query& query, const Fields& fields) : query_(query), fields_(fields) {}

  /// Absent, or the value. Each name is asked for once.
  std::optional<std::string_view> text(std::string_view name);
  /// Absent or "false" or "0": no. Empty or "true" or "1": yes.
  bool flag(std::string_view name);
  std::uint32_t number(std::string_view name, std::uint32_t otherwise, std::uint32_t min,
                       std::uint32_t max);

  /// ?consistency= and Cairn-Min-Revision.
  kv::ReadOptions read_options();
  /// If-None-Match, If-Match, Idempotency-Key. `create`: whether If-None-Match makes sense.
  kv::WriteOptions write_options(bool create);

  /// Call last: the first thing wrong, or what nobody asked for. None: all is well.
  [[nodiscard]] std::optional<std::string> complaint();

 private:
  void complain(std::string text);

  const Query& query_;
  const Fields& fields_;
  std::uint32_t used_ = 0;  // a bit for each parameter of the query; there are at most 32
  bool read_fields_used_ = false, write_fields_used_ = false;
  std::optional<std::string> complaint_;
};

/// The digits of a revision, 1 .. 2^53 - 1.
[[nodiscard]] std::optional<kv::Revision> parse_revision(std::string_view text) noexcept;

}  // namespace cairn::http
