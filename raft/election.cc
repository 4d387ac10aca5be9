// Elections (3.4), pre-vote (9.6), check quorum (6.2), and giving leadership up (3.10).
#include <algorithm>

#include "raft/impl.h"

namespace cairn::raft {

void Core::Impl::tick_election() {
  ++election_elapsed_;
  if (options_.priority == 0 || election_elapsed_ < election_timeout_) return;
  if (promotable()) want_campaign(/*transfer=*/false);
}

/// The transport lost the leader: it may well be gone, so this member stops counting on having
/// heard it and asks around soon. Members that still hear it go on refusing (9.6), so a lost
/// connection alone unseats nobody.
void Core::Impl::leader_unreachable() {
  hurried_ = kHurriedTries;
  // With leases a promise was given: then only the draw beyond it is cut short.
  if (!options_.lease) election_elapsed_ = std::max(election_elapsed_, options_.election_ticks_min);
  const int due = std::max(election_elapsed_, options_.election_ticks_min) + turn() + reluctance();
  election_timeout_ = std::min(election_timeout_, due);
}

/// Who has lost the leader stands when it is its turn, not at random: a split vote would cost a
/// whole timeout. The order begins with another voter in each term.
int Core::Impl::turn() const {
  return std::min(1 + place_among_heirs(id_) * turn_gap(),
                  std::max(1, options_.election_ticks_min / 2));
}

/// Long enough for the rounds of an election where members are near each other.
int Core::Impl::turn_gap() const {
  return std::max(1, options_.election_ticks_min / 10);
}

int Core::Impl::place_among_heirs(NodeId id) const {
  const std::vector<NodeId>& voters = config_.voters;
  const auto at = std::lower_bound(voters.begin(), voters.end(), id);
  if (at == voters.end() || *at != id) return static_cast<int>(voters.size());
  const auto place = static_cast<std::uint64_t>(at - voters.begin());
  return static_cast<int>((place + term_) % voters.size());
}

/// Until somebody leads: those who noticed later refused, or never answered, and are asked again.
int Core::Impl::next_turn() const {
  return turn() + static_cast<int>(config_.voters.size()) * turn_gap() + reluctance();
}

void Core::Impl::check_quorum_contact() {
  if (!options_.check_quorum) return;
  // From here on it is silent, so that its followers look for a leader that hears them (R9).
  if (!heard_quorum_of(config_)) step_down();
}

/// A leader that cannot write holds everybody up as soon as its vote is needed: another one shall
/// lead, if there is one.
void Core::Impl::check_disk() {
  if (token_confirmed_ == token_) return;
  if (now_ - disk_since_ <= static_cast<std::uint64_t>(options_.election_ticks_max)) return;
  if (best_successor() == kNobody) return;
  hand_over();
  step_down();
}

void Core::Impl::want_campaign(bool transfer) {
  if (!promotable() || (promised() && !transfer)) return;
  if (wanted_ != Wanted::kTransfer) wanted_ = transfer ? Wanted::kTransfer : Wanted::kCampaign;
  if (role_ == Role::kFollower) {
    if (leader_ != kNobody) fail_reads();
    set_leader(kNobody);
  }
  restart_election_timer();
  start_wanted_campaign();
}

void Core::Impl::start_wanted_campaign() {
  // A candidate speaks of durable entries only, and would lead with all of them: it waits until
  // its disk has caught up (hazard R3). persisted() comes back here, and so does the timer.
  if (wanted_ == Wanted::kNone || !promotable() || !log_.all_durable()) return;
  if (wanted_ == Wanted::kTransfer || !options_.pre_vote) {
    become_candidate();
  } else {
    become_pre_candidate();
  }
}

void Core::Impl::request_votes(bool pre_vote, bool transfer) {
  const VoteRequest request{pre_vote, transfer, log_.durable(), log_.durable_term()};
  for (NodeId peer : peers_) {
    if (!is_voter(config_, peer)) continue;
    if (pre_vote) {
      send_as(peer, term_ + 1, request);
    } else {
      send_after(peer, request);  // after a crash this term must not be asked for again
    }
  }
}

void Core::Impl::count_own_vote() {
  if (role_ != Role::kCandidate || !vote_durable() || votes_.count(id_) != 0) return;
  votes_[id_] = true;
  count_votes();
}

void Core::Impl::count_votes() {
  VoteResult result = quorum_vote(config_, [&](NodeId id) {
    auto it = votes_.find(id);
    if (it == votes_.end()) return Ballot::kMissing;
    return it->second ? Ballot::kYes : Ballot::kNo;
  });
  if (result == VoteResult::kLost) {
    become_follower(term_, kNobody);
  } else if (result == VoteResult::kWon) {
    if (role_ == Role::kPreCandidate) {
      become_candidate();
    } else {
      become_leader();
    }
  }
}

bool Core::Impl::hears_leader() const {
  if (!options_.check_quorum && !options_.pre_vote) return false;
  if (role_ == Role::kLeader) return true;  // or it would have stepped down
  return leader_ != kNobody && election_elapsed_ < options_.election_ticks_min;
}

void Core::Impl::on_vote_request(const Message& message, const VoteRequest& request) {
  // 5.4.1. Our side is measured with all we hold, durable or not: some of it may already have been
  // acknowledged by messages that the host released before it told us.
  const bool up_to_date =
      request.last_term > log_.last_term() ||
      (request.last_term == log_.last_term() && request.last_index >= log_.last());
  if (request.pre_vote) {
    if (message.term > term_ && up_to_date) {
      send_as(message.from, message.term, VoteReply{true, true});
      // Both asking at once: one gives way, before two votes are cast.
      if (role_ == Role::kPreCandidate && hurried_ > 0 &&
          place_among_heirs(message.from) < place_among_heirs(id_))
        become_follower(term_, kNobody);
    } else {
      send(message.from, VoteReply{true, false});
      // It lost the leader, as we did, and lacks what we hold: it is for us to stand.
      if (hurried_ > 0 && !up_to_date)
        election_timeout_ = std::min(election_timeout_, election_elapsed_ + 1);
    }
    return;
  }
  const bool free_to_vote = vote_ == message.from || (vote_ == kNobody && leader_ == kNobody);
  if (!free_to_vote || !up_to_date) {
    send(message.from, VoteReply{false, false});
    return;
  }
  vote_ = message.from;
  wanted_ = Wanted::kNone;
  hurried_ = 0;  // it shall have its time
  restart_election_timer();
  send_after(message.from, VoteReply{false, true});
}

void Core::Impl::on_vote_reply(const Message& message, const VoteReply& reply) {
  const bool awaited =
      reply.pre_vote ? role_ == Role::kPreCandidate && (!reply.granted || message.term == term_ + 1)
                     : role_ == Role::kCandidate && message.term == term_;
  if (!awaited) return;
  votes_.emplace(message.from, reply.granted);
  count_votes();
}

void Core::Impl::on_timeout_now(const Message& message) {
  if (!promotable() || role_ == Role::kLeader || message.term != term_) return;
  if (leader_ != message.from && leader_ != kNobody) return;  // a term has one leader
  want_campaign(/*transfer=*/true);
}

NodeId Core::Impl::best_successor() const {
  const Progress* best = nullptr;
  for (const Progress& peer : followers_) {
    if (!contains(config_.voters, peer.id)) continue;
    if (now_ - peer.last_active > static_cast<std::uint64_t>(options_.election_ticks_min)) continue;
    if (best == nullptr || peer.match > best->match) best = &peer;
  }
  return best == nullptr ? kNobody : best->id;
}

void Core::Impl::step_down() {
  event(Event::Kind::kSteppedDown);
  become_follower(term_, kNobody);
}

void Core::Impl::resign(bool forever) {
  if (stopped_) return;
  wake();
  if (role_ == Role::kLeader) {
    hand_over();
    step_down();
  } else if (role_ == Role::kCandidate || role_ == Role::kPreCandidate) {
    become_follower(term_, kNobody);
  }
  wanted_ = Wanted::kNone;
  if (!forever) return;
  fail_reads();
  stopped_ = true;
  // What promises something stays unsaid from now on, even where it would still be true.
  after_.clear();
  auto promises = [](const Message& m) {
    return std::holds_alternative<VoteReply>(m.body) || std::holds_alternative<AppendReply>(m.body);
  };
  auto& messages = out_.messages;
  messages.erase(std::remove_if(messages.begin(), messages.end(), promises), messages.end());
}

}  // namespace cairn::raft
