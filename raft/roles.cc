// Role changes. Nothing else writes role_, term_, vote_ or leader_, but for the vote itself in
// election.cc; each change is complete before anything of the new role happens (hazard R8).
#include <algorithm>

#include "raft/impl.h"

namespace cairn::raft {

bool Core::Impl::promotable() const {
  return !stopped_ && !aside_ && configs_.votes_since(commit_, id_);
}

Role Core::Impl::passive_role() const {
  return configs_.votes_since(commit_, id_) ? Role::kFollower : Role::kLearner;
}

void Core::Impl::restart_election_timer() {
  election_elapsed_ = 0;
  election_timeout_ =
      static_cast<int>(random_.between(static_cast<std::uint64_t>(options_.election_ticks_min),
                                       static_cast<std::uint64_t>(options_.election_ticks_max)));
  election_timeout_ += reluctance();
  if (hurried_ == 0 || leader_ != kNobody) return;
  --hurried_;
  election_timeout_ = std::min(election_timeout_, next_turn());
}

/// How much longer than others a member of low priority waits: up to one range of the draw.
int Core::Impl::reluctance() const {
  const int range =
      std::max(options_.election_ticks_max - options_.election_ticks_min, options_.heartbeat_ticks);
  return (100 - options_.priority) * range / 100;
}

void Core::Impl::set_leader(NodeId leader) {
  if (leader_ == leader) return;
  leader_ = leader;
  if (leader != kNobody) hurried_ = 0;
  event(Event::Kind::kLeaderChanged, leader);
}

void Core::Impl::become_follower(Term term, NodeId leader) {
  require(term >= term_, "term would fall");
  const Role before = role_;
  const bool new_term = term > term_;
  if (new_term) {
    term_ = term;
    vote_ = kNobody;
    verified_ = 0;
    wanted_ = Wanted::kNone;
  }
  role_ = passive_role();
  if (leader != kNobody) hurried_ = 0;
  votes_.clear();
  followers_.clear();
  uncommitted_.clear();
  uncommitted_bytes_ = 0;
  feed_due_ = false;
  transferee_ = kNobody;
  drop_lease();
  quiet_ = false;
  // The timer goes on when a term merely passes by: only a leader, or a vote granted, restarts it.
  if (before != role_ || leader != kNobody) restart_election_timer();
  // No reply of an earlier leadership can reach these any more.
  if (new_term || leader != leader_ || before == Role::kLeader) fail_reads();
  set_leader(leader);
  if (before != role_) event(Event::Kind::kBecameFollower, leader);
}

void Core::Impl::become_pre_candidate() {
  require(promotable() && role_ != Role::kLeader, "pre-candidacy of a leader or non-voter");
  role_ = Role::kPreCandidate;
  quiet_ = false;
  wanted_ = Wanted::kNone;
  fail_reads();
  set_leader(kNobody);
  votes_.clear();
  votes_[id_] = true;  // promises nothing, so it needs no disk
  restart_election_timer();
  request_votes(/*pre_vote=*/true, /*transfer=*/false);
  count_votes();
}

void Core::Impl::become_candidate() {
  require(promotable() && role_ != Role::kLeader, "candidacy of a leader or non-voter");
  require(log_.all_durable(), "candidacy over an unpersisted tail");
  const bool transfer = wanted_ == Wanted::kTransfer;
  role_ = Role::kCandidate;
  quiet_ = false;
  wanted_ = Wanted::kNone;
  ++term_;
  vote_ = id_;
  verified_ = 0;
  fail_reads();
  set_leader(kNobody);
  votes_.clear();  // the own vote counts once it is durable: count_own_vote()
  restart_election_timer();
  event(Event::Kind::kBecameCandidate);
  request_votes(/*pre_vote=*/false, transfer);
}

void Core::Impl::become_leader() {
  require(role_ == Role::kCandidate, "leadership without candidacy");
  role_ = Role::kLeader;
  votes_.clear();
  round_ = 0;
  idle_ticks_ = 0;
  drop_lease();
  lease_void_ = false;
  commit_earlier_ = commit_sample_ = 0;
  followers_.clear();
  renew_followers();
  set_leader(id_);
  event(Event::Kind::kBecameLeader, id_);
  // Entries of earlier terms commit only together with one of this term (5.4.2).
  own_first_ = log_.last() + 1;
  log_.append(Entry{own_first_, term_, EntryKind::kNoop, nullptr});
  feed_due_ = true;
}

}  // namespace cairn::raft
