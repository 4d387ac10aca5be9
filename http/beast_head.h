// Beast's parser over a head that passed our own check. The only door to Beast, so that its headers
// are compiled once.
#pragma once

#include <string_view>

#include "http/head_check.h"
#include "http/request.h"

namespace cairn::http {

/// Parses `head` with Beast and fills method, target and fields of `request`. Refuses when Beast
/// does, when Beast reads the framing in another way than `checked`, or when a field this server
/// acts upon stands twice.
[[nodiscard]] std::optional<Refusal> parse_head(std::string_view head, const CheckedHead& checked,
                                                Request& request);

}  // namespace cairn::http
