#include "raft/describe.h"

#include <type_traits>
#include <variant>

namespace cairn::raft {

namespace {

std::string num(std::uint64_t value) {
  return std::to_string(value);
}

std::string at(Index index, Term term) {
  return num(index) + "/" + num(term);
}

std::string entries_text(const std::vector<Entry>& entries) {
  std::string out = "[";
  for (const Entry& entry : entries) {
    if (out.size() > 1) out += ", ";
    out += describe(entry);
  }
  return out + "]";
}

std::string list_text(const char* name, const std::vector<NodeId>& ids) {
  std::string out = name;
  for (NodeId id : ids) out += " " + num(id);
  return out;
}

std::string config_text(const Entry& entry) {
  const auto config = entry.data ? decode_configuration(*entry.data) : std::nullopt;
  return config ? " (" + describe(*config) + ")" : "";
}

std::string body_text(const VoteRequest& m) {
  return std::string(m.pre_vote ? "pre-vote?" : "vote?") + " last " +
         at(m.last_index, m.last_term) + (m.leader_transfer ? " transfer" : "");
}

std::string body_text(const VoteReply& m) {
  return std::string(m.pre_vote ? "pre-vote " : "vote ") + (m.granted ? "granted" : "refused");
}

std::string body_text(const AppendRequest& m) {
  return "append prev " + at(m.prev_index, m.prev_term) + " commit " + num(m.commit) + " " +
         entries_text(m.entries);
}

std::string body_text(const AppendReply& m) {
  if (!m.rejected) return "ack " + num(m.index);
  if (m.needs_snapshot) return "reject " + num(m.index) + " needs a snapshot";
  return "reject " + num(m.index) + " hint " + at(m.hint_index, m.hint_term);
}

std::string body_text(const Heartbeat& m) {
  std::string out = "heartbeat commit " + num(m.commit);
  if (m.read_round != 0) out += " round " + num(m.read_round);
  return m.quiet ? out + " quiet" : out;
}

std::string body_text(const HeartbeatReply& m) {
  std::string out = m.quiet ? "quiet" : "alive";
  if (m.read_round != 0) out += " round " + num(m.read_round);
  return m.promise_us == 0 ? out : out + " promise " + num(m.promise_us);
}

std::string body_text(const ReadIndexRequest&) {
  return "read?";
}  // the id is a random number
std::string body_text(const ReadIndexReply& m) {
  return "read at " + num(m.index);
}
std::string body_text(const TimeoutNow&) {
  return "timeout now";
}

}  // namespace

const char* describe(Role role) {
  switch (role) {
    case Role::kFollower:
      return "follower";
    case Role::kPreCandidate:
      return "pre-candidate";
    case Role::kCandidate:
      return "candidate";
    case Role::kLeader:
      return "leader";
    case Role::kLearner:
      return "learner";
  }
  return "?";
}

const char* describe(PeerStatus::State state) {
  switch (state) {
    case PeerStatus::State::kProbe:
      return "probe";
    case PeerStatus::State::kReplicate:
      return "replicate";
    case PeerStatus::State::kSnapshot:
      return "snapshot";
  }
  return "?";
}

std::string describe(const Entry& entry) {
  std::string out = at(entry.index, entry.term);
  if (entry.kind == EntryKind::kNoop) return out + " noop";
  if (entry.kind == EntryKind::kConfig) return out + " config" + config_text(entry);
  return out + " \"" + (entry.data ? *entry.data : "") + "\"";
}

std::string describe(const Configuration& config) {
  std::string out = list_text("voters", config.voters);
  if (!config.voters_outgoing.empty()) out += list_text(", outgoing", config.voters_outgoing);
  if (!config.learners.empty()) out += list_text(", learners", config.learners);
  return out;
}

std::string describe(const Message& m) {
  return num(m.from) + ">" + num(m.to) + " t" + num(m.term) + " " +
         std::visit([](const auto& body) { return body_text(body); }, m.body);
}

std::string describe(const Event& event) {
  const std::string term = " in t" + num(event.term);
  switch (event.kind) {
    case Event::Kind::kBecameFollower:
      return "became follower" + term;
    case Event::Kind::kBecameCandidate:
      return "became candidate" + term;
    case Event::Kind::kBecameLeader:
      return "became leader" + term;
    case Event::Kind::kLeaderChanged:
      return (event.peer == kNobody ? "leader unknown" : "leader is " + num(event.peer)) + term;
    case Event::Kind::kSteppedDown:
      return "stepped down" + term;
    case Event::Kind::kMessageRejected:
      return "message rejected from " + num(event.peer);
    case Event::Kind::kConfigChanged:
      return "configuration changed" + term;
    case Event::Kind::kTransferFailed:
      return "transfer to " + num(event.peer) + " failed" + term;
  }
  return "?";
}

std::string describe(const Persist& persist) {
  std::string out = "persist #" + num(persist.token);
  if (persist.hard_state) {
    out += " term " + num(persist.hard_state->term) + " vote " + num(persist.hard_state->vote) +
           " commit " + num(persist.hard_state->commit);
  }
  if (!persist.entries.empty()) out += " " + entries_text(persist.entries);
  out += "\n";
  for (const Message& m : persist.messages_after) out += "  then " + describe(m) + "\n";
  return out;
}

std::string describe(const Ready& ready) {
  std::string out;
  for (const Event& e : ready.events) out += "event " + describe(e) + "\n";
  for (const Message& m : ready.messages) out += "send " + describe(m) + "\n";
  if (ready.persist) out += describe(*ready.persist);
  if (!ready.committed.empty()) out += "apply " + entries_text(ready.committed) + "\n";
  for (const ReadState& r : ready.reads) {
    out += "read " + num(r.request) + " at " + num(r.index) + "\n";
  }
  for (const ReadFailure& r : ready.failed_reads) out += "read " + num(r.request) + " failed\n";
  for (const LogRead& r : ready.log_reads) {
    out += "log read [" + num(r.from) + ", " + num(r.to) + "]" +
           (r.peer == kNobody ? "" : " for " + num(r.peer)) + "\n";
  }
  for (const SnapshotNeeded& s : ready.snapshots) out += "snapshot for " + num(s.peer) + "\n";
  return out;
}

std::string describe(const Status& s) {
  std::string out = num(s.id) + " " + describe(s.role) + " t" + num(s.term) + " vote " +
                    num(s.vote) + " leader " + num(s.leader) + " start " + num(s.start) +
                    " durable " + num(s.durable) + " last " + num(s.last) + " commit " +
                    num(s.commit) + " applied " + num(s.applied);
  for (const PeerStatus& p : s.peers) {
    out += std::string(" | ") + num(p.id) + " " + describe(p.state) + " match " + num(p.match) +
           " next " + num(p.next) + (p.learner ? " learner" : "") +
           (p.recently_active ? "" : " silent");
  }
  return out;
}

}  // namespace cairn::raft
