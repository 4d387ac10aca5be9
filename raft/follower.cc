// The follower's side of replication (3.5): the consistency check, conflicts, acknowledgements.
#include <algorithm>
#include <utility>

#include "raft/impl.h"

namespace cairn::raft {

bool Core::Impl::follow(NodeId from) {
  const bool known = leader_ != kNobody && leader_ != from;
  if (role_ == Role::kLeader || known) {
    event(Event::Kind::kMessageRejected, from);  // a term has one leader
    return false;
  }
  if (leader_ == from && role_ == passive_role()) {
    restart_election_timer();
  } else {
    become_follower(term_, from);
  }
  if (wanted_ == Wanted::kCampaign) wanted_ = Wanted::kNone;
  heard_ = now_;
  return true;
}

void Core::Impl::on_append_request(const Message& message, AppendRequest& request) {
  if (!follow(message.from)) return;
  const Index prev = request.prev_index;
  if (is_empty(config_)) {  // never through old configurations: it begins with a snapshot
    send(message.from, AppendReply{true, prev, 0, 0, true});
    return;
  }
  if (prev > log_.last()) {
    reject_append(message, request);
    return;
  }
  const std::optional<Term> own_term = log_.term_at(prev);
  if (own_term && *own_term != request.prev_term) {
    require(prev > commit_, "the leader's log contradicts a committed entry");
    reject_append(message, request);
    return;
  }
  bool known = own_term.has_value() || prev <= commit_;  // committed: equal in every leader's log
  std::size_t first = known ? first_new(request.entries, known) : 0;
  if (!known) {
    discover_terms();  // the leader asks again
    return;
  }
  const Index last_new = prev + request.entries.size();
  if (first < request.entries.size()) {
    offered_.reset();
    const Index from = request.entries[first].index;
    if (from <= log_.last()) truncate_log(from);
    for (std::size_t i = first; i < request.entries.size(); ++i) {
      append_to_log(std::move(request.entries[i]));
    }
  }
  verified_ = std::max({verified_, last_new, commit_});
  commit_to(std::min(request.commit, last_new));
  acknowledge(message.from, verified_);
}

void Core::Impl::reject_append(const Message& message, const AppendRequest& request) {
  Index hint = std::min(request.prev_index - 1, log_.last());
  hint = log_.terms().newest_candidate(hint, request.prev_term);
  hint = std::max(hint, commit_);  // everything committed matches
  send(message.from, AppendReply{true, request.prev_index, hint, log_.term_at(hint).value_or(0)});
}

std::size_t Core::Impl::first_new(const std::vector<Entry>& entries, bool& known) const {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Entry& entry = entries[i];
    if (entry.index > log_.last()) return i;
    const std::optional<Term> own_term = log_.term_at(entry.index);
    if (own_term && *own_term == entry.term) continue;
    if (entry.index <= commit_) {
      require(!own_term, "the leader's log contradicts a committed entry");
      continue;
    }
    known = own_term.has_value();
    return i;  // only a real conflict truncates (hazard R6)
  }
  return entries.size();
}

void Core::Impl::on_heartbeat(const Message& message, const Heartbeat& heartbeat) {
  if (!follow(message.from)) return;
  if (heartbeat.commit <= log_.last()) {
    // At most what we acknowledged in this term, so our log equals the leader's up to there.
    commit_to(heartbeat.commit);
  } else {
    event(Event::Kind::kMessageRejected, message.from);
  }
  if (heartbeat.quiet) fall_quiet(heartbeat);
  send(message.from, HeartbeatReply{heartbeat.read_round, quiet_, promise_us()});
}

void Core::Impl::commit_to(Index index) {
  if (index <= commit_) return;
  commit_ = index;
  // Who is removed by an entry that is committed now has no vote any more.
  if (role_ == Role::kFollower || role_ == Role::kLearner) role_ = passive_role();
}

void Core::Impl::acknowledge(NodeId leader, Index index) {
  if (index <= log_.durable() && durable_hard_.term == term_) {
    send(leader, AppendReply{false, index, 0, 0});
    return;
  }
  // One acknowledgement a Persist is enough.
  for (Message& waiting : after_) {
    auto* reply = std::get_if<AppendReply>(&waiting.body);
    if (reply != nullptr && waiting.to == leader && waiting.term == term_) {
      reply->index = std::max(reply->index, index);
      return;
    }
  }
  after_.push_back(Message{id_, leader, term_, AppendReply{false, index, 0, 0}});
}

void Core::Impl::discover_terms() {
  // After a restart with a short tail in memory the uncommitted part of the log may be partly
  // unknown. Conflicts are judged only where terms are known, so they are read back.
  const Index after = std::max(commit_, log_.start());
  const Index unknown = log_.terms().first_unknown(after, log_.last());
  if (unknown == 0 || term_read_ || stopped_) return;
  if (!apply_read_) host_read_since_ = now_;
  term_read_ = LogRead{kNobody, unknown, log_.last(), options_.append_bytes_max};
  out_.log_reads.push_back(*term_read_);
}

void Core::Impl::learn_terms(const LogRead& read, const std::vector<Entry>& entries) {
  if (entries.empty() || !trustworthy(read, entries)) return;
  for (const Entry& entry : entries) log_.learn(entry.index, entry.term);
}

}  // namespace cairn::raft
