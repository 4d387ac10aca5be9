// A program's settings: one table says what there is; values come from flags, which beat CAIRN_*
// variables, which beat the file of --config, which beats the default.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::tools {

struct Setting {
  enum class Kind { kText, kList, kSwitch, kNumber, kBytes, kDuration };

  std::string name;  // "data-dir": flag --data-dir, key data_dir, variable CAIRN_DATA_DIR
  Kind kind = Kind::kText;
  std::string argument;  // what the help calls the value: "DIR"
  std::string fallback;  // the default, as it would be written; empty: none
  std::string help;
  std::uint64_t min = 0;  // of numbers, bytes and milliseconds
  std::uint64_t max = UINT64_MAX;
  bool flag_only = false;        // neither in the file nor in the environment
  std::string fallback_comment;  // what the help says instead of the default
};

class Settings {
 public:
  explicit Settings(std::vector<Setting> table);

  using Environment = std::function<std::optional<std::string>(const std::string&)>;
  /// The process's own environment.
  static Environment process_environment();

  /// Reads all layers; the arguments are without the program's name. What is no flag is kept in
  /// positional(). An answer is an error that names the flag, the variable, or file, line and key.
  [[nodiscard]] std::optional<std::string> load(const std::vector<std::string>& arguments,
                                                const Environment& environment);

  [[nodiscard]] const std::string& text(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> list(std::string_view name) const;
  [[nodiscard]] bool on(std::string_view name) const;
  [[nodiscard]] std::uint64_t number(std::string_view name) const;  // bytes as well
  [[nodiscard]] std::chrono::milliseconds duration(std::string_view name) const;
  /// Was it set anywhere, or is it the default?
  [[nodiscard]] bool given(std::string_view name) const;
  /// For an error found later: where the value came from, as "cairn.toml:3: heartbeat".
  [[nodiscard]] std::string where(std::string_view name) const;

  [[nodiscard]] const std::vector<std::string>& positional() const { return positional_; }
  /// A line or more for each setting.
  [[nodiscard]] std::string help() const;
  /// What --print-config prints: a file for --config with the origin of each value beside it.
  [[nodiscard]] std::string print_config() const;

 private:
  struct Value {
    std::string text;
    std::string origin;  // "--data-dir", "CAIRN_DATA_DIR", "cairn.toml:3: data_dir"; empty: default
  };

  const Setting* find(std::string_view name) const;
  std::optional<std::string> set(const Setting& setting, std::string value, std::string origin);
  std::optional<std::string> load_flags(const std::vector<std::string>& arguments,
                                        std::map<std::string, Value>& flags);
  std::optional<std::string> load_file(const std::string& path);
  std::optional<std::string> load_environment(const Environment& environment);
  const Value& value(std::string_view name) const;

  std::vector<Setting> table_;
  std::map<std::string, Value, std::less<>> values_;
  std::vector<std::string> positional_;
};

}  // namespace cairn::tools
