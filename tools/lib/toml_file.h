// A flat TOML file as keys and values with their lines. (The TOML library is slow to compile and
// stays behind this.)
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cairn::tools {

struct TomlEntry {
  std::string key;
  std::string value;  // as a flag would have it; an array is joined by commas
  std::uint32_t line = 0;
  std::string problem;  // what is wrong with the value's type, if anything
};

struct TomlFile {
  std::vector<TomlEntry> entries;  // in the file's order
  std::string error;               // names file and line; empty: none
};

[[nodiscard]] TomlFile read_toml(const std::string& path);
/// A TOML string with its quotes.
[[nodiscard]] std::string toml_quoted(const std::string& text);

}  // namespace cairn::tools
