// Snapshots (7), compaction, and entries read back from the host's log.
#include <algorithm>
#include <utility>

#include "raft/impl.h"

namespace cairn::raft {

void Core::Impl::need_snapshot(Progress& peer) {
  if (applied_ < peer.member_since) {  // ours would bring it a configuration without itself (M7)
    peer.snapshot_due = true;
    return;
  }
  peer.become_snapshot();
  out_.snapshots.push_back(SnapshotNeeded{peer.id});
}

/// A member that begins empty. Once it has acknowledged anything it is not: that is an old wish.
void Core::Impl::on_snapshot_asked(Progress& peer) {
  if (peer.state == Progress::State::kSnapshot || peer.match > 0 || applied_ == 0) return;
  need_snapshot(peer);
}

void Core::Impl::request_log(Progress& peer) {
  // The entry before is read too when only the host knows its term.
  const Index from = log_.term_at(peer.next - 1) ? peer.next : peer.next - 1;
  if (from <= log_.start()) {
    need_snapshot(peer);
    return;
  }
  const bool bare = peer.state == Progress::State::kProbe && peer.probe_bare;
  const Index to = bare ? from : std::max(from, log_.tail_first() - 1);
  peer.reading_from = from;
  peer.waited = 0;
  out_.log_reads.push_back(LogRead{peer.id, from, to, options_.append_bytes_max});
}

bool Core::Impl::trustworthy(const LogRead& read, const std::vector<Entry>& entries) const {
  // The log may have been overwritten since the question was asked. Whatever was written in this
  // process has a known term, so an entry that is stale shows a term other than the known one.
  Index index = read.from;
  Term last = 0;
  for (const Entry& entry : entries) {
    if (entry.index != index++ || entry.index > log_.last()) return false;
    if (entry.term == 0 || entry.term < last || entry.term > term_) return false;
    const std::optional<Term> own_term = log_.term_at(entry.index);
    if (own_term && *own_term != entry.term) return false;
    last = entry.term;
  }
  return true;
}

void Core::Impl::log_read(const LogRead& read, std::vector<Entry> entries) {
  if (stopped_) return;
  if (entries.size() > read.to - read.from + 1) entries.resize(read.to - read.from + 1);
  auto same = [&](const std::optional<LogRead>& asked) {
    return asked && asked->from == read.from && asked->to == read.to;
  };
  if (read.peer != kNobody) {
    log_read_for_peer(read, std::move(entries));
    return;
  }
  // An answer without use leaves the question open: the timer in tick() repeats it.
  if (entries.empty() || !trustworthy(read, entries)) return;
  if (same(term_read_)) {
    term_read_.reset();
    learn_terms(read, entries);
    discover_terms();
  }
  if (same(apply_read_)) {
    apply_read_.reset();
    log_read_for_apply(std::move(entries));
  }
}

void Core::Impl::log_read_for_apply(std::vector<Entry> entries) {
  require(entries.front().index == handing_ + 1, "apply read at another place");
  std::size_t bytes = 0;
  for (const Entry& entry : entries) {
    log_.learn(entry.index, entry.term);
    bytes += entry.bytes();
  }
  note_handed_to_apply(entries.back().index, bytes);
  read_back_ = std::move(entries);
}

void Core::Impl::log_read_for_peer(const LogRead& read, std::vector<Entry> entries) {
  Progress* peer = role_ == Role::kLeader ? progress_of(read.peer) : nullptr;
  if (peer == nullptr || peer->reading_from != read.from) return;
  if (!entries.empty() && !trustworthy(read, entries)) return;  // the timer asks again
  peer->reading_from = 0;
  feed_due_ = true;
  if (entries.empty()) {
    need_snapshot(*peer);
    return;
  }
  learn_terms(read, entries);
  if (!peer->may_send() || (peer->state == Progress::State::kProbe && peer->probe_bare)) return;
  if (peer->next < read.from || peer->next > entries.back().index) return;
  const std::optional<Term> prev_term = log_.term_at(peer->next - 1);
  if (!prev_term) return;
  entries.erase(entries.begin(),
                entries.begin() + static_cast<std::ptrdiff_t>(peer->next - read.from));
  std::size_t bytes = 0;
  for (const Entry& entry : entries) bytes += entry.bytes();
  send_append(*peer, *prev_term, std::move(entries), bytes);
}

void Core::Impl::compacted(Index index, Term term) {
  require(index <= applied_, "compaction of what is not applied");
  // After a restart the core may not know it, and whoever lacks only what follows is asked for it.
  log_.learn(index, term);
  log_.compact(index);
  configs_.compact(index);
}

bool Core::Impl::wants_snapshot(NodeId from, Term term, const SnapshotMeta& meta) {
  if (stopped_) return false;
  const bool nonsense = from == kNobody || from == id_ || meta.index == 0 || meta.term == 0 ||
                        meta.term > term || !is_legal(meta.config);
  if (nonsense) {
    event(Event::Kind::kMessageRejected, from);
    return false;
  }
  if (term < term_) return false;
  wake();
  if (term > term_) become_follower(term, from);
  if (!follow(from)) return false;
  offered_.reset();
  const std::optional<Term> own_term = log_.term_at(meta.index);
  if (meta.index > commit_ && own_term && *own_term == meta.term) {
    // Our log holds what the snapshot stands for: that is committed, then.
    verified_ = std::max(verified_, meta.index);
    commit_to(meta.index);
  }
  if (meta.index <= commit_) {
    verified_ = std::max(verified_, commit_);
    acknowledge(from, verified_);  // ends the leader's wish
    return false;
  }
  if (meta.index <= log_.last() && !own_term)
    return false;                                  // must know first what it would replace
  if (!is_member(meta.config, id_)) return false;  // not for us: a newer one may be
  offered_ = meta;
  return true;
}

void Core::Impl::snapshot_installed(NodeId from, const SnapshotMeta& meta) {
  if (stopped_) return;
  // An append accepted in between may have been acknowledged: its entries are gone with the log.
  require(offered_ && *offered_ == meta, "snapshot installed that was not wanted any more");
  offered_.reset();
  log_.reset(meta.index, meta.term);
  commit_ = handing_ = applied_ = meta.index;
  verified_ = std::max(verified_, meta.index);
  unapplied_.clear();
  unapplied_bytes_ = 0;
  read_back_.clear();
  apply_read_.reset();
  term_read_.reset();
  require(role_ != Role::kLeader, "a leader installed a snapshot");
  configs_.reset(meta.index, meta.config);
  config_changed();
  if (role_ != passive_role()) become_follower(term_, leader_);
  acknowledge(from, meta.index);
}

void Core::Impl::snapshot_sent(NodeId id, bool ok, Index index) {
  if (stopped_ || role_ != Role::kLeader) return;
  Progress* peer = progress_of(id);
  if (peer == nullptr || peer->state != Progress::State::kSnapshot) return;
  if (ok) {
    peer->become_probe(std::min(index, log_.last()) + 1, /*bare=*/true);
    feed_due_ = true;
  } else {
    peer->stream_ended = true;
    peer->waited = 0;
  }
}

}  // namespace cairn::raft
