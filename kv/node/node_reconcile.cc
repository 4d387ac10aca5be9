// Each group is moved by its leader to where the cluster record wants it: new members as learners,
// then, once they hold everything, one joint change. One step at a time; whoever leads next goes on
// from what the group's own configuration says.
#include <algorithm>
#include <utility>

#include "kv/node/node_impl.h"

namespace cairn::kv {
namespace {

constexpr Micros kVoiceMax = std::chrono::seconds{3};
constexpr Micros kHandOverEvery = std::chrono::seconds{1};
// Looks, a fifth of a second apart, at which every new voter held what was committed. One look
// could be deceived by an answer from before the member's log was dropped, delayed on its way.
constexpr int kRoundsCaughtUp = 3;
constexpr raft::Index kLagMax = 64;  // entries on their way count as held; Raft itself asks for all

std::vector<raft::NodeId> sorted(std::vector<raft::NodeId> members) {
  std::sort(members.begin(), members.end());
  return members;
}

bool in(const std::vector<raft::NodeId>& members, raft::NodeId member) {
  return std::find(members.begin(), members.end(), member) != members.end();
}

const char* stall_text(raft::ChangeOutcome outcome) {
  switch (outcome) {
    case raft::ChangeOutcome::kNotCaughtUp:
      return "a new member has not caught up";
    case raft::ChangeOutcome::kNoQuorum:
      return "no majority of the new voters is heard";
    case raft::ChangeOutcome::kUnderWay:
      return "an earlier change is not committed";
    case raft::ChangeOutcome::kInvalid:
      return "the wanted members are not a legal configuration";
    default:
      return "";
  }
}

}  // namespace

void NodeImpl::reconcile() {
  if (fenced_ || disk_full_ || failed_) return;
  tend_record();
  if (record_.epoch == 0) return;
  for (auto& [group, r] : replicas_)
    if (r->serves()) reconcile_group(*r);
}

/// Is the record here the one that the metadata group goes by? A leader that was cut off must not
/// move its group back to where an earlier record wanted it.
bool NodeImpl::record_is_current() {
  if (leading_metadata() != nullptr) return state_record_.epoch == record_.epoch;
  return metadata_voice_epoch_ == record_.epoch && now() - metadata_voice_at_ < kVoiceMax;
}

void NodeImpl::reconcile_group(Replica& replica) {
  const raft::GroupId group = replica.group();
  Reached& reached = reached_[group];
  if (reached.epoch == record_.epoch && reached.term == replica.core().term()) return;
  const raft::Status status = replica.core().status();
  const raft::Configuration& config = status.config;
  if (!status.own_term_committed || status.config_index != status.committed_config_index ||
      !config.voters_outgoing.empty() || status.transferee != raft::kNobody)
    return;
  const WantedGroup& wanted = record_.groups[group];
  const raft::Configuration goal{sorted(wanted.voters), {}, sorted(wanted.learners)};
  const bool whole = caught_up(group, status, wanted);
  if (config == goal) {
    if (!whole) return;
    reached = {record_.epoch, status.term, bytes_of(group)};
    catching_.erase(group);
    stalled_.erase(group);
    gossip_due_ = true;
    return;
  }
  if (!record_is_current() || hand_over_first(replica, status, wanted)) return;
  raft::Configuration wider = config;
  for (const auto* list : {&wanted.voters, &wanted.learners})
    for (const raft::NodeId member : *list)
      if (is_member(member) && !in(config.voters, member) && !in(config.learners, member))
        wider.learners.push_back(member);
  std::sort(wider.learners.begin(), wider.learners.end());
  if (wider != config)
    change_group(replica, wider);
  else if (goal.voters == config.voters || whole)
    change_group(replica, goal);
}

/// Every wanted member holds what is committed, and did so at a few looks.
bool NodeImpl::caught_up(raft::GroupId group, const raft::Status& status,
                         const WantedGroup& wanted) {
  const auto holds = [&](raft::NodeId member) {
    if (member == member_) return true;
    const auto peer = std::find_if(status.peers.begin(), status.peers.end(),
                                   [&](const raft::PeerStatus& p) { return p.id == member; });
    if (peer == status.peers.end()) return false;
    // Who votes already need not be up: the change itself asks for a majority.
    if (in(status.config.voters, member)) return true;
    // A group without work is quiet: nobody is heard, and everybody holds everything.
    return (peer->recently_active || status.quiet) &&
           peer->state == raft::PeerStatus::State::kReplicate &&
           peer->match + kLagMax >= status.commit;
  };
  const bool all = std::all_of(wanted.voters.begin(), wanted.voters.end(), holds) &&
                   std::all_of(wanted.learners.begin(), wanted.learners.end(), holds);
  const bool fresh = std::any_of(status.config.learners.begin(), status.config.learners.end(),
                                 [&](raft::NodeId m) { return record_.wants(group, m); });
  if (all && !fresh) return true;
  Catching& catching = catching_[group];
  if (!all || catching.term != status.term) catching = {status.term, 0};
  if (all) ++catching.rounds;
  return catching.rounds >= kRoundsCaughtUp;
}

/// A leader that shall leave lets a voter that stays do it: no moment without a leader.
bool NodeImpl::hand_over_first(Replica& replica, const raft::Status& status,
                               const WantedGroup& wanted) {
  if (in(wanted.voters, member_)) return false;
  Micros& last = handed_over_[replica.group()];
  if (last != Micros{0} && now() - last < kHandOverEvery) return true;
  const raft::PeerStatus* best = nullptr;
  for (const raft::PeerStatus& peer : status.peers) {
    if (peer.id == member_ || !peer.recently_active || !in(wanted.voters, peer.id)) continue;
    if (!in(status.config.voters, peer.id)) continue;
    if (best == nullptr || peer.match > best->match) best = &peer;
  }
  if (best == nullptr) return false;  // nobody stays: the joint change makes them voters first
  last = now();
  (void)replica.transfer(best->id);
  return true;
}

void NodeImpl::change_group(Replica& replica, const raft::Configuration& to) {
  const raft::Changed changed = replica.change_membership(to);
  std::string& stalled = stalled_[replica.group()];
  stalled = stall_text(changed.outcome);
  if (changed.outcome == raft::ChangeOutcome::kNotCaughtUp)
    stalled = "node " + std::to_string(node_of(changed.node)) + " has not caught up";
}

}  // namespace cairn::kv
