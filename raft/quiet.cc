// Idle groups fall silent: when every member holds and has committed everything and nothing was to
// do for an election timeout, the leader's heartbeats say so; who agrees stops its timers, and when
// all have agreed the leader stops too. Anything that happens at a member wakes it. Nothing is
// promised by it: a quiet member is one whose clock stands still.
#include <algorithm>

#include "raft/impl.h"

namespace cairn::raft {

/// What ticks would bring on.
bool Core::Impl::nothing_to_do() const {
  return log_.all_durable() && commit_ == log_.last() && handing_ == commit_ &&
         reads_pending_ == 0 && !apply_read_ && !term_read_ && wanted_ == Wanted::kNone &&
         token_ == token_confirmed_ && transferee_ == kNobody && !is_joint(config_);
}

/// Leader: the next heartbeats say that nothing is to come.
bool Core::Impl::may_be_quiet() const {
  return options_.quiet && idle_ticks_ >= options_.election_ticks_min;
}

void Core::Impl::tick_idle() {
  const bool idle = options_.quiet && role_ == Role::kLeader && nothing_to_do() &&
                    std::all_of(followers_.begin(), followers_.end(), [&](const Progress& peer) {
                      return peer.state == Progress::State::kReplicate && heard_lately(peer) &&
                             peer.match == log_.last() && peer.commit_told == commit_;
                    });
  idle_ticks_ = idle ? std::min(idle_ticks_ + 1, options_.election_ticks_min) : 0;
  if (followers_.empty()) count_quiet();
}

/// All have agreed: this one may stop as well.
void Core::Impl::count_quiet() {
  if (quiet_ || !may_be_quiet() || !nothing_to_do()) return;
  quiet_ = std::all_of(followers_.begin(), followers_.end(),
                       [&](const Progress& peer) { return peer.quiet && peer.match == commit_; });
  if (quiet_) drop_lease();
}

void Core::Impl::fall_quiet(const Heartbeat& heartbeat) {
  quiet_ = options_.quiet && heartbeat.commit == commit_ && nothing_to_do() &&
           (role_ == Role::kFollower || role_ == Role::kLearner);
}

bool Core::Impl::wakes(const Message& message) const {
  if (!quiet_) return false;
  // The last words of falling asleep, or late copies of them.
  if (const auto* beat = std::get_if<Heartbeat>(&message.body)) {
    return !beat->quiet || message.from != leader_;
  }
  if (const auto* reply = std::get_if<HeartbeatReply>(&message.body)) {
    return !reply->quiet || message.term != term_;
  }
  return true;
}

void Core::Impl::wake() {
  idle_ticks_ = 0;
  if (!quiet_) return;
  quiet_ = false;
  restart_election_timer();
  if (role_ != Role::kLeader) return;
  for (Progress& peer : followers_) {
    peer.quiet = false;
    peer.last_active = now_;
  }
  beat();  // they may have begun to wonder
}

}  // namespace cairn::raft
