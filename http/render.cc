#include "http/render.h"

#include "http/json_text.h"

namespace cairn::http {
namespace {

void append_item(std::string& out, const kv::Item& item, bool with_value) {
  out += '{';
  append_json_bytes(out, "key", item.key);
  if (with_value) {
    out += ',';
    append_json_bytes(out, "value", item.value);
  }
  out += ",\"create_revision\":";
  append_number(out, item.create_revision);
  out += ",\"mod_revision\":";
  append_number(out, item.mod_revision);
  out += ",\"version\":";
  append_number_string(out, item.version);
  out += '}';
}

void append_previous(std::string& out, const std::optional<kv::Item>& previous) {
  out += ",\"prev\":";
  if (previous) {
    append_item(out, *previous, true);
  } else {
    out += "null";
  }
}

// The store's cursor is any bytes; in an answer and a query it travels as base64url.
void append_next(std::string& out, const std::optional<std::string>& next) {
  out += ",\"next\":";
  if (!next) {
    out += "null";
    return;
  }
  out += '"';
  append_base64url(out, *next);
  out += '"';
}

void append_id_or_null(std::string& out, std::uint64_t id) {
  if (id == 0) {
    out += "null";
  } else {
    append_number(out, id);
  }
}

void append_node(std::string& out, const kv::NodeView& node) {
  out += "{\"id\":";
  append_number(out, node.id);
  out += ",\"http\":";
  append_json_string(out, node.http);
  out += ",\"peer\":";
  append_json_string(out, node.peer);
  out += ",\"client\":";
  append_json_string(out, node.client);
  out += ",\"state\":";
  append_json_string(out, node.state);
  out += ",\"membership\":";
  append_json_string(out, node.membership);
  out += node.learner ? ",\"learner\":true}" : ",\"learner\":false}";
}

void append_replica(std::string& out, const kv::ReplicaView& replica) {
  out += "{\"node\":";
  append_number(out, replica.node);
  out += ",\"match\":";
  append_number_string(out, replica.match);
  out += ",\"state\":";
  append_json_string(out, replica.state);
  out += ",\"role\":";
  append_json_string(out, replica.role);
  out += replica.diverged ? ",\"diverged\":true}" : ",\"diverged\":false}";
}

// `each` appends one element.
template <class Range, class Each>
void append_array(std::string& out, const Range& range, Each each) {
  out += '[';
  bool first = true;
  for (const auto& element : range) {
    if (!first) out += ',';
    first = false;
    each(out, element);
  }
  out += ']';
}

void append_ids(std::string& out, const std::vector<std::uint64_t>& ids) {
  append_array(out, ids, [](std::string& to, std::uint64_t id) { append_number(to, id); });
}

void append_signed(std::string& out, std::int64_t n) {
  if (n < 0) out += '-';
  append_number(out, static_cast<std::uint64_t>(n < 0 ? -n : n));
}

void append_phase(std::string& out, const kv::PlanPhase& phase) {
  out += "{\"phase\":";
  append_json_string(out, phase.name);
  out += ",\"voters\":";
  append_ids(out, phase.voters);
  if (!phase.also.empty()) {
    out += ",\"and_majority_of\":";
    append_ids(out, phase.also);
  }
  out += ",\"failures_tolerated\":";
  append_signed(out, phase.failures_tolerated);
  out += '}';
}

void append_group_plan(std::string& out, const kv::GroupPlan& group) {
  out += group.metadata ? "{\"id\":\"metadata\"" : "{\"id\":" + std::to_string(group.partition);
  out += ",\"voters_before\":";
  append_ids(out, group.voters_before);
  out += ",\"voters_after\":";
  append_ids(out, group.voters_after);
  out += ",\"learners_after\":";
  append_ids(out, group.learners_after);
  out += ",\"bytes_to_ship\":";
  append_number_string(out, group.bytes_to_ship);
  out += ",\"phases\":";
  append_array(out, group.phases, append_phase);
  out += '}';
}

void append_partition(std::string& out, const kv::PartitionView& partition) {
  out += "{\"id\":";
  append_number(out, partition.id);
  out += ",\"leader\":";
  append_id_or_null(out, partition.leader);
  out += ",\"term\":";
  append_number_string(out, partition.term);
  out += ",\"commit\":";
  append_number_string(out, partition.commit);
  out += ",\"applied\":";
  append_number_string(out, partition.applied);
  out += ",\"replicas\":";
  append_array(out, partition.replicas, append_replica);
  out += partition.joint ? ",\"joint\":true,\"wanted\":" : ",\"joint\":false,\"wanted\":";
  append_ids(out, partition.wanted);
  out += '}';
}

}  // namespace

std::string render_item(const kv::Item& item) {
  std::string out;
  out.reserve(item.key.size() + item.value.size() + 128);
  append_item(out, item, true);
  out += '\n';
  return out;
}

std::string render_put(const kv::PutResult& result, bool with_previous) {
  std::string out = "{\"revision\":";
  append_number(out, result.revision);
  out += ",\"version\":";
  append_number_string(out, result.version);
  out += result.created ? ",\"created\":true" : ",\"created\":false";
  if (with_previous) append_previous(out, result.previous);
  out += "}\n";
  return out;
}

std::string render_remove(const kv::RemoveResult& result, bool with_previous) {
  std::string out =
      result.deleted ? "{\"deleted\":1,\"revision\":" : "{\"deleted\":0,\"revision\":";
  append_number(out, result.revision);
  if (with_previous) append_previous(out, result.previous);
  out += "}\n";
  return out;
}

std::string render_scan(const kv::ScanResult& result, bool keys_only, bool count_only) {
  std::string out;
  if (count_only) {
    out += "{\"count\":";
    append_number_string(out, result.count);
  } else {
    out += "{\"items\":";
    append_array(out, result.items, [keys_only](std::string& to, const kv::Item& item) {
      append_item(to, item, !keys_only);
    });
    append_next(out, result.next);
  }
  out += ",\"revision\":";
  append_number(out, result.revision);
  out += "}\n";
  return out;
}

std::string render_remove_prefix(const kv::RemovePrefixResult& result) {
  std::string out = "{\"deleted\":";
  append_number(out, result.deleted);
  out += ",\"revision\":";
  append_number(out, result.revision);
  append_next(out, result.next);
  out += "}\n";
  return out;
}

std::string render_cluster(const kv::ClusterView& view) {
  std::string out = "{\"cluster_id\":";
  append_json_string(out, view.cluster_id);
  out += ",\"node\":";
  append_number(out, view.node);
  out += ",\"nodes\":";
  append_array(out, view.nodes, append_node);
  out += ",\"epoch\":";
  append_number_string(out, view.epoch);
  out += view.change_under_way ? ",\"change_under_way\":true" : ",\"change_under_way\":false";
  out += ",\"partitions\":";
  append_array(out, view.partitions, append_partition);
  out += "}\n";
  return out;
}

std::string render_report(const kv::StateReport& report) {
  std::string out = "{\"partition\":";
  if (report.metadata)
    out += "\"metadata\"";
  else
    append_number(out, report.partition);
  out += ",\"node\":";
  append_number(out, report.node);
  out += ",\"against\":";
  append_number(out, report.against);
  out += ",\"index\":";
  append_number_string(out, report.index);
  out += report.quarantined ? ",\"quarantined\":true" : ",\"quarantined\":false";
  out += ",\"buckets\":";
  append_array(out, report.buckets,
               [](std::string& to, std::uint32_t bucket) { append_number(to, bucket); });
  out += ",\"differing\":";
  append_number_string(out, report.differing);
  out += ",\"healed\":";
  append_number_string(out, report.healed);
  out += ",\"keys\":";
  append_array(out, report.keys, [](std::string& to, const kv::StateDifference& one) {
    to += '{';
    append_json_bytes(to, "key", one.key);
    to += ",\"revision\":";
    append_id_or_null(to, one.revision);
    to += ",\"revision_against\":";
    append_id_or_null(to, one.revision_against);
    to += '}';
  });
  out += "}\n";
  return out;
}

std::string render_plan(const kv::MemberPlan& plan) {
  std::string out = "{\"change\":";
  if (plan.change == 0)
    out += "null";
  else
    append_number_string(out, plan.change);
  out += plan.change == 0 ? ",\"dry_run\":true" : ",\"dry_run\":false";
  out += ",\"failures_tolerated\":";
  append_signed(out, plan.failures_tolerated);
  out += ",\"bytes_to_ship\":";
  append_number_string(out, plan.bytes_to_ship);
  out += ",\"partitions\":";
  append_array(out, plan.groups, append_group_plan);
  out += "}\n";
  return out;
}

std::string render_leader(std::uint32_t partition, std::uint64_t leader) {
  return "{\"partition\":" + std::to_string(partition) + ",\"leader\":" + std::to_string(leader) +
         "}\n";
}

std::string render_ring(std::string_view key, const kv::RingView& view) {
  std::string out = "{";
  append_json_bytes(out, "key", key);
  out += ",\"partition\":";
  append_number(out, view.partition);
  out += ",\"leader\":";
  append_id_or_null(out, view.leader);
  out += ",\"nodes\":";
  append_array(out, view.nodes,
               [](std::string& to, std::uint64_t node) { append_number(to, node); });
  out += "}\n";
  return out;
}

std::string render_not_ready(const std::vector<std::string>& reasons) {
  std::string out = "{\"status\":\"unavailable\",\"reasons\":";
  append_array(out, reasons,
               [](std::string& to, const std::string& reason) { append_json_string(to, reason); });
  out += "}\n";
  return out;
}

}  // namespace cairn::http
