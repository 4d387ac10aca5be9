// Text of JSON, written straight into the answer: escaping, UTF-8, base64, numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cairn::http {

/// Strict UTF-8: no overlong forms, surrogates, or code points past U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view bytes) noexcept;

/// Appends `text` quoted. It should be UTF-8; a byte that is not becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);
/// Appends `"name":"text"`, or `"name_base64":"…"` when the bytes are not UTF-8.
void append_json_bytes(std::string& out, std::string_view name, std::string_view bytes);

void append_number(std::string& out, std::uint64_t n);
/// The number in quotes: how 64-bit numbers other than revisions are written.
void append_number_string(std::string& out, std::uint64_t n);

/// With padding, RFC 4648 section 4.
void append_base64(std::string& out, std::string_view bytes);
/// Without padding, RFC 4648 section 5: needs no escaping in a query.
void append_base64url(std::string& out, std::string_view bytes);
/// Exactly what append_base64url writes; anything else is refused.
[[nodiscard]] std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace cairn::http
