#include "tools/lib/json_view.h"

#include "tools/lib/base64.h"
#include "tools/lib/units.h"

namespace cairn::tools {

boost::json::object json_object(std::string_view text) {
  boost::json::error_code error;
  auto value = boost::json::parse(text, error);
  if (error || !value.is_object()) return {};
  return std::move(value.get_object());
}

std::string json_text(const boost::json::object& object, std::string_view name,
                      const std::string& absent) {
  const auto* value = object.if_contains(name);
  if (!value || value->is_null()) return absent;
  if (value->is_string()) return std::string(value->get_string());
  return boost::json::serialize(*value);
}

std::uint64_t json_number(const boost::json::object& object, std::string_view name) {
  return parse_number(json_text(object, name)).value_or(0);
}

const boost::json::array& json_array(const boost::json::object& object, std::string_view name) {
  static const boost::json::array kNone;
  const auto* value = object.if_contains(name);
  return value && value->is_array() ? value->get_array() : kNone;
}

std::optional<std::string> json_bytes(const boost::json::object& object, std::string_view name) {
  const auto* plain = object.if_contains(name);
  if (plain && plain->is_string()) return std::string(plain->get_string());
  const auto* encoded = object.if_contains(std::string(name) + "_base64");
  if (encoded && encoded->is_string()) return base64_decode(encoded->get_string());
  return std::nullopt;
}

}  // namespace cairn::tools
