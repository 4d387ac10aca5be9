// The verbs that change the cluster: member, leader.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <thread>

#include "tools/kvctl.h"
#include "tools/lib/json_view.h"
#include "tools/lib/text_table.h"

namespace cairn::tools::ctl {
namespace {

using Kind = Setting::Kind;
namespace json = boost::json;

constexpr std::chrono::milliseconds kPoll{200};

int usage(const std::string& text) {
  return fail(kUsage, text + "; kvctl member --help has examples");
}

std::optional<std::uint64_t> node_id(const std::string& text) {
  std::uint64_t id = 0;
  const auto end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, id);
  if (parsed.ec != std::errc() || parsed.ptr != end || id == 0 || id > 0xffff'ffff)
    return std::nullopt;
  return id;
}

/// "4=127.0.0.1:9004"
std::optional<json::object> new_member(const std::string& text, bool learner) {
  const std::size_t at = text.find('=');
  if (at == std::string::npos || at + 1 == text.size()) return std::nullopt;
  const auto id = node_id(text.substr(0, at));
  if (!id) return std::nullopt;
  json::object member{{"id", *id}, {"peer", text.substr(at + 1)}};
  if (learner) member["learner"] = true;
  return member;
}

std::string joined(const json::array& values) {
  std::string out;
  for (const auto& value : values) out += (out.empty() ? "" : ",") + json::serialize(value);
  return out.empty() ? "-" : out;
}

/// "now 1, catch_up 1, joint 1, done 1"
std::string phases_of(const json::object& group) {
  std::string out;
  for (const auto& value : json_array(group, "phases")) {
    if (!value.is_object()) continue;
    const auto& phase = value.get_object();
    const std::string tolerated = json_text(phase, "failures_tolerated");
    out += (out.empty() ? "" : ", ") + printable(json_text(phase, "phase")) + " " +
           (tolerated == "-1" ? std::string("no quorum") : tolerated);
  }
  return out;
}

std::string plan_text(const json::object& plan) {
  TextTable table(
      {"PARTITION", "VOTERS BEFORE", "VOTERS AFTER", "LEARNERS", "FAILURES TOLERATED", "BYTES"});
  for (const auto& value : json_array(plan, "partitions")) {
    if (!value.is_object()) continue;
    const auto& group = value.get_object();
    table.add({printable(json_text(group, "id")), joined(json_array(group, "voters_before")),
               joined(json_array(group, "voters_after")),
               joined(json_array(group, "learners_after")), phases_of(group),
               json_text(group, "bytes_to_ship")});
  }
  const bool dry = json_text(plan, "dry_run") == "true";
  return table.text() + "\n" +
         (dry ? "dry run: nothing is changed" : "change " + json_text(plan, "change")) +
         "; ships about " + json_text(plan, "bytes_to_ship") + " bytes; at the worst moment " +
         json_text(plan, "failures_tolerated") + " more failures are tolerated\n";
}

/// What is still to come, for people; empty: done.
std::string progress_of(const json::object& cluster, std::uint64_t change) {
  if (json_number(cluster, "epoch") > change && json_text(cluster, "change_under_way") == "false")
    return "";
  std::string nodes;
  for (const auto& value : json_array(cluster, "nodes")) {
    if (!value.is_object()) continue;
    const auto& node = value.get_object();
    const std::string membership = json_text(node, "membership");
    if (membership == "joining" || membership == "leaving")
      nodes += (nodes.empty() ? "node " : ", node ") + json_text(node, "id") + " " + membership;
  }
  std::size_t moving = 0;
  const auto& partitions = json_array(cluster, "partitions");
  for (const auto& value : partitions) {
    if (!value.is_object()) continue;
    const auto& partition = value.get_object();
    std::vector<std::string> have, want;
    for (const auto& replica : json_array(partition, "replicas"))
      if (replica.is_object() && json_text(replica.get_object(), "role") == "voter")
        have.push_back(json_text(replica.get_object(), "node"));
    for (const auto& node : json_array(partition, "wanted")) want.push_back(json::serialize(node));
    std::sort(have.begin(), have.end());
    std::sort(want.begin(), want.end());
    moving += have != want || json_text(partition, "joint") == "true" ? 1 : 0;
  }
  return (nodes.empty() ? "waiting for the change to be seen" : nodes) + "; " +
         std::to_string(partitions.size() - moving) + " of " + std::to_string(partitions.size()) +
         " partitions are where they shall be";
}

int wait_for(const Context& context, std::uint64_t change) {
  const auto end = std::chrono::steady_clock::now() + context.settings.duration("wait-timeout");
  std::string told;
  for (;;) {
    HttpResponse response;
    if (int status = exchange(context, {"GET", "/v1/cluster", {}, ""}, response)) return status;
    const std::string progress = progress_of(json_object(response.body), change);
    if (progress.empty()) return kDone;
    if (progress != told) std::fprintf(stderr, "%s\n", progress.c_str());
    told = progress;
    if (std::chrono::steady_clock::now() > end)
      return fail(kRefused, "the change goes on, but is not done yet: see kvctl member list");
    std::this_thread::sleep_for(kPoll);
  }
}

int show_plan(const Context& context, const HttpRequest& request) {
  HttpResponse response;
  if (int status = exchange(context, request, response)) return status;
  const auto plan = json_object(response.body);
  const std::string text =
      context.output == Output::kTable ? plan_text(plan) : response.body + "\n";
  if (!print(text)) return kRefused;
  if (!context.settings.on("wait") || response.status != 202) return kDone;
  return wait_for(context, json_number(plan, "change"));
}

int change(const Context& context, const json::array& add, const json::array& remove) {
  json::object body;
  if (!add.empty()) body["add"] = add;
  if (!remove.empty()) body["remove"] = remove;
  if (context.settings.on("dry-run")) body["dry_run"] = true;
  return show_plan(
      context,
      {"POST", "/v1/cluster/nodes", {{"Content-Type", "application/json"}}, json::serialize(body)});
}

int add(const Context& context) {
  json::array members;
  for (std::size_t i = 1; i < context.arguments.size(); ++i) {
    const auto member = new_member(context.arguments[i], context.settings.on("learner"));
    if (!member) return usage("\"" + context.arguments[i] + "\" is not ID=HOST:PORT");
    members.push_back(*member);
  }
  if (members.empty()) return usage("which node? member add ID=HOST:PORT");
  return change(context, members, {});
}

int remove(const Context& context) {
  json::array ids;
  for (std::size_t i = 1; i < context.arguments.size(); ++i) {
    const auto id = node_id(context.arguments[i]);
    if (!id) return usage("\"" + context.arguments[i] + "\" is not a node's id");
    ids.push_back(*id);
  }
  if (ids.empty()) return usage("which node? member remove ID");
  return change(context, {}, ids);
}

int replace(const Context& context) {
  if (context.arguments.size() != 3) return usage("member replace OLD-ID NEW-ID=HOST:PORT");
  const auto old = node_id(context.arguments[1]);
  const auto fresh = new_member(context.arguments[2], false);
  if (!old || !fresh) return usage("member replace OLD-ID NEW-ID=HOST:PORT");
  return change(context, {*fresh}, {*old});
}

int promote(const Context& context) {
  const auto id = context.arguments.size() == 2 ? node_id(context.arguments[1]) : std::nullopt;
  if (!id) return usage("member promote ID");
  if (context.settings.on("dry-run")) return usage("a promotion has no dry run");
  return show_plan(context,
                   {"POST", "/v1/cluster/nodes/" + std::to_string(*id) + "/promote", {}, ""});
}

int list(const Context& context) {
  HttpResponse response;
  if (int status = exchange(context, {"GET", "/v1/cluster", {}, ""}, response)) return status;
  if (context.output != Output::kTable) return print(response.body + "\n") ? kDone : kRefused;
  const auto answer = json_object(response.body);
  TextTable nodes({"NODE", "PEER", "STATE", "MEMBERSHIP", "LEADS", "VOTES IN", "LEARNS"});
  for (const auto& value : json_array(answer, "nodes")) {
    if (!value.is_object()) continue;
    const auto& node = value.get_object();
    const std::string id = json_text(node, "id");
    std::size_t leads = 0, votes = 0, learns = 0;
    for (const auto& p : json_array(answer, "partitions")) {
      if (!p.is_object()) continue;
      leads += json_text(p.get_object(), "leader") == id ? 1 : 0;
      for (const auto& r : json_array(p.get_object(), "replicas")) {
        if (!r.is_object() || json_text(r.get_object(), "node") != id) continue;
        (json_text(r.get_object(), "role") == "learner" ? learns : votes) += 1;
      }
    }
    const std::string learner = json_text(node, "learner") == "true" ? " (learner)" : "";
    nodes.add({id, printable(json_text(node, "peer")), printable(json_text(node, "state")),
               printable(json_text(node, "membership")) + learner, std::to_string(leads),
               std::to_string(votes), std::to_string(learns)});
  }
  const std::string title =
      "epoch " + json_text(answer, "epoch") +
      (json_text(answer, "change_under_way") == "true" ? ", a change is under way\n\n"
                                                       : ", nothing under way\n\n");
  return print(title + nodes.text()) ? kDone : kRefused;
}

int member(const Context& context) {
  const std::string& what = context.arguments[0];
  if (what == "add") return add(context);
  if (what == "remove") return remove(context);
  if (what == "replace") return replace(context);
  if (what == "promote") return promote(context);
  if (what == "list" && context.arguments.size() == 1) return list(context);
  return usage("member add, remove, replace, promote or list");
}

int leader(const Context& context) {
  const auto to = node_id(context.arguments[2]);
  const bool number = !context.arguments[1].empty() &&
                      context.arguments[1].find_first_not_of("0123456789") == std::string::npos;
  if (context.arguments[0] != "move" || !to || !number)
    return fail(kUsage, "usage: kvctl leader move PARTITION NODE");
  HttpResponse response;
  const HttpRequest request{"POST",
                            "/v1/cluster/partitions/" + context.arguments[1] + "/leader",
                            {{"Content-Type", "application/json"}},
                            json::serialize(json::object{{"to", *to}})};
  if (int status = exchange(context, request, response)) return status;
  if (context.output != Output::kTable) return print(response.body + "\n") ? kDone : kRefused;
  const auto answer = json_object(response.body);
  return print("partition " + json_text(answer, "partition") + " is led by node " +
               json_text(answer, "leader") + "\n")
             ? kDone
             : kRefused;
}

}  // namespace

Verb member_verb() {
  return {"member",
          "add|remove|replace|promote|list ...",
          "add, remove or replace nodes; show them",
          "kvctl member list\n"
          "  kvctl member add 4=127.0.0.1:9004 --dry-run   # voters, failures tolerated, bytes\n"
          "  kvctl member add 4=127.0.0.1:9004 --wait      # the node runs with --cluster of the "
          "members\n"
          "  kvctl member add 5=127.0.0.1:9005 --learner   # without votes ...\n"
          "  kvctl member promote 5                        # ... until now\n"
          "  kvctl member replace 3 6=127.0.0.1:9006 --wait\n"
          "  kvctl member remove 2",
          1,
          64,
          {{.name = "dry-run",
            .kind = Kind::kSwitch,
            .help = "only show what would happen",
            .flag_only = true},
           {.name = "wait",
            .kind = Kind::kSwitch,
            .help = "until the change is done; progress on stderr",
            .flag_only = true},
           {.name = "wait-timeout",
            .kind = Kind::kDuration,
            .argument = "TIME",
            .fallback = "600s",
            .help = "how long --wait waits",
            .min = 1,
            .max = 86'400'000,
            .flag_only = true},
           {.name = "learner",
            .kind = Kind::kSwitch,
            .help = "add without votes, until member promote",
            .flag_only = true}},
          member};
}

Verb leader_verb() {
  return {"leader",
          "move PARTITION NODE",
          "hand a partition's leadership to a node",
          "kvctl leader move 0 2",
          3,
          3,
          {},
          leader};
}

}  // namespace cairn::tools::ctl
