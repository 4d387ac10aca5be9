// The verbs for replicas whose state is not the others': diff, heal.
#include <charconv>
#include <cstdio>

#include "tools/kvctl.h"
#include "tools/lib/json_view.h"
#include "tools/lib/text_table.h"

namespace cairn::tools::ctl {
namespace {

using Kind = Setting::Kind;
namespace json = boost::json;

/// A replica to be compared with its leader's.
struct Candidate {
  std::string partition;  // or "metadata"
  std::uint64_t node = 0;
  bool diverged = false;
};

std::optional<std::uint64_t> number_of(const std::string& text) {
  std::uint64_t value = 0;
  const auto end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return value;
}

/// All replicas but the leaders'. Who leads the metadata group is not told: that one says so.
std::vector<Candidate> replicas_of(const json::object& cluster, bool metadata) {
  std::vector<Candidate> all;
  if (metadata)
    for (const auto& value : json_array(cluster, "nodes"))
      if (value.is_object() && json_text(value.get_object(), "membership") == "active")
        all.push_back({"metadata", json_number(value.get_object(), "id"), false});
  for (const auto& value : json_array(cluster, "partitions")) {
    if (!value.is_object()) continue;
    const auto& partition = value.get_object();
    for (const auto& one : json_array(partition, "replicas")) {
      if (!one.is_object()) continue;
      const auto& replica = one.get_object();
      if (json_text(replica, "node") == json_text(partition, "leader")) continue;
      all.push_back({json_text(partition, "id"), json_number(replica, "node"),
                     json_text(replica, "diverged") == "true"});
    }
  }
  return all;
}

/// What the arguments and --node leave of them.
int chosen(const Context& context, std::vector<Candidate>& out) {
  const std::string partition = context.arguments.empty() ? "" : context.arguments[0];
  const std::string node = context.settings.text("node");
  if (!partition.empty() && partition != "metadata" && !number_of(partition))
    return fail(kUsage, "\"" + partition + "\" is no partition: a number, or metadata");
  if (!node.empty() && !number_of(node))
    return fail(kUsage, "--node: \"" + node + "\" is not a node's id");
  HttpResponse response;
  if (int status = exchange(context, {"GET", "/v1/cluster", {}, ""}, response)) return status;
  for (Candidate& one : replicas_of(json_object(response.body), true)) {
    if (!partition.empty() && one.partition != partition) continue;
    if (!node.empty() && std::to_string(one.node) != node) continue;
    out.push_back(std::move(one));
  }
  return kDone;
}

struct Compared {
  json::object report;
  std::string refused;  // why there is none
  bool leads = false;   // or has no replica: there is nothing to compare
  int status = kDone;
};

Compared compare(const Context& context, const Candidate& target, bool heal) {
  json::object body{{"node", target.node}};
  if (!heal && context.settings.on("deep")) body["deep"] = true;
  const Answer answer = context.client.send(
      {"POST",
       "/v1/cluster/partitions/" + target.partition + (heal ? "/heal" : "/diff"),
       {{"Content-Type", "application/json"}},
       json::serialize(body)});
  Compared out;
  if (answer.kind == Answer::Kind::kUnreachable) {
    out.refused = answer.error;
    out.status = kUnreachable;
  } else if (answer.kind == Answer::Kind::kUnknown) {
    out.refused = answer.error;
    out.status = kRefused;
  } else if (answer.response.status >= 400) {
    const Problem problem = parse_problem(answer.response);
    out.leads = problem.code == "unchanged" || problem.code == "unknown_node";
    out.refused = problem.code + (problem.detail.empty() ? "" : ": " + problem.detail);
    out.status = kRefused;
  } else {
    out.report = json_object(answer.response.body);
  }
  return out;
}

std::string revision(const json::object& key, std::string_view name) {
  const std::string text = json_text(key, name);
  return text.empty() || text == "null" ? "absent" : text;
}

void add_rows(const json::object& report, TextTable& table) {
  for (const auto& value : json_array(report, "keys")) {
    if (!value.is_object()) continue;
    const auto& key = value.get_object();
    const std::string plain = json_text(key, "key");
    table.add({json_text(report, "partition"), json_text(report, "node"),
               plain.empty() ? "base64:" + json_text(key, "key_base64") : printable(plain),
               revision(key, "revision"), revision(key, "revision_against"),
               json_text(report, "against")});
  }
}

int diff(const Context& context) {
  std::vector<Candidate> targets;
  if (int status = chosen(context, targets)) return status;
  TextTable table({"PARTITION", "NODE", "KEY", "REVISION", "LEADER'S REVISION", "LEADER"});
  json::array reports;
  std::uint64_t differing = 0;
  std::string text;
  int worst = kDone;
  for (const Candidate& target : targets) {
    const Compared one = compare(context, target, false);
    if (one.leads && target.partition == "metadata") continue;
    if (!one.refused.empty()) {
      worst = std::max(
          worst, fail(static_cast<Exit>(one.status), "partition " + target.partition + " at node " +
                                                         std::to_string(target.node) +
                                                         " was not compared: " + one.refused));
      continue;
    }
    const std::uint64_t keys = json_number(one.report, "differing");
    differing += keys;
    const bool quarantined = json_text(one.report, "quarantined") == "true";
    if (keys > 0 || quarantined || !json_array(one.report, "buckets").empty())
      text += "partition " + target.partition + ": node " + std::to_string(target.node) +
              " differs from node " + json_text(one.report, "against") + " in " +
              std::to_string(keys) + " keys at index " + json_text(one.report, "index") +
              (quarantined ? ", and is quarantined" : "") + "\n";
    add_rows(one.report, table);
    reports.push_back(one.report);
  }
  if (worst == kDone && text.empty() && differing == 0) text = "no replica differs\n";
  if (differing > 0) text += "\n" + table.text();
  const std::string machine = json::serialize(json::object{{"replicas", reports}}) + "\n";
  if (!print(context.output == Output::kTable ? text : machine)) return kRefused;
  return worst != kDone ? worst : differing > 0 ? kRefused : kDone;
}

/// Without a node named: those that are known to differ.
int heal(const Context& context) {
  std::vector<Candidate> targets;
  if (int status = chosen(context, targets)) return status;
  const bool named = !context.settings.text("node").empty();
  if (named && context.arguments.empty())
    return fail(kUsage, "which partition? kvctl heal PARTITION --node ID");
  if (!named) std::erase_if(targets, [](const Candidate& one) { return !one.diverged; });
  if (named && targets.empty())
    return fail(kRefused, "the node has no replica there that could be healed from its leader");
  json::array reports;
  std::string text = targets.empty() ? "no replica is known to differ (kvctl diff looks)\n" : "";
  int worst = kDone;
  for (const Candidate& target : targets) {
    const Compared one = compare(context, target, true);
    const std::string who =
        "partition " + target.partition + " at node " + std::to_string(target.node);
    if (!one.refused.empty()) {
      worst = std::max(
          worst, fail(static_cast<Exit>(one.status), who + " was not healed: " + one.refused));
      continue;
    }
    text += who + ": " + json_text(one.report, "healed") + " keys fetched from node " +
            json_text(one.report, "against") + "\n";
    reports.push_back(one.report);
  }
  const std::string machine = json::serialize(json::object{{"replicas", reports}}) + "\n";
  if (!print(context.output == Output::kTable ? text : machine)) return kRefused;
  return worst;
}

Setting node_setting() {
  return {.name = "node", .argument = "ID", .help = "only this node's replicas", .flag_only = true};
}

}  // namespace

Verb diff_verb() {
  return {"diff",
          "[PARTITION|metadata]",
          "compare replicas with their leaders', key by key",
          "kvctl diff              # all replicas; exit status 1 where keys differ\n"
          "  kvctl diff 3 --node 2\n"
          "  kvctl diff --deep       # every key, not only where the hashes differ",
          0,
          1,
          {node_setting(),
           {.name = "deep",
            .kind = Kind::kSwitch,
            .help = "read all keys, even if the hashes agree",
            .flag_only = true}},
          diff};
}

Verb heal_verb() {
  return {"heal",
          "[PARTITION|metadata]",
          "fetch what differs from the leaders, and end the quarantine",
          "kvctl heal              # all replicas that are known to differ\n"
          "  kvctl heal 3 --node 2 --timeout 600s",
          0,
          1,
          {node_setting()},
          heal};
}

}  // namespace cairn::tools::ctl
