// Reading Cairn's JSON answers without trusting their shape.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cairn::tools {

/// The object in the text; an empty one if it is none.
[[nodiscard]] boost::json::object json_object(std::string_view text);
/// A string, or a number or truth value as it would be written; `absent` for null or nothing.
[[nodiscard]] std::string json_text(const boost::json::object& object, std::string_view name,
                                    const std::string& absent = "");
[[nodiscard]] std::uint64_t json_number(const boost::json::object& object, std::string_view name);
[[nodiscard]] const boost::json::array& json_array(const boost::json::object& object,
                                                   std::string_view name);
/// The bytes of "name", or of "name_base64".
[[nodiscard]] std::optional<std::string> json_bytes(const boost::json::object& object,
                                                    std::string_view name);

}  // namespace cairn::tools
