// Base64 with padding (RFC 4648), as JSON carries bytes that are no UTF-8.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cairn::tools {

[[nodiscard]] std::string base64_encode(std::string_view bytes);
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);

}  // namespace cairn::tools
