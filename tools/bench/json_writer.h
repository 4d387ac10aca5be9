// JSON as text, its fields in the order they are written.
#pragma once

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "tools/bench/text.h"

namespace cairn::tools::bench {

class JsonWriter {
 public:
  JsonWriter& open(std::string_view name = {}) { return begin(name, '{'); }
  JsonWriter& close() { return end('}'); }
  JsonWriter& open_list(std::string_view name = {}) { return begin(name, '['); }
  JsonWriter& close_list() { return end(']'); }
  JsonWriter& text(std::string_view name, std::string_view value) {
    return raw(name, quoted(value));
  }
  JsonWriter& number(std::string_view name, std::uint64_t value) {
    return raw(name, std::to_string(value));
  }
  JsonWriter& decimal(std::string_view name, double value, int digits) {
    return raw(name, fixed(std::isfinite(value) ? value : 0, digits));
  }
  JsonWriter& truth(std::string_view name, bool value) {
    return raw(name, value ? "true" : "false");
  }
  JsonWriter& null(std::string_view name) { return raw(name, "null"); }
  [[nodiscard]] const std::string& str() const { return out_; }

 private:
  static std::string quoted(std::string_view value) {
    return boost::json::serialize(boost::json::value(value));
  }
  void before(std::string_view name) {
    if (!out_.empty() && out_.back() != '{' && out_.back() != '[') out_ += ',';
    if (!name.empty()) (out_ += quoted(name)) += ':';
  }
  JsonWriter& raw(std::string_view name, std::string_view value) {
    before(name);
    out_ += value;
    return *this;
  }
  JsonWriter& begin(std::string_view name, char bracket) {
    before(name);
    out_ += bracket;
    return *this;
  }
  JsonWriter& end(char bracket) {
    out_ += bracket;
    return *this;
  }

  std::string out_;
};

}  // namespace cairn::tools::bench
