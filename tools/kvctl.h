// kvctl in pieces: a table of verbs, and what a verb gets to work with.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tools/lib/cluster_client.h"
#include "tools/lib/settings.h"

namespace cairn::tools::ctl {

enum Exit { kDone = 0, kRefused = 1, kUsage = 2, kUnreachable = 3 };

enum class Output { kTable, kJson, kRaw };

struct Context {
  const Settings& settings;
  const std::vector<std::string>& arguments;  // without the verb
  Output output;
  ClusterClient& client;
};

struct Verb {
  std::string name;
  std::string arguments;  // "KEY VALUE"
  std::string summary;
  std::string example;
  std::size_t arguments_min = 0;
  std::size_t arguments_max = 0;
  std::vector<Setting> settings;  // besides the common ones
  std::function<int(const Context&)> run;
};

[[nodiscard]] const std::vector<Verb>& verbs();
[[nodiscard]] std::vector<Setting> common_settings();
[[nodiscard]] std::string completion(const std::string& shell);

[[nodiscard]] Verb put_verb();
[[nodiscard]] Verb get_verb();
[[nodiscard]] Verb del_verb();
[[nodiscard]] Verb scan_verb();
[[nodiscard]] Verb cluster_verb();
[[nodiscard]] Verb ring_verb();
[[nodiscard]] Verb backup_verb();
[[nodiscard]] Verb restore_verb();
[[nodiscard]] Verb verify_verb();
[[nodiscard]] Verb recover_verb();
[[nodiscard]] Verb wal_verb();
[[nodiscard]] Verb member_verb();
[[nodiscard]] Verb leader_verb();
[[nodiscard]] Verb diff_verb();
[[nodiscard]] Verb heal_verb();

/// `error: …` on stderr.
int fail(Exit status, const std::string& text);
/// On stdout, bytes as they are; false if they could not be written.
bool print(std::string_view bytes);

/// Sends; an answer below 400 is put into `response`. Otherwise says what went wrong and gives the
/// exit status.
[[nodiscard]] int exchange(const Context& context, const HttpRequest& request,
                           HttpResponse& response);

/// A request target with its query.
class Target {
 public:
  explicit Target(std::string path) : text_(std::move(path)) {}
  /// An empty value is sent as well; bytes are encoded.
  Target& with(std::string_view name, std::string_view value);
  Target& with_flag(std::string_view name);
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
  char next_ = '?';
};

/// --consistency, if given.
void add_consistency(const Context& context, Target& target);
[[nodiscard]] Setting consistency_setting();

}  // namespace cairn::tools::ctl
