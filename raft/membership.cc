// Changing who is a member (dissertation chapter 4). Learners come and go by one entry. Voters
// change by two: a joint configuration in which both majorities decide, and, once that is
// committed, the new one alone. A configuration is in force from the moment its entry is in the
// log.
#include <algorithm>
#include <utility>

#include "raft/impl.h"

namespace cairn::raft {

Changed Core::Impl::change_membership(Configuration wanted) {
  if (stopped_) return Changed{ChangeOutcome::kFailed};
  if (role_ != Role::kLeader) return Changed{ChangeOutcome::kNotLeader};
  for (auto* list : {&wanted.voters, &wanted.learners}) std::sort(list->begin(), list->end());
  if (is_joint(wanted) || !is_legal(wanted)) return Changed{ChangeOutcome::kInvalid};
  // Before its own no-op is committed a leader may hold a configuration that another leader's
  // quorum does not overlap (hazard M1). One change at a time, whoever began it.
  if (commit_ < own_first_ || transferee_ != kNobody) return Changed{ChangeOutcome::kNotReady};
  if (configs_.effective().index > commit_ || is_joint(config_)) {
    return Changed{ChangeOutcome::kUnderWay};
  }
  if (wanted == config_) return Changed{ChangeOutcome::kUnchanged};
  wake();
  if (wanted.voters != config_.voters) {
    if (const NodeId late = not_caught_up(wanted); late != kNobody) {
      return Changed{ChangeOutcome::kNotCaughtUp, 0, late};
    }
    if (!heard_quorum_of(wanted)) return Changed{ChangeOutcome::kNoQuorum};
    wanted.voters_outgoing = config_.voters;
    if (!is_legal(wanted)) return Changed{ChangeOutcome::kInvalid};
  }
  return Changed{ChangeOutcome::kAccepted, append_config(std::move(wanted)), kNobody};
}

/// The first wanted voter that is neither a voter nor a learner that could vote at once (4.2.1).
/// What was committed two heartbeats ago is asked for: under load nobody holds all there is.
NodeId Core::Impl::not_caught_up(const Configuration& wanted) {
  const Index needed = commit_earlier_ == 0 ? commit_ : std::max(own_first_, commit_earlier_);
  for (NodeId id : wanted.voters) {
    if (is_voter(config_, id)) continue;
    const Progress* peer = progress_of(id);
    if (peer == nullptr || peer->match < needed || !heard_lately(*peer)) return id;
  }
  return kNobody;
}

bool Core::Impl::heard_lately(const Progress& peer) const {
  return now_ - peer.last_active <= static_cast<std::uint64_t>(options_.election_ticks_max);
}

bool Core::Impl::heard_quorum_of(const Configuration& config) {
  return quorum_present(config, [&](NodeId id) {
    if (id == id_) return true;
    const Progress* peer = progress_of(id);
    return peer != nullptr && heard_lately(*peer);
  });
}

Index Core::Impl::append_config(Configuration config) {
  const Index index = log_.last() + 1;
  log_.append(Entry{index, term_, EntryKind::kConfig,
                    std::make_shared<const std::string>(encode_configuration(config))});
  configs_.append(index, std::move(config));
  feed_due_ = true;
  config_changed();
  return index;
}

void Core::Impl::config_changed() {
  if (config_ == configs_.effective().config) return;
  config_ = configs_.effective().config;
  peers_ = members_of(config_);
  peers_.erase(std::remove(peers_.begin(), peers_.end(), id_), peers_.end());
  if (role_ == Role::kLeader) {
    renew_followers();
    settle_rounds();  // whose answer was missing may not count any more
    drop_lease();     // who promised may not count either
  } else if (role_ == Role::kFollower || role_ == Role::kLearner) {
    role_ = passive_role();
  }
  event(Event::Kind::kConfigChanged);
}

/// A member that goes takes all that concerned it along (hazard M11): window, reads from the log,
/// the wish for a snapshot.
void Core::Impl::renew_followers() {
  std::vector<Progress> renewed;
  renewed.reserve(peers_.size());
  for (NodeId id : peers_) {
    if (Progress* known = progress_of(id)) {
      renewed.push_back(std::move(*known));
      renewed.back().learner = !is_voter(config_, id);
    } else {
      renewed.emplace_back(id, !is_voter(config_, id), options_);
      Progress& peer = renewed.back();
      peer.last_active = now_;
      // Optimistic: most followers' logs end where ours does.
      peer.become_probe(log_.last() + 1, /*bare=*/false);
    }
    renewed.back().member_since = configs_.member_since(id);
  }
  followers_ = std::move(renewed);
  if (transferee_ != kNobody && !contains(config_.voters, transferee_)) end_transfer();
}

/// The committed index rose, or nothing holds the next step back any more.
void Core::Impl::go_on_with_change() {
  if (role_ != Role::kLeader || configs_.effective().index > commit_ || commit_ < own_first_) {
    return;
  }
  if (is_joint(config_)) {
    if (transferee_ == kNobody) {  // or the next leader does it
      append_config(Configuration{config_.voters, {}, config_.learners});
    }
  } else if (!contains(config_.voters, id_)) {
    // Its last duty is done (4.2.2): the entry that removes it is committed by the others.
    hand_over();
    step_down();
  }
}

/// Follower: entries from the leader replace what is in our log from `index` on.
void Core::Impl::truncate_log(Index index) {
  log_.truncate_from(index);
  if (configs_.truncate_from(index)) config_changed();
}

void Core::Impl::append_to_log(Entry entry) {
  std::optional<Configuration> config;
  if (entry.kind == EntryKind::kConfig) config = decode_configuration(*entry.data);
  const Index index = entry.index;
  log_.append(std::move(entry));
  if (!config) return;
  configs_.append(index, std::move(*config));
  config_changed();
}

}  // namespace cairn::raft
