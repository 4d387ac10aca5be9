// kvctl: the command line client. This file finds the verb, reads the flags, and says what went
// wrong; the verbs are in kvctl_data.cc and kvctl_cluster.cc.
#include "tools/kvctl.h"

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "tools/lib/json_view.h"

namespace cairn::tools::ctl {
namespace {

using Kind = Setting::Kind;

constexpr const char* kUsageText =
    "usage: kvctl [flags] VERB [flags] [arguments]\n\n"
    "Reads and writes a Cairn cluster by its HTTP door.\n\n";

const Verb* find_verb(const std::string& name) {
  for (const Verb& verb : verbs()) {
    if (verb.name == name) return &verb;
  }
  return nullptr;
}

std::string general_help() {
  std::string out = kUsageText;
  for (const Verb& verb : verbs()) {
    const std::string call = "  " + verb.name + " " + verb.arguments;
    out += call + std::string(call.size() < 36 ? 36 - call.size() : 1, ' ') + verb.summary + "\n";
  }
  out += "  completion bash|zsh               print shell completion\n\nflags:\n";
  out += Settings(common_settings()).help();
  out +=
      "\nkvctl VERB --help shows a verb's own flags and an example.\n"
      "Exit status: 0 done, 1 refused or absent, 2 usage, 3 no node can be reached.\n";
  return out;
}

std::string verb_help(const Verb& verb) {
  return "usage: kvctl " + verb.name + " " + verb.arguments + "\n\n" + verb.summary +
         "\n\nexample:\n  " + verb.example + "\n\nflags:\n" + Settings(verb.settings).help() +
         Settings(common_settings()).help();
}

// The verb is the first word that is neither a flag nor a flag's value.
std::size_t verb_at(const std::vector<std::string>& words) {
  const auto common = common_settings();
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!words[i].starts_with("--")) return i;
    const bool takes_value = std::any_of(common.begin(), common.end(), [&](const Setting& setting) {
      return setting.kind != Kind::kSwitch && words[i] == "--" + setting.name;
    });
    if (takes_value) ++i;
  }
  return words.size();
}

std::optional<Output> parse_output(const std::string& text) {
  if (text == "table") return Output::kTable;
  if (text == "json") return Output::kJson;
  if (text == "raw") return Output::kRaw;
  return std::nullopt;
}

int run_verb(const Verb& verb, const std::vector<std::string>& words) {
  std::vector<Setting> table = verb.settings;
  for (Setting& setting : common_settings()) table.push_back(std::move(setting));
  Settings settings(std::move(table));
  if (auto error = settings.load(words, Settings::process_environment())) {
    return fail(kUsage, *error);
  }
  if (settings.on("help")) return print(verb_help(verb)) ? kDone : kRefused;
  const auto& arguments = settings.positional();
  if (arguments.size() < verb.arguments_min || arguments.size() > verb.arguments_max) {
    return fail(kUsage, "usage: kvctl " + verb.name + " " + verb.arguments + "; kvctl " +
                            verb.name + " --help has an example");
  }
  auto output = parse_output(settings.text("output"));
  if (!output) {
    return fail(kUsage, settings.where("output") + ": \"" + settings.text("output") +
                            "\" is not table, json or raw");
  }
  std::vector<Endpoint> endpoints;
  if (auto error = parse_endpoints(settings.text("endpoints"), endpoints)) {
    return fail(kUsage, settings.where("endpoints") + ": " + *error);
  }
  ClusterClient client(std::move(endpoints), settings.duration("timeout"));
  return verb.run({settings, arguments, *output, client});
}

int kvctl_main(std::vector<std::string> words) {
  std::signal(SIGPIPE, SIG_IGN);
  std::replace(words.begin(), words.end(), std::string("-h"), std::string("--help"));
  const std::size_t at = verb_at(words);
  const bool wants_help = std::find(words.begin(), words.end(), "--help") != words.end();
  if (at == words.size()) {
    if (wants_help) return print(general_help()) ? kDone : kRefused;
    if (std::find(words.begin(), words.end(), "--version") != words.end()) {
      return print("kvctl " CAIRN_VERSION "\n") ? kDone : kRefused;
    }
    return fail(kUsage, "which verb? See kvctl --help");
  }
  const std::string name = words[at];
  words.erase(words.begin() + static_cast<std::ptrdiff_t>(at));
  if (name == "help") {
    const Verb* verb = words.empty() ? nullptr : find_verb(words[0]);
    return print(verb ? verb_help(*verb) : general_help()) ? kDone : kRefused;
  }
  if (name == "completion") {
    const std::string script = words.size() == 1 ? completion(words[0]) : "";
    if (script.empty()) return fail(kUsage, "usage: kvctl completion bash|zsh");
    return print(script) ? kDone : kRefused;
  }
  const Verb* verb = find_verb(name);
  if (!verb) return fail(kUsage, "there is no verb \"" + name + "\"; see kvctl --help");
  return run_verb(*verb, words);
}

std::string refusal_text(const Problem& problem, const HttpResponse& response) {
  std::string text = problem.code;
  if (!problem.detail.empty()) text += ": " + problem.detail;
  if (problem.committed == "unknown") {
    text += " (the write may or may not take effect; look before repeating it)";
  }
  const std::string revision = json_text(json_object(response.body), "revision");
  if (!revision.empty()) text += " (current revision " + revision + ")";
  return text;
}

}  // namespace

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> kVerbs{
      put_verb(),    get_verb(),    del_verb(),     scan_verb(),   cluster_verb(),
      ring_verb(),   member_verb(), leader_verb(),  backup_verb(), restore_verb(),
      verify_verb(), wal_verb(),    recover_verb(), diff_verb(),   heal_verb()};
  return kVerbs;
}

std::vector<Setting> common_settings() {
  return {
      {.name = "endpoints",
       .kind = Kind::kList,
       .argument = "URL,...",
       .fallback = "http://127.0.0.1:8001",
       .help = "nodes to ask, in turn; also CAIRN_ENDPOINTS"},
      {.name = "output",
       .argument = "FORMAT",
       .fallback = "table",
       .help = "table, json or raw",
       .flag_only = true},
      {.name = "timeout",
       .kind = Kind::kDuration,
       .argument = "TIME",
       .fallback = "10s",
       .help = "for all tries together",
       .min = 1,
       .max = 3'600'000,
       .flag_only = true},
      {.name = "help", .kind = Kind::kSwitch, .help = "show this", .flag_only = true},
  };
}

int fail(Exit status, const std::string& text) {
  std::fprintf(stderr, "error: %s\n", text.c_str());
  return status;
}

bool print(std::string_view bytes) {
  return std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size() &&
         std::fflush(stdout) == 0;
}

int exchange(const Context& context, const HttpRequest& request, HttpResponse& response) {
  Answer answer = context.client.send(request);
  switch (answer.kind) {
    case Answer::Kind::kUnreachable:
      return fail(kUnreachable, "no node can be reached: " + answer.error);
    case Answer::Kind::kUnknown:
      return fail(kRefused,
                  "outcome_unknown: the write may or may not take effect; look before "
                  "repeating it (" +
                      answer.error + ")");
    case Answer::Kind::kResponse:
      break;
  }
  response = std::move(answer.response);
  if (response.status < 400) return kDone;
  return fail(kRefused, refusal_text(parse_problem(response), response));
}

Target& Target::with(std::string_view name, std::string_view value) {
  with_flag(name);
  text_ += '=';
  text_ += percent_encode(value);
  return *this;
}

Target& Target::with_flag(std::string_view name) {
  text_ += next_;
  text_ += name;
  next_ = '&';
  return *this;
}

Setting consistency_setting() {
  return {.name = "consistency",
          .argument = "LEVEL",
          .help = "linearizable, lease or eventual",
          .flag_only = true,
          .fallback_comment = "linearizable"};
}

void add_consistency(const Context& context, Target& target) {
  if (context.settings.given("consistency")) {
    target.with("consistency", context.settings.text("consistency"));
  }
}

}  // namespace cairn::tools::ctl

int main(int argc, char** argv) {
  return cairn::tools::ctl::kvctl_main(std::vector<std::string>(argv + 1, argv + argc));
}
