#include "tools/lib/settings.h"

#include <cstdlib>
#include <stdexcept>

#include "tools/lib/toml_file.h"
#include "tools/lib/units.h"

namespace cairn::tools {
namespace {

std::string key_of(const Setting& setting) {
  std::string key = setting.name;
  for (char& c : key) {
    if (c == '-') c = '_';
  }
  return key;
}

std::string variable_of(const Setting& setting) {
  std::string variable = "CAIRN_" + key_of(setting);
  for (char& c : variable) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return variable;
}

std::string quoted(const std::string& text) {
  return '"' + text + '"';
}

std::string range_error(const Setting& setting, const std::string& text,
                        std::string (*format)(std::uint64_t)) {
  std::string most = setting.max == UINT64_MAX ? "" : format(setting.max);
  return text + " is out of range: " + format(setting.min) + " .. " + most;
}

std::string format_plain(std::uint64_t value) {
  return std::to_string(value);
}
std::string format_size(std::uint64_t value) {
  return format_bytes(value);
}
std::string format_time(std::uint64_t value) {
  return format_duration(std::chrono::milliseconds(value));
}

// What is wrong with the text as a value of this setting, if anything.
std::optional<std::string> refusal(const Setting& setting, const std::string& text) {
  using Kind = Setting::Kind;
  std::optional<std::uint64_t> value;
  auto* format = format_plain;
  const char* example = "";
  switch (setting.kind) {
    case Kind::kText:
    case Kind::kList:
      return std::nullopt;
    case Kind::kSwitch:
      if (text == "true" || text == "false") return std::nullopt;
      return quoted(text) + " is neither true nor false";
    case Kind::kNumber:
      value = parse_number(text);
      example = "a number";
      break;
    case Kind::kBytes:
      value = parse_bytes(text);
      format = format_size;
      example = "a size, such as 64MiB";
      break;
    case Kind::kDuration:
      if (auto duration = parse_duration(text)) {
        value = static_cast<std::uint64_t>(duration->count());
      }
      format = format_time;
      example = "a duration, such as 50ms or 10s";
      break;
  }
  if (!value) return quoted(text) + " is not " + example;
  if (*value < setting.min || *value > setting.max) return range_error(setting, text, format);
  return std::nullopt;
}

}  // namespace

Settings::Settings(std::vector<Setting> table) : table_(std::move(table)) {
  for (const Setting& setting : table_) {
    const bool is_switch = setting.kind == Setting::Kind::kSwitch;
    values_[setting.name] = {is_switch ? "false" : setting.fallback, ""};
  }
}

Settings::Environment Settings::process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
  };
}

const Setting* Settings::find(std::string_view name) const {
  for (const Setting& setting : table_) {
    if (setting.name == name) return &setting;
  }
  return nullptr;
}

std::optional<std::string> Settings::set(const Setting& setting, std::string value,
                                         std::string origin) {
  if (auto wrong = refusal(setting, value)) return origin + ": " + *wrong;
  values_[setting.name] = {std::move(value), std::move(origin)};
  return std::nullopt;
}

std::optional<std::string> Settings::load(const std::vector<std::string>& arguments,
                                          const Environment& environment) {
  std::map<std::string, Value> flags;
  if (auto error = load_flags(arguments, flags)) return error;
  if (find("config")) {
    std::string path = environment("CAIRN_CONFIG").value_or("");
    if (auto it = flags.find("config"); it != flags.end()) path = it->second.text;
    if (!path.empty()) {
      if (auto error = load_file(path)) return error;
    }
  }
  if (auto error = load_environment(environment)) return error;
  for (auto& [name, value] : flags) {
    if (auto error = set(*find(name), value.text, value.origin)) return error;
  }
  return std::nullopt;
}

std::optional<std::string> Settings::load_flags(const std::vector<std::string>& arguments,
                                                std::map<std::string, Value>& flags) {
  bool only_positional = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (only_positional || !word.starts_with("--")) {
      positional_.push_back(word);
      continue;
    }
    if (word == "--") {
      only_positional = true;
      continue;
    }
    const auto equals = word.find('=');
    const std::string name =
        word.substr(2, equals == std::string::npos ? std::string::npos : equals - 2);
    const Setting* setting = find(name);
    if (!setting) return "unknown flag --" + name + "; see --help";
    std::string value;
    if (equals != std::string::npos) {
      value = word.substr(equals + 1);
    } else if (setting->kind == Setting::Kind::kSwitch) {
      value = "true";
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    } else {
      return "--" + name + " needs a value; see --help";
    }
    // A list may be given in pieces; of anything else the last one counts.
    Value& slot = flags[name];
    const bool more = setting->kind == Setting::Kind::kList && !slot.text.empty();
    slot = {more ? slot.text + "," + value : value, "--" + name};
  }
  return std::nullopt;
}

std::optional<std::string> Settings::load_file(const std::string& path) {
  TomlFile file = read_toml(path);
  if (!file.error.empty()) return file.error;
  for (TomlEntry& entry : file.entries) {
    const std::string place = path + ":" + std::to_string(entry.line);
    const Setting* found = nullptr;
    for (const Setting& setting : table_) {
      if ((key_of(setting) == entry.key || setting.name == entry.key) && !setting.flag_only) {
        found = &setting;
      }
    }
    if (!found) return place + ": unknown key " + entry.key;
    const std::string origin = place + ": " + entry.key;
    if (!entry.problem.empty()) return origin + ": " + entry.problem;
    if (auto error = set(*found, std::move(entry.value), origin)) return error;
  }
  return std::nullopt;
}

std::optional<std::string> Settings::load_environment(const Environment& environment) {
  for (const Setting& setting : table_) {
    if (setting.flag_only) continue;
    const std::string variable = variable_of(setting);
    if (auto value = environment(variable)) {
      if (auto error = set(setting, std::move(*value), variable)) return error;
    }
  }
  return std::nullopt;
}

const Settings::Value& Settings::value(std::string_view name) const {
  auto it = values_.find(name);
  if (it == values_.end()) throw std::logic_error("no setting is called " + std::string(name));
  return it->second;
}

const std::string& Settings::text(std::string_view name) const {
  return value(name).text;
}

std::vector<std::string> Settings::list(std::string_view name) const {
  return split_list(value(name).text);
}

bool Settings::on(std::string_view name) const {
  return value(name).text == "true";
}

std::uint64_t Settings::number(std::string_view name) const {
  return parse_bytes(value(name).text).value_or(0);
}

std::chrono::milliseconds Settings::duration(std::string_view name) const {
  return parse_duration(value(name).text).value_or(std::chrono::milliseconds(0));
}

bool Settings::given(std::string_view name) const {
  return !value(name).origin.empty();
}

std::string Settings::where(std::string_view name) const {
  const std::string& origin = value(name).origin;
  return origin.empty() ? "--" + std::string(name) : origin;
}

std::string Settings::help() const {
  constexpr std::size_t kColumn = 30;
  std::string out;
  for (const Setting& setting : table_) {
    std::string line = "  --" + setting.name;
    if (!setting.argument.empty()) line += " " + setting.argument;
    line += line.size() + 2 > kColumn ? "\n" + std::string(kColumn, ' ')
                                      : std::string(kColumn - line.size(), ' ');
    line += setting.help;
    const std::string& shown =
        setting.fallback_comment.empty() ? setting.fallback : setting.fallback_comment;
    if (!shown.empty()) line += " (default " + shown + ")";
    out += line + "\n";
  }
  return out;
}

std::string Settings::print_config() const {
  std::string out;
  for (const Setting& setting : table_) {
    if (setting.flag_only) continue;
    const Value& v = value(setting.name);
    const bool bare =
        setting.kind == Setting::Kind::kSwitch || setting.kind == Setting::Kind::kNumber;
    // An unset value stays out of force when this is read back as a file.
    if (v.text.empty() && v.origin.empty()) {
      out += "# " + key_of(setting) + " is not set\n";
      continue;
    }
    out += key_of(setting) + " = " + (bare ? v.text : toml_quoted(v.text)) + "  # " +
           (v.origin.empty() ? "default" : v.origin) + "\n";
  }
  return out;
}

}  // namespace cairn::tools
