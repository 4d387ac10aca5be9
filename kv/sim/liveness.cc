#include "kv/sim/liveness.h"

#include <algorithm>

#include "kv/placement/member.h"

namespace cairn::kv::sim {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// How long a healed majority may take, in longest election timeouts (600 ms): to lead and serve,
/// and to bring every one of its members to the same state (snapshots may have to be shipped).
constexpr Time kServesWithin = milliseconds{600} * 40;
constexpr Time kConvergesWithin = milliseconds{600} * 100;
/// A healed majority that stands still keeps its leaders for so long.
constexpr Time kStaysLedFor = milliseconds{600} * 4;

}  // namespace

/// All nodes but the damaged ones, or, while nobody comes or goes, a majority of every group's
/// voters.
void Liveness::choose_core() {
  raft::Random random = world_.random("core");
  for (NodeId id = 1; id <= world_.nodes(); ++id) {
    if (!nemesis_.damaged().contains(id) && !nemesis_.is_off(id)) core_.insert(id);
  }
  if (!plan_.heal_core_only || !nemesis_.members_settled()) return;
  core_only_ = true;
  for (std::uint64_t tries = 2 * world_.nodes(); tries > 0; --tries) {
    const NodeId one = random.between(1, world_.nodes());
    if (core_.erase(one) == 1 && !has_majorities()) core_.insert(one);
  }
}

/// Of every group.
bool Liveness::has_majorities() const {
  return std::all_of(founders_.begin(), founders_.end(), [this](const auto& group) {
    const raft::Configuration& config = *ledger_.configuration(group.first);
    return has_majority(config.voters) && has_majority(config.voters_outgoing);
  });
}
bool Liveness::has_majority(const std::vector<raft::NodeId>& voters) const {
  const auto alive = std::count_if(voters.begin(), voters.end(), [this](raft::NodeId voter) {
    return core_.contains(node_of(voter));
  });
  return voters.empty() || static_cast<std::size_t>(alive) * 2 > voters.size();
}

void Liveness::heal_and_serve() {
  nemesis_.end();
  choose_core();
  nemesis_.heal(core_, !core_only_);
  // Where a node outside leads by the grace of a part of the core, the rest may not hear it.
  if (core_only_) must_converge_ = nemesis_.break_for_good(core_);
  clients_.prefer({core_.begin(), core_.end()});
  for (std::uint32_t p = 1; p <= plan_.partitions && go_on(); ++p) serve(p);
  for (int i = 0; i < 50 && clients_.succeeded() < kSucceededMin; ++i) world_.run_for(seconds{1});
  world_.run_for(seconds{1});
}

template <class Send>
bool Liveness::until_ok(Time deadline, Send send) {
  const std::vector<NodeId> nodes(core_.begin(), core_.end());
  for (std::size_t i = 0; world_.now() < deadline && go_on(); ++i) {
    const auto call = send(nodes[i % nodes.size()]);
    world_.run_until([&] { return call->done(); }, seconds{10});
    if (call->ok()) return true;
    world_.run_for(milliseconds{50});
  }
  return false;
}

/// A fresh client must be able to write and then to read what it wrote, elsewhere.
void Liveness::serve(raft::GroupId group) {
  const std::string key = clients_.fresh_key(group);
  WriteOptions write;
  ReadOptions read;
  write.timeout = read.timeout = milliseconds{1'000};
  const Time deadline = world_.now() + kServesWithin;
  if (!until_ok(deadline, [&](NodeId at) { return world_.put(at, key, "fresh", write); })) {
    return world_.fail("LIVENESS: no write to group " + std::to_string(group) + " within " +
                       std::to_string(kServesWithin.count() / 1000) + " ms: " + reasons());
  }
  if (!until_ok(deadline, [&](NodeId at) { return world_.get(at, key, read); })) {
    world_.fail("LIVENESS: no read of group " + std::to_string(group) + " within " +
                std::to_string(kServesWithin.count() / 1000) + " ms: " + reasons());
  }
}

void Liveness::quiesce() {
  clients_.stop();
  if (!world_.run_until([&] { return clients_.idle(); }, seconds{20})) {
    return world_.fail("LIVENESS: a call has no answer 20 s after the last one began");
  }
  if (!must_converge_) {
    world_.run_for(seconds{1});
    ledger_.compare_digests();
    return;
  }
  const Time deadline = world_.now() + kConvergesWithin;
  while (!done() && world_.now() < deadline && go_on()) world_.run_for(milliseconds{200});
  if (go_on() && converged() && !members_stand()) {
    world_.fail("MEMBERS: a change of members has not ended after " +
                std::to_string(kConvergesWithin.count() / 1000) +
                " ms: " + newest_roster(world_).describe() + ";" + reasons());
  } else if (go_on() && !converged()) {
    world_.fail("LIVENESS: the majority's states differ after " +
                std::to_string(kConvergesWithin.count() / 1000) + " ms: " + states() + reasons());
  }
  ledger_.compare_digests();
  if (go_on()) stays_led();
}

/// The node of the core that all of the core's voters follow; 0: there is none.
NodeId Liveness::leader_in_core(raft::GroupId group) {
  const NodeId leader = world_.leader(group);
  if (!core_.contains(leader)) return 0;
  raft::Term term = 0;
  const raft::Configuration& config = *ledger_.configuration(group);
  for (const raft::NodeId voter : config.voters) {
    const NodeId id = node_of(voter);
    if (!core_.contains(id)) continue;
    if (!world_.running(id)) return 0;
    for (const Node::GroupStatus& g : world_.node(id).groups()) {
      if (g.group != group) continue;
      if (node_of(g.leader) != leader || (term != 0 && g.term != term)) return 0;
      term = g.term;
    }
  }
  return leader;
}

/// An idle group may still be led from outside of a core that has not noticed, or be about to
/// choose another leader because it has: only what the core leads is asked to stay so.
bool Liveness::core_leads_all() {
  const auto all = [this] {
    return std::all_of(founders_.begin(), founders_.end(),
                       [this](const auto& group) { return leader_in_core(group.first) != 0; });
  };
  const Time deadline = world_.now() + kStaysLedFor;
  while (!all() && world_.now() < deadline && go_on()) world_.run_for(milliseconds{100});
  return go_on() && all();
}

/// Somebody who will not hear group 1's leader any more; 0: a leader's majority would be gone, of
/// group 1 or of another group that has one of both ends as its leader and the other as its voter.
NodeId Liveness::may_be_deaf(NodeId leader) const {
  if (leader == 0 || world_.nodes() != plan_.nodes) return 0;
  for (const auto& group : founders_) {
    const raft::Configuration& config = *ledger_.configuration(group.first);
    if (config.voters.size() < 3) return 0;
    for (const raft::NodeId voter : config.voters)
      if (!core_.contains(node_of(voter))) return 0;
  }
  NodeId deaf = 0;
  for (const raft::NodeId voter : ledger_.configuration(1)->voters)
    if (node_of(voter) != leader) deaf = node_of(voter);
  return deaf;
}

/// Who does not hear the leader, but is heard, must not unseat it: those outside of the core, or,
/// where all are whole, one whose log is as good as the leader's. A leader that hands over of its
/// own will is not unseated: an operator's wish may have been under way on a link until now.
void Liveness::stays_led() {
  raft::Random random = world_.random("half-deaf");
  if (!chance(random, 600) || !core_leads_all()) return;
  NodeId leader = 0;
  NodeId deaf = 0;
  if (!core_only_) {
    leader = world_.leader(1);
    deaf = may_be_deaf(leader);
    if (deaf == 0) return;
    world_.network().cut(leader, deaf);
  }
  const auto unseated = [this] { return ledger_.counts().leaders - ledger_.counts().handed_over; };
  const std::uint64_t before = unseated();
  world_.run_for(kStaysLedFor);
  if (deaf != 0) world_.network().heal(leader, deaf);
  ++stood_;
  if (unseated() != before) {
    world_.fail("STABILITY: " + std::to_string(unseated() - before) +
                " leaders in a healed majority's last " +
                std::to_string(kStaysLedFor.count() / 1000) + " ms: " + states());
  }
}

/// The group has moved on without this member, by its last committed configuration: nobody sends it
/// anything any more. It drops its replica once the group is where the record wants it, and that
/// may have to wait for a node outside of the core; where all are whole, members_stand() sees to
/// it.
bool Liveness::has_left(raft::GroupId group, raft::NodeId member) const {
  const raft::Configuration* config = ledger_.configuration(group);
  if (config == nullptr) return false;
  const auto in = [member](const std::vector<raft::NodeId>& ids) {
    return std::find(ids.begin(), ids.end(), member) != ids.end();
  };
  return !in(config->voters) && !in(config->voters_outgoing) && !in(config->learners);
}

/// Every member of the core has applied all of every group, and says the same of it.
bool Liveness::converged() {
  const Roster roster = newest_roster(world_);
  std::map<raft::GroupId, raft::Index> applied;
  for (const NodeId id : core_) {
    if (!roster.nodes.contains(id)) continue;
    // Who leaves need not get what it has not; whether it has gone, members_stand() asks.
    if (roster.leaving.contains(id)) continue;
    if (!world_.running(id)) return false;
    const auto groups = world_.node(id).groups();
    for (raft::GroupId group = 1; group <= roster.wanted.size(); ++group) {
      const bool has = std::any_of(groups.begin(), groups.end(),
                                   [group](const auto& status) { return status.group == group; });
      if (roster.wanted[group - 1].contains(id) && !has) return false;
    }
    for (const Node::GroupStatus& g : groups) {
      const bool wanted = g.group == 0 || roster.wanted[g.group - 1].contains(id);
      if (!wanted && has_left(g.group, g.member)) continue;
      const auto [at, first] = applied.emplace(g.group, g.applied);
      if (at->second != g.applied || g.applied != g.commit || g.applied != g.last) return false;
    }
  }
  return true;
}

/// Where all members are whole and connected: no change is under way any more, everybody knows
/// it, who lost its directory is back, and who was removed leads nothing.
bool Liveness::members_stand() {
  const Roster roster = newest_roster(world_);
  if (core_only_ ||
      !std::includes(core_.begin(), core_.end(), roster.nodes.begin(), roster.nodes.end())) {
    return true;
  }
  if (!roster.settled) return false;
  for (const NodeId id : core_) {
    if (!world_.running(id)) continue;
    const Node& node = world_.node(id);
    const auto groups = node.groups();
    if (!roster.nodes.contains(id)) {
      if (std::any_of(groups.begin(), groups.end(), [](const auto& g) { return g.serves; }))
        return false;
      continue;
    }
    const ClusterView view = node.cluster();
    if (view.epoch != roster.epoch || !node.not_ready_reasons().empty()) return false;
    for (const PartitionView& p : view.partitions)
      if (p.joint) return false;
    for (const auto& g : groups) {  // what is wanted elsewhere has been dropped here
      const bool wanted = g.group == 0 || roster.wanted[g.group - 1].contains(id);
      if (!wanted && !roster.learners.contains(id)) return false;
    }
  }
  members_stood_ = true;
  return true;
}

std::string Liveness::reasons() {
  std::string all;
  for (NodeId id = 1; id <= world_.nodes(); ++id) {
    all += " node " + std::to_string(id);
    all += core_.empty() || core_.contains(id) ? ":" : " (not of the majority):";
    if (!world_.running(id)) {
      all += " does not run;";
      continue;
    }
    for (const std::string& reason : world_.node(id).not_ready_reasons()) all += " " + reason + ";";
  }
  return all;
}

std::string Liveness::states() {
  std::string all;
  for (const NodeId id : core_) {
    if (!world_.running(id)) continue;
    for (const auto& g : world_.node(id).groups()) {
      all += " node " + std::to_string(id) + " " + where(g.group, g.applied) + " of " +
             std::to_string(g.commit) + " of " + std::to_string(g.last) + " term " +
             std::to_string(g.term) + " leader " + std::to_string(g.leader) + ";";
    }
  }
  return all;
}

}  // namespace cairn::kv::sim
