#include "tools/lib/toml_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace cairn::tools {
namespace {

bool scalar(const toml::node& node, std::string& out) {
  if (const auto* text = node.as_string()) {
    out = text->get();
  } else if (const auto* number = node.as_integer()) {
    out = std::to_string(number->get());
  } else if (const auto* flag = node.as_boolean()) {
    out = flag->get() ? "true" : "false";
  } else {
    return false;
  }
  return true;
}

TomlEntry entry_of(const toml::key& key, const toml::node& node) {
  TomlEntry entry;
  entry.key = std::string(key.str());
  entry.line = key.source().begin.line;
  if (scalar(node, entry.value)) return entry;
  const auto* array = node.as_array();
  if (!array) {
    entry.problem = "must be a string, a number, true, false, or an array of these";
    return entry;
  }
  for (const toml::node& element : *array) {
    std::string part;
    if (!scalar(element, part)) {
      entry.problem = "an array here holds strings or numbers alone";
      return entry;
    }
    entry.value += (entry.value.empty() ? "" : ",") + part;
  }
  return entry;
}

}  // namespace

TomlFile read_toml(const std::string& path) {
  TomlFile file;
  std::error_code ignored;
  std::ifstream stream(path);
  if (!stream || std::filesystem::is_directory(path, ignored)) {
    file.error = "cannot read the configuration file " + path;
    return file;
  }
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  try {
    toml::table table = toml::parse(text, path);
    for (const auto& [key, node] : table) file.entries.push_back(entry_of(key, node));
  } catch (const toml::parse_error& error) {
    file.error = path + ":" + std::to_string(error.source().begin.line) + ": " +
                 std::string(error.description());
  }
  std::sort(file.entries.begin(), file.entries.end(),
            [](const TomlEntry& a, const TomlEntry& b) { return a.line < b.line; });
  return file;
}

std::string toml_quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7f) {
      std::array<char, 8> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "\\u%04X", byte);
      out += escaped.data();
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace cairn::tools
