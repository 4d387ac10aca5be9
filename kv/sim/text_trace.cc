#include "kv/sim/text_trace.h"

#include <cstdio>

#include "raft/describe.h"

namespace cairn::kv::sim {

namespace {

std::string number(std::uint64_t n) {
  return std::to_string(n);
}

const char* role_name(raft::Role role) {
  static constexpr const char* kNames[] = {"follower", "pre-candidate", "candidate", "leader",
                                           "learner"};
  return kNames[static_cast<std::size_t>(role)];
}

}  // namespace

void TextTrace::line(Time at, const std::string& text) {
  char when[32];
  std::snprintf(when, sizeof when, "%12.3f ms  ", static_cast<double>(at.count()) / 1000);
  std::string all = when + text;
  for (char& c : all) {  // values and commands stand in messages
    if (c < ' ' || c > '~') c = '.';
  }
  sink_(all);
}

void TextTrace::on_node(const NodeEvent& event) {
  static constexpr const char* kWords[] = {"starts", "does not start", "stopped",           "ends",
                                           "paused", "serves no more", "distrusts its data"};
  line(event.at, "node " + number(event.node) + " " + kWords[static_cast<std::size_t>(event.kind)] +
                     (event.detail.empty() ? "" : ": " + std::string(event.detail)));
}

void TextTrace::on_group(const GroupEvent& event) {
  const GroupEvent::State& s = event.now;
  line(event.at, "node " + number(event.node) + " group " + number(event.group) + " " +
                     role_name(s.role) + " term " + number(s.term) + " leader " + number(s.leader) +
                     " commit " + number(s.commit) + " applied " + number(s.applied) + " last " +
                     number(s.last));
}

void TextTrace::on_sent(const FrameSent& event) {
  for (const net::GroupMessage& m : event.messages) {
    line(event.at, "frame " + number(event.frame) + " node " + number(event.from) + " to " +
                       number(event.to) + " group " + number(m.group) + " " +
                       raft::describe(m.message));
  }
}

void TextTrace::on_ended(const FrameEnded& event) {
  line(event.at, "frame " + number(event.frame) + " node " + number(event.from) + " to " +
                     number(event.to) + (event.delivered ? " arrives" : " is lost"));
}

void TextTrace::on_committed(const EntriesCommitted& event) {
  if (event.entries.empty()) return;
  line(event.at, "node " + number(event.node) + " group " + number(event.group) + " applies " +
                     number(event.entries.front().index) + " .. " +
                     number(event.entries.back().index));
}

void TextTrace::on_installed(const SnapshotInstalled& event) {
  line(event.at, "node " + number(event.node) + " group " + number(event.group) +
                     " has the snapshot of " + number(event.index) + " term " + number(event.term));
}

void TextTrace::on_client(const ClientEvent& event) {
  static constexpr const char* kWords[] = {"begins", "ok", "refused", "unknown"};
  line(event.at, "call " + number(event.call) + " at node " + number(event.node) + " " +
                     std::string(event.what) + " " + std::string(event.key) + " " +
                     kWords[static_cast<std::size_t>(event.kind)] +
                     (event.detail.empty() ? "" : ": " + std::string(event.detail)));
}

void TextTrace::on_fault(const FaultEvent& event) {
  line(event.at, "fault " + number(event.fault) + " " + std::string(event.kind) +
                     (event.begin ? " begins" : " ends") +
                     (event.node == 0 ? "" : " at node " + number(event.node)) +
                     (event.detail.empty() ? "" : ": " + std::string(event.detail)));
}

void TextTrace::on_failure(Time at, std::string_view what) {
  line(at, "FAILURE " + std::string(what));
}

}  // namespace cairn::kv::sim
