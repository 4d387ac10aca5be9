// What is remembered of a run for its page.

#include "kv/sim/report.h"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>

namespace cairn::kv::sim {

namespace {

// The page's names for them are in report/page.js, in this order.
enum Kind : int {
  kPreVote,
  kPreVoteReply,
  kVote,
  kVoteReply,
  kAppend,
  kAppendReply,
  kAppendRejected,
  kHeartbeat,
  kHeartbeatReply,
  kReadIndex,
  kReadIndexReply,
  kTimeoutNow,
  kOther,
};

}  // namespace

void ReportRecorder::describe(const raft::Message& message, Sent& sent) {
  sent.term = message.term;
  auto& n = sent.numbers;
  std::visit(
      [&](const auto& body) {
        using T = std::decay_t<decltype(body)>;
        sent.kind = kOther;
        if constexpr (std::is_same_v<T, raft::VoteRequest>) {
          sent.kind = body.pre_vote ? kPreVote : kVote;
          n[0] = body.last_index;
          n[1] = body.last_term;
        } else if constexpr (std::is_same_v<T, raft::VoteReply>) {
          sent.kind = body.pre_vote ? kPreVoteReply : kVoteReply;
          n[0] = body.granted ? 1 : 0;
        } else if constexpr (std::is_same_v<T, raft::AppendRequest>) {
          sent.kind = kAppend;
          n[0] = body.prev_index;
          n[1] = body.prev_term;
          n[2] = body.entries.size();
          n[3] = body.commit;
        } else if constexpr (std::is_same_v<T, raft::AppendReply>) {
          sent.kind = body.rejected ? kAppendRejected : kAppendReply;
          n[0] = body.index;
          n[1] = body.hint_index;
        } else if constexpr (std::is_same_v<T, raft::Heartbeat>) {
          sent.kind = kHeartbeat;
          n[0] = body.commit;
          n[1] = body.read_round;
        } else if constexpr (std::is_same_v<T, raft::HeartbeatReply>) {
          sent.kind = kHeartbeatReply;
          n[0] = body.read_round;
        } else if constexpr (std::is_same_v<T, raft::ReadIndexRequest>) {
          sent.kind = kReadIndex;
        } else if constexpr (std::is_same_v<T, raft::ReadIndexReply>) {
          sent.kind = kReadIndexReply;
          n[0] = body.index;
        } else if constexpr (std::is_same_v<T, raft::TimeoutNow>) {
          sent.kind = kTimeoutNow;
        }
      },
      message.body);
}

void ReportRecorder::keep(Sent sent) {
  ++messages_;
  if (first_.size() < limits_.messages_each_end) {
    first_.push_back(sent);
    return;
  }
  last_.push_back(sent);
  if (last_.size() > limits_.messages_each_end) last_.pop_front();
}

void ReportRecorder::on_sent(const FrameSent& frame) {
  for (const net::GroupMessage& one : frame.messages) {
    Sent sent;
    sent.frame = frame.frame;
    sent.at = frame.at;
    sent.from = frame.from;
    sent.to = frame.to;
    sent.group = one.group;
    describe(one.message, sent);
    keep(sent);
  }
}

void ReportRecorder::on_ended(const FrameEnded& frame) {
  const auto end = [&](auto& sents) {
    auto at = std::lower_bound(sents.begin(), sents.end(), frame.frame,
                               [](const Sent& s, std::uint64_t f) { return s.frame < f; });
    for (; at != sents.end() && at->frame == frame.frame; ++at) {
      at->ended = frame.at;
      at->delivered = frame.delivered;
    }
  };
  end(first_);
  end(last_);
}

void ReportRecorder::on_group(const GroupEvent& event) {
  const auto& now = event.now;
  const auto& before = event.before;
  const bool role =
      now.role != before.role || now.term != before.term || now.leader != before.leader;
  if (role && room(roles_)) roles_.push_back({event.at, event.node, event.group, now});
  // At its first sight in a life the commit index is what the disk remembered.
  if (now.commit > before.commit && before != GroupEvent::State{} && room(commits_)) {
    commits_.push_back({event.at, event.node, event.group, before.commit, now.commit});
  }
}

void ReportRecorder::on_node(const NodeEvent& event) {
  if (!room(nodes_)) return;
  static constexpr const char* kNames[] = {"start", "refused", "stop",   "crash",
                                           "pause", "failed",  "damaged"};
  const Time until = event.kind == NodeEvent::Kind::kPaused ? event.until : Time{-1};
  nodes_.push_back({event.at, until, event.node, kNames[static_cast<int>(event.kind)],
                    std::string(event.detail)});
}

void ReportRecorder::on_installed(const SnapshotInstalled& event) {
  if (!room(installs_)) return;
  installs_.push_back(
      {event.at, Time{-1}, event.node, std::to_string(event.group),
       "up to index " + std::to_string(event.index) + ", term " + std::to_string(event.term)});
}

void ReportRecorder::on_client(const ClientEvent& event) {
  if (event.kind == ClientEvent::Kind::kBegin) {
    if (!room(calls_)) return;
    open_calls_[event.call] = calls_.size();
    std::string text(event.what);
    if (!event.key.empty()) text.append(" ").append(event.key);
    calls_.push_back({event.at, Time{-1}, event.node, "open", std::move(text)});
    return;
  }
  const auto open = open_calls_.find(event.call);
  if (open == open_calls_.end()) return;
  Mark& mark = calls_[open->second];
  mark.until = event.at;
  mark.kind = event.kind == ClientEvent::Kind::kOk        ? "ok"
              : event.kind == ClientEvent::Kind::kRefused ? "refused"
                                                          : "unknown";
  if (!event.detail.empty()) mark.text.append(": ").append(event.detail);
  open_calls_.erase(open);
}

void ReportRecorder::on_fault(const FaultEvent& event) {
  if (!event.begin) {
    const auto open = open_faults_.find(event.fault);
    if (open == open_faults_.end()) return;
    faults_[open->second].until = event.at;
    open_faults_.erase(open);
    return;
  }
  if (!room(faults_)) return;
  open_faults_[event.fault] = faults_.size();
  faults_.push_back(
      {event.at, Time{-1}, event.node, std::string(event.kind), std::string(event.detail)});
}

void ReportRecorder::on_failure(Time at, std::string_view what) {
  if (room(failures_)) failures_.push_back({at, Time{-1}, 0, "failure", std::string(what)});
}

}  // namespace cairn::kv::sim
