// Rare things that runs must reach now and then: counted, so that a table over many seeds shows
// what no seed reached (hazard T3).
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "kv/sim/observer.h"

namespace cairn::kv::sim {

class Probes final : public Observer {
 public:
  /// All are there from the beginning: what a run does not reach is told, too.
  Probes() {
    static constexpr const char* kNames[] = {
        "node-started",    "node-refused",     "node-stopped",        "node-crashed",
        "node-paused",     "node-fenced",      "node-damaged",        "leader-elected",
        "pre-vote-begun",  "election-begun",   "leader-stepped-down", "election-lost",
        "log-truncated",   "applied-by-leaps", "append-rejected",     "leadership-handed-over",
        "follower-read",   "vote-refused",     "frames-dropped",      "calls-ok",
        "calls-mismatch",  "calls-no",         "calls-unknown",       "answers-replayed",
        "joint-committed", "learner-committed"};
    for (const char* name : kNames) counts_[name] = 0;
  }
  void on_node(const NodeEvent& event) override {
    static constexpr const char* kNames[] = {"node-started", "node-refused", "node-stopped",
                                             "node-crashed", "node-paused",  "node-fenced",
                                             "node-damaged"};
    ++counts_[kNames[static_cast<std::size_t>(event.kind)]];
  }
  void on_group(const GroupEvent& event) override {
    const GroupEvent::State& before = event.before;
    const GroupEvent::State& now = event.now;
    const bool changed = before.role != now.role;
    if (changed && now.role == raft::Role::kLeader) ++counts_["leader-elected"];
    if (changed && now.role == raft::Role::kPreCandidate) ++counts_["pre-vote-begun"];
    if (changed && now.role == raft::Role::kCandidate) ++counts_["election-begun"];
    if (changed && before.role == raft::Role::kLeader) ++counts_["leader-stepped-down"];
    if (changed && before.role == raft::Role::kCandidate && now.role == raft::Role::kFollower) {
      ++counts_["election-lost"];
    }
    if (now.last < before.last) ++counts_["log-truncated"];
    if (now.applied > before.applied + 100) ++counts_["applied-by-leaps"];
  }
  void on_sent(const FrameSent& event) override {
    for (const net::GroupMessage& m : event.messages) {
      if (const auto* reply = std::get_if<raft::AppendReply>(&m.message.body)) {
        if (reply->rejected) ++counts_["append-rejected"];
      } else if (std::holds_alternative<raft::TimeoutNow>(m.message.body)) {
        ++counts_["leadership-handed-over"];
      } else if (std::holds_alternative<raft::ReadIndexRequest>(m.message.body)) {
        ++counts_["follower-read"];
      } else if (const auto* vote = std::get_if<raft::VoteReply>(&m.message.body)) {
        if (!vote->granted) ++counts_["vote-refused"];
      }
    }
  }
  void on_committed(const EntriesCommitted& event) override {
    for (const raft::Entry& entry : event.entries) {
      if (entry.kind != raft::EntryKind::kConfig || !entry.data) continue;
      const auto config = raft::decode_configuration(*entry.data);
      if (!config) continue;
      if (!config->voters_outgoing.empty()) ++counts_["joint-committed"];
      if (!config->learners.empty()) ++counts_["learner-committed"];
    }
  }
  void on_ended(const FrameEnded& event) override {
    if (!event.delivered) ++counts_["frames-dropped"];
  }

  [[nodiscard]] const std::map<std::string, std::uint64_t>& counts() const { return counts_; }

 private:
  std::map<std::string, std::uint64_t> counts_;
};

}  // namespace cairn::kv::sim
