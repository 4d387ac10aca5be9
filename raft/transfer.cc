// Handing leadership over (3.10): the target is fed until it holds the whole log, then told to
// stand at once. Proposals wait outside meanwhile, for one election timeout at most (hazard R13).
#include "raft/impl.h"

namespace cairn::raft {

TransferOutcome Core::Impl::transfer_leadership(NodeId to) {
  if (stopped_) return TransferOutcome::kFailed;
  if (role_ != Role::kLeader) return TransferOutcome::kNotLeader;
  if (to == id_) return TransferOutcome::kAlready;
  if (!contains(config_.voters, to)) return TransferOutcome::kNotVoter;
  if (transferee_ != kNobody) return TransferOutcome::kUnderWay;
  wake();
  transferee_ = to;
  transfer_deadline_ = now_ + static_cast<std::uint64_t>(options_.election_ticks_min);
  urge_transferee();
  return TransferOutcome::kStarted;
}

/// Said again with each heartbeat, since it may be lost; in a newer term it means nothing.
void Core::Impl::urge_transferee() {
  if (transferee_ == kNobody) return;
  const Progress* peer = progress_of(transferee_);
  if (peer == nullptr || peer->match != log_.last()) return;
  // It is voted for in spite of all promises, and the word may arrive at any time.
  lease_void_ = true;
  send(transferee_, TimeoutNow{});
}

void Core::Impl::tick_transfer() {
  if (transferee_ == kNobody || now_ < transfer_deadline_) return;
  end_transfer();
  go_on_with_change();
}

void Core::Impl::end_transfer() {
  event(Event::Kind::kTransferFailed, transferee_);
  transferee_ = kNobody;
}

/// For a leader about to step down: the best of the others shall stand at once.
void Core::Impl::hand_over() {
  const NodeId successor = best_successor();
  if (successor == kNobody) return;
  feed_followers();  // it should have all of our log when it reads the next message
  send(successor, TimeoutNow{});
}

}  // namespace cairn::raft
