// What leaves the core, and the host's confirmations.
#include <algorithm>
#include <utility>

#include "raft/impl.h"

namespace cairn::raft {

void Core::Impl::send_as(NodeId to, Term term, Body body) {
  out_.messages.push_back(Message{id_, to, term, std::move(body)});
}

void Core::Impl::send_after(NodeId to, Body body) {
  if (vote_durable() && log_.all_durable()) {
    send(to, std::move(body));
  } else {
    after_.push_back(Message{id_, to, term_, std::move(body)});
  }
}

void Core::Impl::event(Event::Kind kind, NodeId peer) {
  out_.events.push_back(Event{kind, term_, peer});
}

bool Core::Impl::vote_durable() const {
  return durable_hard_.term == term_ && durable_hard_.vote == vote_;
}

void Core::Impl::persisted(PersistToken token) {
  require(token <= token_, "a token that was never handed out");
  if (stopped_ || token <= token_confirmed_) return;
  token_confirmed_ = token;
  disk_since_ = now_;
  log_.persisted(token);
  while (!hard_writes_.empty() && hard_writes_.front().token <= token) {
    durable_hard_ = hard_writes_.front().state;
    hard_writes_.pop_front();
  }
  count_own_vote();
  if (role_ == Role::kLeader) advance_commit();
  start_wanted_campaign();
}

void Core::Impl::applied(Index index) {
  require(index <= handing_, "applied what was not handed out");
  applied_ = std::max(applied_, index);
  for (Progress& peer : followers_) {
    if (!peer.snapshot_due || applied_ < peer.member_since) continue;
    peer.snapshot_due = false;
    need_snapshot(peer);
  }
  while (!unapplied_.empty() && unapplied_.front().first <= index) {
    unapplied_bytes_ -= unapplied_.front().second;
    unapplied_.pop_front();
  }
}

std::size_t Core::Impl::apply_budget() const {
  if (unapplied_bytes_ >= options_.unapplied_bytes_max) return unapplied_bytes_ == 0 ? 1 : 0;
  return options_.unapplied_bytes_max - unapplied_bytes_;
}

void Core::Impl::note_handed_to_apply(Index last, std::size_t bytes) {
  handing_ = last;
  unapplied_.emplace_back(last, bytes);
  unapplied_bytes_ += bytes;
}

bool Core::Impl::can_hand_to_apply() const {
  if (!read_back_.empty()) return true;
  if (handing_ >= appliable() || apply_budget() == 0) return false;
  if (!log_.in_memory(handing_ + 1)) return !apply_read_ && !stopped_;
  return unapplied_.empty() || log_.bytes_at(handing_ + 1) <= apply_budget();
}

bool Core::Impl::wants_persist() const {
  if (stopped_) return false;
  return log_.has_unhanded() || !after_.empty() || term_ != handed_hard_.term ||
         vote_ != handed_hard_.vote;
}

bool Core::Impl::has_ready() const {
  return !out_.messages.empty() || feed_due_ || wants_persist() || can_hand_to_apply() ||
         can_start_reads() || !out_.reads.empty() || !out_.failed_reads.empty() ||
         !out_.log_reads.empty() || !out_.snapshots.empty() || !out_.events.empty();
}

Ready Core::Impl::take_ready() {
  start_reads();
  if (feed_due_ && !stopped_) feed_followers();
  Ready ready = std::exchange(out_, Ready{});
  if (wants_persist()) take_persist(ready);
  if (can_hand_to_apply()) take_committed(ready);
  log_.trim_tail(options_.tail_bytes_max);
  return ready;
}

void Core::Impl::take_persist(Ready& ready) {
  Persist& persist = ready.persist.emplace();
  if (token_ == token_confirmed_) disk_since_ = now_;
  persist.token = ++token_;
  persist.entries = log_.hand_out(token_);
  persist.messages_after = std::exchange(after_, {});
  // The commit index is a hint: it travels along with a write, but causes none. Never past what is
  // durable already: torn after this record, the write would leave an older suffix looking
  // committed.
  const HardState now{term_, vote_, appliable()};
  const bool must = now.term != handed_hard_.term || now.vote != handed_hard_.vote;
  if (must || (!persist.entries.empty() && now != handed_hard_)) {
    persist.hard_state = now;
    handed_hard_ = now;
    hard_writes_.push_back(HardWrite{token_, now});
  }
}

void Core::Impl::take_committed(Ready& ready) {
  if (!read_back_.empty()) {
    ready.committed = std::exchange(read_back_, {});
    return;
  }
  const Index first = handing_ + 1;
  if (!log_.in_memory(first)) {
    if (!term_read_) host_read_since_ = now_;
    const Index to = std::min(appliable(), log_.tail_first() - 1);
    apply_read_ = LogRead{kNobody, first, to, apply_budget()};
    ready.log_reads.push_back(*apply_read_);
    return;
  }
  std::size_t bytes = 0;
  ready.committed = log_.slice(first, appliable(), apply_budget(), bytes);
  note_handed_to_apply(ready.committed.back().index, bytes);
}

}  // namespace cairn::raft
