// Reads the small JSON bodies of administrative requests: strict, from front to back, straight into
// values. No tree, no recursion but the caller's own, so nothing here grows with hostile input.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace cairn::http {

class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  /// Calls `field` with each name; it must read the value, or complain. A name that comes twice is
  /// a complaint.
  void object(const std::function<void(const std::string& name)>& field);
  /// Calls `element` before each element.
  void array(const std::function<void()>& element);
  std::string string();
  /// A whole number, 0 .. 2^64 - 1.
  std::uint64_t number();
  bool boolean();
  void complain(std::string what);

  /// After the value: nothing but space may follow. What is wrong, the first thing, or nothing.
  [[nodiscard]] std::optional<std::string> finish();

 private:
  void space();
  bool take(char c);
  void expect(char c, const char* what);
  bool escape(std::string& out);

  std::string_view text_;
  std::optional<std::string> complaint_;
};

}  // namespace cairn::http
