// The leader's side of replication (3.5, 3.6): feeding followers, their answers, the commit index.
#include <algorithm>
#include <utility>

#include "raft/impl.h"

namespace cairn::raft {

Proposed Core::Impl::propose(std::vector<std::shared_ptr<const std::string>> payloads) {
  if (stopped_) return Proposed{ProposeOutcome::kFailed, 0, 0};
  if (role_ != Role::kLeader) return Proposed{ProposeOutcome::kNotLeader, 0, 0};
  if (transferee_ != kNobody) return Proposed{ProposeOutcome::kTransferring, 0, 0};
  wake();
  if (payloads.empty()) return Proposed{ProposeOutcome::kAccepted, log_.last() + 1, term_};
  std::size_t bytes = 0;
  for (const auto& payload : payloads) bytes += sizeof(Entry) + (payload ? payload->size() : 0);
  // One proposal always fits, whatever its size, or it could never be made.
  if (uncommitted_bytes_ > 0 && uncommitted_bytes_ + bytes > options_.uncommitted_bytes_max) {
    return Proposed{ProposeOutcome::kOverloaded, 0, 0};
  }
  const Index first = log_.last() + 1;
  for (auto& payload : payloads) {
    log_.append(Entry{log_.last() + 1, term_, EntryKind::kCommand, std::move(payload)});
  }
  uncommitted_.emplace_back(log_.last(), bytes);
  uncommitted_bytes_ += bytes;
  feed_due_ = true;
  return Proposed{ProposeOutcome::kAccepted, first, term_};
}

Progress* Core::Impl::progress_of(NodeId id) {
  for (Progress& peer : followers_) {
    if (peer.id == id) return &peer;
  }
  return nullptr;
}

void Core::Impl::feed_followers() {
  feed_due_ = false;
  for (Progress& peer : followers_) {
    feed(peer);
    // A read of this follower waits for a commit index that nothing has told it yet: do not let it
    // wait for the next heartbeat.
    if (peer.commit_wanted > peer.commit_told && std::min(peer.match, commit_) > peer.commit_told) {
      send_heartbeat(peer);
    }
  }
}

void Core::Impl::feed(Progress& peer) {
  while (peer.may_send()) {
    const bool probing = peer.state == Progress::State::kProbe;
    const bool behind = peer.next <= log_.last();
    if (!probing && !behind) return;
    if (peer.next <= log_.start()) {
      const auto patience = static_cast<std::uint64_t>(options_.election_ticks_max);
      if (now_ - peer.last_active <= patience) {
        need_snapshot(peer);
        return;
      }
      // Nobody there to take a snapshot: knock at the oldest entry we have until it answers.
      peer.become_probe(log_.start() + 1, /*bare=*/true);
      continue;
    }
    const bool with_entries = behind && !(probing && peer.probe_bare);
    const std::optional<Term> prev_term = log_.term_at(peer.next - 1);
    if (!prev_term || (with_entries && !log_.in_memory(peer.next))) {
      request_log(peer);
      return;
    }
    std::vector<Entry> entries;
    std::size_t bytes = 0;
    if (with_entries) {
      entries = log_.slice(peer.next, log_.last(), options_.append_bytes_max, bytes);
    }
    send_append(peer, *prev_term, std::move(entries), bytes);
  }
}

void Core::Impl::send_append(Progress& peer, Term prev_term, std::vector<Entry> entries,
                             std::size_t bytes) {
  const Index prev = peer.next - 1;
  const Index last = prev + entries.size();
  if (peer.state == Progress::State::kProbe) {
    peer.probe_sent = true;
    peer.waited = 0;
  } else {
    if (peer.inflights.empty()) peer.waited = 0;
    peer.inflights.add(last, bytes);
    peer.next = last + 1;
  }
  peer.commit_told = std::max(peer.commit_told, std::min(commit_, last));
  send(peer.id, AppendRequest{prev, prev_term, commit_, std::move(entries)});
}

void Core::Impl::tick_followers() {
  if (phase_ % static_cast<std::uint64_t>(options_.heartbeat_ticks) == 0) beat();
  const auto answer_patience = static_cast<std::uint64_t>(options_.election_ticks_min);
  const auto retry_patience = static_cast<std::uint64_t>(options_.election_ticks_max);
  // A stream may take long and the host always reports its end; this is the last resort.
  const auto stream_patience = 50 * retry_patience;
  for (Progress& peer : followers_) {
    if (!peer.waits()) {
      peer.waited = 0;
      continue;
    }
    ++peer.waited;
    if (peer.state == Progress::State::kSnapshot) {
      if (peer.waited < (peer.stream_ended ? retry_patience : stream_patience)) continue;
      peer.become_probe(log_.start() + 1, /*bare=*/true);
    } else {
      if (peer.waited < answer_patience) continue;
      const bool probing = peer.state == Progress::State::kProbe;
      peer.become_probe(probing ? peer.next : peer.match + 1, /*bare=*/true);
    }
    feed_due_ = true;
  }
}

void Core::Impl::beat() {
  start_lease_round();
  for (Progress& peer : followers_) send_heartbeat(peer);
  commit_earlier_ = std::exchange(commit_sample_, commit_);
  urge_transferee();
}

void Core::Impl::send_heartbeat(Progress& peer) {
  const Index commit = std::min(peer.match, commit_);
  peer.commit_told = std::max(peer.commit_told, commit);
  const bool round = !rounds_.empty() || !lease_rounds_.empty();
  send(peer.id, Heartbeat{commit, round ? round_ : 0, may_be_quiet()});
}

void Core::Impl::on_append_reply(const Message& message, const AppendReply& reply) {
  if (role_ != Role::kLeader) return;
  Progress& peer = *progress_of(message.from);
  if (!reply.rejected && reply.index > log_.last()) {  // vouches for what nobody sent
    event(Event::Kind::kMessageRejected, message.from);
    return;
  }
  peer.last_active = now_;
  if (reply.rejected) {
    if (reply.needs_snapshot) {
      on_snapshot_asked(peer);
    } else {
      on_append_rejected(peer, reply);
    }
    return;
  }
  const bool news = peer.advance(reply.index);
  const bool settled = reply.index == peer.match;
  if (settled && peer.state == Progress::State::kProbe) {
    peer.become_replicate();
  } else if (settled && peer.state == Progress::State::kSnapshot && peer.match >= log_.start()) {
    peer.become_replicate();
  }
  if (news && peer.id == transferee_) urge_transferee();
  if (news) advance_commit();  // may end this leadership, and `peer` with it
  if (role_ != Role::kLeader) return;
  const Progress* still = progress_of(message.from);
  if (still == nullptr) return;
  if (still->next <= log_.last() || still->commit_wanted > still->commit_told) feed_due_ = true;
}

void Core::Impl::on_append_rejected(Progress& peer, const AppendReply& reply) {
  if (peer.state == Progress::State::kSnapshot) return;
  if (peer.state == Progress::State::kReplicate) {
    if (reply.index <= peer.match) return;  // overtaken by a later answer
    peer.become_probe(peer.match + 1, /*bare=*/false);
    feed_due_ = true;
    return;
  }
  if (reply.index != peer.next - 1 || reply.index <= peer.match) return;  // of an earlier probe
  // 5.3: skip whole terms. The follower named its newest entry that is not newer than our previous
  // entry; of ours, only entries not newer than that one can be equal to one of its own.
  Index candidate = std::min(reply.hint_index, reply.index - 1);
  if (reply.hint_term > 0) {
    candidate = log_.terms().newest_candidate(candidate, reply.hint_term);
  }
  peer.become_probe(candidate + 1, /*bare=*/true);
  feed_due_ = true;
}

void Core::Impl::on_heartbeat_reply(const Message& message, const HeartbeatReply& reply) {
  if (role_ != Role::kLeader) return;
  if (reply.read_round > round_) {
    event(Event::Kind::kMessageRejected, message.from);
    return;
  }
  Progress& peer = *progress_of(message.from);
  peer.last_active = now_;
  if (reply.read_round > peer.round_acked) {
    peer.round_acked = reply.read_round;
    settle_rounds();
  }
  if (reply.promise_us >= promise_us() && reply.read_round > peer.promised) {
    peer.promised = reply.read_round;
    settle_lease();
  }
  peer.quiet = reply.quiet;
  count_quiet();
  // It is there and has not answered the probe: that was lost.
  if (peer.state == Progress::State::kProbe && peer.probe_sent &&
      peer.waited > static_cast<std::uint64_t>(options_.heartbeat_ticks)) {
    peer.become_probe(peer.next, /*bare=*/true);
    feed_due_ = true;
  }
}

void Core::Impl::advance_commit() {
  // We count ourselves like anybody else: with what is durable (R7, dissertation 10.2.1).
  const Index reached = quorum_value(config_, [&](NodeId id) -> Index {
    if (id == id_) return log_.durable();
    const Progress* peer = progress_of(id);
    return peer == nullptr ? 0 : peer->match;
  });
  // Figure 8: entries of earlier terms are never committed by counting.
  if (reached <= commit_ || reached < own_first_) return;
  commit_ = reached;
  while (!uncommitted_.empty() && uncommitted_.front().first <= commit_) {
    uncommitted_bytes_ -= uncommitted_.front().second;
    uncommitted_.pop_front();
  }
  for (const Progress& peer : followers_) {
    if (peer.commit_wanted > peer.commit_told) feed_due_ = true;
  }
  go_on_with_change();
}

void Core::Impl::unreachable(NodeId id) {
  if (stopped_) return;
  if (role_ == Role::kFollower && id == leader_) {
    wake();
    leader_unreachable();
    return;
  }
  if (role_ != Role::kLeader) return;
  Progress* peer = progress_of(id);
  if (peer == nullptr) return;
  wake();
  if (peer->state != Progress::State::kReplicate) return;
  peer->become_probe(peer->match + 1, /*bare=*/true);
  peer->probe_sent = true;  // asked by the next sign of life, or by the timer
}

}  // namespace cairn::raft
