// Who the members are, and who leads: /v1/cluster/nodes, …/{id}/promote,
// /v1/cluster/partitions/{p}/leader; and what their replicas hold: …/{p}/diff, …/{p}/heal.
#include <charconv>
#include <utility>

#include "http/handlers.h"
#include "http/json_reader.h"
#include "http/params.h"
#include "http/render.h"

namespace cairn::http {
namespace {

constexpr std::uint64_t kPartitionsEnd = 4096;

/// The number in a path, without signs or leading zeros.
std::optional<std::uint64_t> path_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end || (text.size() > 1 && text[0] == '0'))
    return std::nullopt;
  return value;
}

kv::NewMember read_member(JsonReader& json) {
  kv::NewMember member;
  json.object([&](const std::string& name) {
    if (name == "id")
      member.id = json.number();
    else if (name == "peer")
      member.peer = json.string();
    else if (name == "learner")
      member.learner = json.boolean();
    else
      json.complain("unknown field \"" + name + "\": a node to add has id, peer, learner");
  });
  return member;
}

std::optional<std::string> read_change(std::string_view body, kv::MemberChange& change) {
  JsonReader json(body);
  json.object([&](const std::string& name) {
    if (name == "add")
      json.array([&] { change.add.push_back(read_member(json)); });
    else if (name == "remove")
      json.array([&] { change.remove.push_back(json.number()); });
    else if (name == "dry_run")
      change.dry_run = json.boolean();
    else
      json.complain("unknown field \"" + name + "\": known are add, remove, dry_run");
  });
  return json.finish();
}

kv::Callback<kv::MemberPlan> answer_plan(Responder respond) {
  return [respond](kv::Result<kv::MemberPlan> plan) {
    if (!plan) return answer_error(plan.error(), true, false, respond);
    Response r;
    if (plan->change != 0) r.status = 202;
    r.body = render_plan(*plan);
    respond(std::move(r));
  };
}

void change_nodes(HandlerContext& context, const Call& call, Responder respond) {
  kv::MemberChange change;
  if (auto complaint = read_change(call.body, change))
    return answer_bad_request(call, std::move(*complaint), respond);
  context.backend.change_members(std::move(change), answer_plan(respond));
}

void promote(HandlerContext& context, const Call& call, Responder respond) {
  const auto node = path_number(call.key);
  if (!node) return answer_bad_request(call, "the node's id must be a number", respond);
  context.backend.promote(*node, answer_plan(respond));
}

void move_leader(HandlerContext& context, const Call& call, Responder respond) {
  const auto partition = path_number(call.key);
  if (!partition || *partition >= kPartitionsEnd)
    return answer_bad_request(call, "the partition must be a number from 0 to 4095", respond);
  std::optional<std::uint64_t> to;
  JsonReader json(call.body);
  json.object([&](const std::string& name) {
    if (name == "to")
      to = json.number();
    else
      json.complain("unknown field \"" + name + "\": known is to");
  });
  auto complaint = json.finish();
  if (!complaint && !to) complaint = "the field \"to\" is missing: which node shall lead?";
  if (complaint) return answer_bad_request(call, std::move(*complaint), respond);
  const auto number = static_cast<std::uint32_t>(*partition);
  context.backend.move_leader(number, *to, [respond, number](kv::Result<std::uint64_t> leader) {
    if (!leader) return answer_error(leader.error(), true, false, respond);
    Response r;
    r.body = render_leader(number, *leader);
    respond(std::move(r));
  });
}

/// The metadata group has replicas as partitions have.
void compare(HandlerContext& context, const Call& call, Responder respond) {
  kv::StateComparison wish;
  wish.heal = call.endpoint == Endpoint::kHeal;
  wish.metadata = call.key == "metadata";
  const auto partition = wish.metadata ? std::optional<std::uint64_t>(0) : path_number(call.key);
  if (!partition || *partition >= kPartitionsEnd)
    return answer_bad_request(
        call, "the partition must be a number from 0 to 4095, or \"metadata\"", respond);
  wish.partition = static_cast<std::uint32_t>(*partition);
  JsonReader json(call.body);
  json.object([&](const std::string& name) {
    if (name == "node")
      wish.node = json.number();
    else if (name == "deep" && !wish.heal)
      wish.deep = json.boolean();
    else
      json.complain("unknown field \"" + name + "\": known are node" + (wish.heal ? "" : ", deep"));
  });
  auto complaint = json.finish();
  if (!complaint && wish.node == 0)
    complaint = "the field \"node\" is missing: whose replica shall be compared?";
  if (complaint) return answer_bad_request(call, std::move(*complaint), respond);
  context.backend.compare_states(wish, [respond](kv::Result<kv::StateReport> report) {
    if (!report) return answer_error(report.error(), true, false, respond);
    Response r;
    r.body = render_report(*report);
    respond(std::move(r));
  });
}

}  // namespace

void handle_members(HandlerContext& context, Call&& call, Responder respond) {
  Params params(call.query, call.fields);
  if (auto complaint = params.complaint())
    return answer_bad_request(call, std::move(*complaint), respond);
  switch (call.endpoint) {
    case Endpoint::kNodes:
      return change_nodes(context, call, std::move(respond));
    case Endpoint::kPromote:
      return promote(context, call, std::move(respond));
    case Endpoint::kDiff:
    case Endpoint::kHeal:
      return compare(context, call, std::move(respond));
    default:
      return move_leader(context, call, std::move(respond));
  }
}

}  // namespace cairn::http
