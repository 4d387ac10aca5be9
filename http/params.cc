#include "http/params.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace cairn::http {
namespace {

constexpr kv::Revision kRevisionEnd = kv::Revision{1} << 53;
constexpr std::size_t kIdempotencyKeyMax = 256;

template <class N>
std::optional<N> parse_digits(std::string_view text) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  N n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return n;
}

// A parameter's name as it may stand in an answer: short and printable.
std::string shown(std::string_view name) {
  std::string out(name.substr(0, 40));
  for (char& c : out) {
    if (c < 0x20 || c >= 0x7F) c = '?';
  }
  return out;
}

bool is_visible(char c) {
  return c > 0x20 && c < 0x7F;
}

}  // namespace

std::optional<kv::Revision> parse_revision(std::string_view text) noexcept {
  const auto n = parse_digits<kv::Revision>(text);
  if (!n || *n == 0 || *n >= kRevisionEnd) return std::nullopt;
  return n;
}

void Params::complain(std::string text) {
  if (!complaint_) complaint_ = std::move(text);
}

std::optional<std::string_view> Params::text(std::string_view name) {
  for (std::size_t i = 0; i < query_.size(); ++i) {
    if (query_[i].first != name) continue;
    used_ |= 1u << i;
    return query_[i].second;
  }
  return std::nullopt;
}

bool Params::flag(std::string_view name) {
  const auto value = text(name);
  if (!value || *value == "false" || *value == "0") return false;
  if (value->empty() || *value == "true" || *value == "1") return true;
  complain("the parameter " + std::string(name) + " is neither true nor false");
  return false;
}

std::uint32_t Params::number(std::string_view name, std::uint32_t otherwise, std::uint32_t min,
                             std::uint32_t max) {
  const auto value = text(name);
  if (!value) return otherwise;
  const auto n = parse_digits<std::uint32_t>(*value);
  if (n && *n >= min && *n <= max) return *n;
  complain("the parameter " + std::string(name) + " is not a number from " + std::to_string(min) +
           " to " + std::to_string(max));
  return otherwise;
}

kv::ReadOptions Params::read_options() {
  kv::ReadOptions options;
  read_fields_used_ = true;
  if (const auto level = text("consistency")) {
    if (*level == "eventual") {
      options.consistency = kv::Consistency::kEventual;
    } else if (*level == "lease") {
      options.consistency = kv::Consistency::kLease;
    } else if (*level != "linearizable") {
      complain("the consistency \"" + shown(*level) +
               "\" is not available: use linearizable, lease or eventual");
    }
  }
  if (fields_.min_revision) {
    const auto revision = parse_revision(*fields_.min_revision);
    if (!revision) complain("Cairn-Min-Revision is not a revision");
    options.min_revision = revision.value_or(0);
  }
  return options;
}

kv::WriteOptions Params::write_options(bool create) {
  kv::WriteOptions options;
  write_fields_used_ = true;
  if (fields_.if_none_match) {
    if (!create || *fields_.if_none_match != "*") {
      complain("If-None-Match is only \"*\", and only on PUT");
    }
    options.if_absent = true;
  }
  if (fields_.if_match) {
    const std::string_view tag = *fields_.if_match;
    std::optional<kv::Revision> revision;
    if (tag.size() > 2 && tag.front() == '"' && tag.back() == '"') {
      revision = parse_revision(tag.substr(1, tag.size() - 2));
    }
    if (!revision) complain("If-Match is not one revision in quotes");
    if (options.if_absent) complain("If-Match and If-None-Match exclude each other");
    options.if_revision = revision.value_or(0);
  }
  if (fields_.idempotency_key) {
    const std::string& key = *fields_.idempotency_key;
    if (key.empty() || key.size() > kIdempotencyKeyMax ||
        !std::all_of(key.begin(), key.end(), is_visible)) {
      complain("Idempotency-Key is not 1 to 256 visible ASCII characters");
    }
    options.idempotency_key = key;
  }
  return options;
}

std::optional<std::string> Params::complaint() {
  for (std::size_t i = 0; i < query_.size(); ++i) {
    if ((used_ & (1u << i)) == 0) {
      complain("the parameter \"" + shown(query_[i].first) + "\" is not known here");
    }
  }
  if (!read_fields_used_ && fields_.min_revision) {
    complain("Cairn-Min-Revision is not known here: it belongs to reads");
  }
  if (!write_fields_used_) {
    if (fields_.if_none_match) complain("If-None-Match is not known here");
    if (fields_.if_match) complain("If-Match is not known here");
    if (fields_.idempotency_key) complain("Idempotency-Key is not known here");
  }
  return std::exchange(complaint_, std::nullopt);
}

}  // namespace cairn::http
