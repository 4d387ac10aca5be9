// Columns for people.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cairn::tools {

/// Rows of cells with a title each, in columns as wide as they need to be.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> titles) : rows_{std::move(titles)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// On one line and harmless to a terminal: control characters and bytes that are no UTF-8 become
/// \n, \t, \xHH; a backslash is doubled.
[[nodiscard]] std::string printable(std::string_view bytes);
/// The length in bytes of the UTF-8 character that the text begins with; 0: none.
[[nodiscard]] std::size_t utf8_length(std::string_view text);

}  // namespace cairn::tools
