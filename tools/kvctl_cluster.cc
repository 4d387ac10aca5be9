// The verbs that show the cluster: cluster, ring.
#include "tools/kvctl.h"
#include "tools/lib/json_view.h"
#include "tools/lib/text_table.h"

namespace cairn::tools::ctl {
namespace {

std::string joined(const boost::json::array& values) {
  std::string out;
  for (const auto& value : values) {
    out += (out.empty() ? "" : ",") + boost::json::serialize(value);
  }
  return out;
}

std::string or_dash(std::string text) {
  return text.empty() ? "-" : printable(text);
}

// "1:leader 2:follower 3:follower"
std::string replicas_of(const boost::json::object& partition) {
  std::string out;
  for (const auto& value : json_array(partition, "replicas")) {
    if (!value.is_object()) continue;
    const auto& replica = value.get_object();
    out += (out.empty() ? "" : " ") + json_text(replica, "node") + ":" +
           printable(json_text(replica, "state"));
  }
  return out;
}

int cluster(const Context& context) {
  HttpResponse response;
  if (int status = exchange(context, {"GET", "/v1/cluster", {}, ""}, response)) return status;
  if (context.output != Output::kTable) return print(response.body + "\n") ? kDone : kRefused;
  const auto answer = json_object(response.body);
  TextTable nodes({"NODE", "HTTP", "PEER", "STATE"});
  for (const auto& value : json_array(answer, "nodes")) {
    if (!value.is_object()) continue;
    const auto& node = value.get_object();
    nodes.add({json_text(node, "id"), or_dash(json_text(node, "http")),
               or_dash(json_text(node, "peer")), printable(json_text(node, "state"))});
  }
  TextTable partitions({"PARTITION", "LEADER", "TERM", "COMMIT", "APPLIED", "REPLICAS"});
  for (const auto& value : json_array(answer, "partitions")) {
    if (!value.is_object()) continue;
    const auto& partition = value.get_object();
    partitions.add({json_text(partition, "id"), json_text(partition, "leader", "-"),
                    json_text(partition, "term"), json_text(partition, "commit"),
                    json_text(partition, "applied"), replicas_of(partition)});
  }
  const std::string title = "cluster " + printable(json_text(answer, "cluster_id")) +
                            ", seen by node " + json_text(answer, "node") + "\n\n";
  return print(title + nodes.text() + "\n" + partitions.text()) ? kDone : kRefused;
}

int ring(const Context& context) {
  HttpResponse response;
  const std::string target = "/v1/ring/" + percent_encode(context.arguments[0]);
  if (int status = exchange(context, {"GET", target, {}, ""}, response)) return status;
  if (context.output != Output::kTable) return print(response.body + "\n") ? kDone : kRefused;
  const auto answer = json_object(response.body);
  TextTable table({"KEY", "PARTITION", "LEADER", "NODES"});
  table.add({printable(json_bytes(answer, "key").value_or(context.arguments[0])),
             json_text(answer, "partition"), json_text(answer, "leader", "-"),
             joined(json_array(answer, "nodes"))});
  return print(table.text()) ? kDone : kRefused;
}

}  // namespace

Verb cluster_verb() {
  return {"cluster", "",     "show nodes, partitions and their leaders", "kvctl cluster", 0, 0,
          {},        cluster};
}

Verb ring_verb() {
  return {
      "ring", "KEY", "show which partition and nodes a key belongs to", "kvctl ring greeting", 1, 1,
      {},     ring};
}

}  // namespace cairn::tools::ctl
