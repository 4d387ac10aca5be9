// The verbs that read and write: put, get, del, scan.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>

#include "tools/kvctl.h"
#include "tools/lib/json_view.h"
#include "tools/lib/text_table.h"
#include "tools/lib/units.h"

namespace cairn::tools::ctl {
namespace {

using Kind = Setting::Kind;

constexpr std::uint64_t kPage = 1000;

std::string key_path(const std::string& key) {
  return "/v1/kv/" + percent_encode(key);
}

std::optional<std::string> read_all(std::istream& stream) {
  std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  if (stream.bad()) return std::nullopt;
  return bytes;
}

// The value to put: an argument, "-" for stdin, or --file.
std::optional<std::string> read_value(const Context& context, std::string& error) {
  const std::string& file = context.settings.text("file");
  if ((context.arguments.size() == 2) == !file.empty()) {
    error = "put needs a value: as an argument, - for stdin, or --file FILE";
    return std::nullopt;
  }
  if (file.empty() && context.arguments[1] != "-") return context.arguments[1];
  std::ifstream stream;
  if (!file.empty()) stream.open(file, std::ios::binary);
  auto bytes = !file.empty() && !stream ? std::nullopt : read_all(file.empty() ? std::cin : stream);
  if (!bytes) error = "cannot read " + (file.empty() ? std::string("stdin") : file);
  return bytes;
}

void add_conditions(const Context& context, HttpRequest& request) {
  if (context.settings.given("if-revision")) {
    request.fields.emplace_back("If-Match", '"' + context.settings.text("if-revision") + '"');
  }
}

std::string bytes_or(const boost::json::object& item, const char* name) {
  return json_bytes(item, name).value_or("");
}

void add_item(TextTable& table, const boost::json::object& item, bool keys_only) {
  std::vector<std::string> row{printable(bytes_or(item, "key"))};
  if (!keys_only) row.push_back(printable(bytes_or(item, "value")));
  row.push_back(json_text(item, "mod_revision"));
  row.push_back(json_text(item, "version"));
  table.add(std::move(row));
}

TextTable item_table(bool keys_only) {
  if (keys_only) return TextTable({"KEY", "REVISION", "VERSION"});
  return TextTable({"KEY", "VALUE", "REVISION", "VERSION"});
}

int printed(bool written) {
  return written ? kDone : fail(kRefused, "the output could not be written");
}

int put(const Context& context) {
  std::string error;
  auto value = read_value(context, error);
  if (!value) return fail(kUsage, error);
  if (context.settings.on("if-absent") && context.settings.given("if-revision")) {
    return fail(kUsage, "--if-absent and --if-revision contradict each other");
  }
  Target target(key_path(context.arguments[0]));
  if (context.settings.on("prev")) target.with_flag("prev");
  HttpRequest request{"PUT", target.text(), {}, std::move(*value)};
  request.fields.emplace_back("Content-Type", "application/octet-stream");
  request.fields.emplace_back("Idempotency-Key", random_idempotency_key());
  if (context.settings.on("if-absent")) request.fields.emplace_back("If-None-Match", "*");
  add_conditions(context, request);
  HttpResponse response;
  if (int status = exchange(context, request, response)) return status;
  if (context.output == Output::kJson) return printed(print(response.body + "\n"));
  const auto answer = json_object(response.body);
  const std::string revision = json_text(answer, "revision");
  if (context.output == Output::kRaw) return printed(print(revision + "\n"));
  TextTable table({"REVISION", "VERSION", "CREATED"});
  table.add({revision, json_text(answer, "version"), json_text(answer, "created")});
  std::string text = table.text();
  if (context.settings.on("prev")) {
    const auto* previous = answer.if_contains("prev");
    TextTable items = item_table(false);
    if (previous && previous->is_object()) add_item(items, previous->get_object(), false);
    text += "\nbefore:\n" + items.text();
  }
  return printed(print(text));
}

int get(const Context& context) {
  Target target(key_path(context.arguments[0]));
  if (context.output == Output::kRaw) target.with_flag("raw");
  add_consistency(context, target);
  HttpResponse response;
  if (int status = exchange(context, {"GET", target.text(), {}, ""}, response)) return status;
  if (context.output == Output::kRaw) return printed(print(response.body));
  if (context.output == Output::kJson) return printed(print(response.body + "\n"));
  TextTable table = item_table(false);
  add_item(table, json_object(response.body), false);
  return printed(print(table.text()));
}

int print_deleted(const Context& context, std::uint64_t deleted, const std::string& revision) {
  if (context.output == Output::kJson) {
    const boost::json::object answer{{"deleted", deleted},
                                     {"revision", parse_number(revision).value_or(0)}};
    return printed(print(boost::json::serialize(answer) + "\n"));
  }
  if (context.output == Output::kRaw) return printed(print(std::to_string(deleted) + "\n"));
  TextTable table({"DELETED", "REVISION"});
  table.add({std::to_string(deleted), revision});
  return printed(print(table.text()));
}

// Step by step to the end; a step is atomic, the whole is not.
int del_prefix(const Context& context) {
  const std::string& prefix = context.settings.text("prefix");
  if (prefix.empty() && !context.settings.on("all")) {
    return fail(kUsage, "an empty prefix means every key there is; add --all if so");
  }
  std::uint64_t deleted = 0;
  std::string cursor;
  for (;;) {
    Target target("/v1/kv");
    target.with("prefix", prefix);
    if (!cursor.empty()) target.with("cursor", cursor);
    HttpResponse response;
    if (int status = exchange(context, {"DELETE", target.text(), {}, ""}, response)) {
      if (deleted > 0) {
        std::fprintf(stderr, "%llu keys were deleted before; the same command goes on\n",
                     static_cast<unsigned long long>(deleted));
      }
      return status;
    }
    const auto answer = json_object(response.body);
    deleted += json_number(answer, "deleted");
    cursor = json_text(answer, "next");
    if (cursor.empty()) return print_deleted(context, deleted, json_text(answer, "revision"));
    std::fprintf(stderr, "%llu deleted\n", static_cast<unsigned long long>(deleted));
  }
}

int del(const Context& context) {
  const bool by_prefix = context.settings.given("prefix");
  if (by_prefix != context.arguments.empty()) {
    return fail(kUsage, "del needs a key, or --prefix");
  }
  if (by_prefix) {
    if (context.settings.given("if-revision")) {
      return fail(kUsage, "--if-revision is about one key, not a prefix");
    }
    return del_prefix(context);
  }
  HttpRequest request{"DELETE", key_path(context.arguments[0]), {}, ""};
  request.fields.emplace_back("Idempotency-Key", random_idempotency_key());
  add_conditions(context, request);
  HttpResponse response;
  if (int status = exchange(context, request, response)) return status;
  const auto answer = json_object(response.body);
  const std::uint64_t deleted = json_number(answer, "deleted");
  const int status = print_deleted(context, deleted, json_text(answer, "revision"));
  if (status != kDone || deleted > 0) return status;
  return fail(kRefused, "the key does not exist");
}

// The pages of a scan as one answer, or printed as they come.
class ScanOutput {
 public:
  explicit ScanOutput(const Context& context)
      : context_(context), keys_only_(context.settings.on("keys-only")) {}

  bool page(const boost::json::object& answer) {
    revision_ = json_number(answer, "revision");
    if (context_.output == Output::kJson) {
      for (const auto& item : json_array(answer, "items")) items_.push_back(item);
      return true;
    }
    TextTable table = item_table(keys_only_);
    std::string raw;
    for (const auto& value : json_array(answer, "items")) {
      if (!value.is_object()) continue;
      const auto& item = value.get_object();
      if (context_.output == Output::kRaw) {
        raw += bytes_or(item, "key") + (keys_only_ ? "" : "\t" + bytes_or(item, "value")) + "\n";
      } else {
        add_item(table, item, keys_only_);
      }
    }
    return print(context_.output == Output::kRaw ? raw : table.text());
  }

  bool end(const std::string& next) {
    if (context_.output == Output::kJson) {
      boost::json::object all{{"items", std::move(items_)}, {"next", nullptr}};
      if (!next.empty()) all["next"] = next;
      all["revision"] = revision_;
      return print(boost::json::serialize(all) + "\n");
    }
    if (!next.empty()) std::fputs("more keys follow\n", stderr);
    return true;
  }

 private:
  const Context& context_;
  bool keys_only_;
  boost::json::array items_;
  std::uint64_t revision_ = 0;
};

// The range of the flags; false if they contradict each other.
bool add_range(const Context& context, Target& target) {
  const bool by_ends = context.settings.given("start") || context.settings.given("end");
  const bool by_prefix = context.settings.given("prefix") || !context.arguments.empty();
  if (by_ends && by_prefix) return false;
  if (!by_ends) {
    target.with("prefix",
                context.arguments.empty() ? context.settings.text("prefix") : context.arguments[0]);
    return true;
  }
  target.with("start", context.settings.text("start"));
  if (context.settings.given("end")) target.with("end", context.settings.text("end"));
  return true;
}

int scan(const Context& context) {
  const Settings& settings = context.settings;
  Target range("/v1/kv");
  if (!add_range(context, range)) return fail(kUsage, "give a prefix, or --start and --end");
  add_consistency(context, range);
  HttpResponse response;
  if (settings.on("count")) {
    range.with_flag("count_only");
    if (int status = exchange(context, {"GET", range.text(), {}, ""}, response)) return status;
    if (context.output == Output::kJson) return printed(print(response.body + "\n"));
    return printed(print(json_text(json_object(response.body), "count") + "\n"));
  }
  if (settings.on("reverse")) range.with_flag("reverse");
  if (settings.on("keys-only")) range.with_flag("keys_only");
  ScanOutput output(context);
  std::uint64_t left = settings.given("limit") ? settings.number("limit") : UINT64_MAX;
  std::string cursor;
  do {
    Target target = range;
    const std::uint64_t page = std::min(left, kPage);
    target.with("limit", std::to_string(page));
    if (!cursor.empty()) target.with("cursor", cursor);
    if (int status = exchange(context, {"GET", target.text(), {}, ""}, response)) return status;
    const auto answer = json_object(response.body);
    if (!output.page(answer)) return printed(false);
    left -= std::min<std::uint64_t>(left, json_array(answer, "items").size());
    cursor = json_text(answer, "next");
  } while (!cursor.empty() && left > 0);
  return printed(output.end(cursor));
}

Setting if_revision() {
  return {.name = "if-revision",
          .kind = Kind::kNumber,
          .argument = "REV",
          .help = "only if the key's revision is this one",
          .min = 1,
          .flag_only = true};
}

Setting flag(const char* name, const char* help) {
  return {.name = name, .kind = Kind::kSwitch, .help = help, .flag_only = true};
}

Setting text(const char* name, const char* argument, const char* help) {
  return {.name = name, .argument = argument, .help = help, .flag_only = true};
}

}  // namespace

Verb put_verb() {
  return {"put",
          "KEY VALUE|-|--file FILE",
          "store a value",
          "kvctl put greeting hello\n  kvctl put --if-absent config - < config.json",
          1,
          2,
          {text("file", "FILE", "the value is this file's content"),
           flag("if-absent", "only if the key does not exist"), if_revision(),
           flag("prev", "show the item as it was before")},
          put};
}

Verb get_verb() {
  return {"get", "KEY", "show a value",          "kvctl get greeting --output raw",
          1,     1,     {consistency_setting()}, get};
}

Verb del_verb() {
  return {"del",
          "KEY | --prefix P",
          "delete a key, or all keys with a prefix",
          "kvctl del greeting\n  kvctl del --prefix session/",
          0,
          1,
          {text("prefix", "P", "every key that begins so, in atomic steps"),
           flag("all", "allow an empty prefix"), if_revision()},
          del};
}

Verb scan_verb() {
  return {"scan",
          "[PREFIX]",
          "list keys and values in order",
          "kvctl scan user/ --limit 10\n  kvctl scan --start a --end b --keys-only --reverse",
          0,
          1,
          {text("prefix", "P", "keys that begin so"),
           text("start", "KEY", "from this key on"),
           text("end", "KEY", "up to before this key"),
           {.name = "limit",
            .kind = Kind::kNumber,
            .argument = "N",
            .help = "how many at most",
            .min = 1,
            .flag_only = true,
            .fallback_comment = "all"},
           flag("reverse", "last key first"),
           flag("keys-only", "without values"),
           flag("count", "how many there are, alone"),
           consistency_setting()},
          scan};
}

}  // namespace cairn::tools::ctl
