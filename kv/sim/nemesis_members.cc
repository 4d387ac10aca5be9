// The nemesis as an operator who is never content: nodes are added, removed and replaced, leaders
// moved. One change at a time, asked for again until it is taken; that it ends is the cluster's
// own business.
#include <algorithm>

#include "kv/placement/member.h"
#include "kv/sim/nemesis.h"

namespace cairn::kv::sim {

namespace {

constexpr std::size_t kNewNodesMax = 3;
constexpr int kAttempts = 30;
constexpr Time kLookEvery{300'000};

std::string address_of(NodeId id) {
  return "127.0.0.1:" + std::to_string(9000 + id);
}

bool is_operators(Fault fault) {
  return fault >= Fault::kMemberAdd && fault <= Fault::kMemberAddAgain &&
         fault != Fault::kLeaderMove;
}

template <class Set>
NodeId one_of(const Set& ids, raft::Random& random) {
  auto at = ids.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(random.next() % ids.size()));
  return *at;
}

}  // namespace

bool Nemesis::strike_members(Fault fault, raft::Random& random) {
  const Roster roster = newest_roster(world_);
  if (roster.nodes.empty()) return false;
  if (fault == Fault::kLeaderMove) return move_leader(roster, random);
  if (change_asked_) return false;
  if (fault == Fault::kGiveUpJoining) return give_up(roster, random);
  if (!roster.settled) return false;
  if (fault == Fault::kPromote) return promote(roster, random);
  if (fault == Fault::kMemberAddAgain) return add_again(roster, random);
  return add_or_remove(fault, roster, random);
}

bool Nemesis::add_or_remove(Fault fault, const Roster& roster, raft::Random& random) {
  MemberChange change;
  NodeId goes = 0;
  if (fault == Fault::kMemberRemove || fault == Fault::kMemberReplace) {
    goes = one_of(roster.nodes, random);
    const bool fewer = fault == Fault::kMemberRemove && roster.voters.contains(goes);
    if (fewer && roster.voters.size() <= fewest_members()) return false;
    change.remove.push_back(goes);
    removed_.insert(goes);
  }
  if (fault != Fault::kMemberRemove) {
    const NodeId comes = newcomer(roster);
    if (comes == 0) {
      removed_.erase(goes);
      return false;
    }
    change.add.push_back({comes, address_of(comes), fault == Fault::kLearnerAdd});
  }
  std::string detail = change.add.empty() ? "" : "node " + std::to_string(change.add[0].id) + " in";
  if (goes != 0) detail += (detail.empty() ? "node " : ", node ") + std::to_string(goes) + " out";
  told(fault, goes != 0 ? goes : change.add[0].id, detail);
  ask_for_change(std::move(change), random);
  return true;
}

/// A learner gets its votes.
bool Nemesis::promote(const Roster& roster, raft::Random& random) {
  if (roster.learners.empty()) return false;
  const NodeId node = one_of(roster.learners, random);
  told(Fault::kPromote, node, "votes for it");
  change_asked_ = true;
  ask_for({[node](Node& at, Callback<MemberPlan> done) {
             at.promote(node, std::chrono::milliseconds{0}, std::move(done));
           },
           &promoted_},
          kAttempts, random.next());
  return true;
}

/// Somebody who is joining shall not, after all: the one change that may cut in on another.
bool Nemesis::give_up(const Roster& roster, raft::Random& random) {
  if (roster.joining.empty() || roster.voters.size() < fewest_members()) return false;
  const NodeId node = one_of(roster.joining, random);
  told(Fault::kGiveUpJoining, node, "it was joining");
  removed_.insert(node);
  MemberChange change;
  change.remove.push_back(node);
  ask_for_change(std::move(change), random, &given_up_);
  return true;
}

/// Somebody who went is wanted again: with an empty directory, or with what it had.
bool Nemesis::add_again(const Roster& roster, raft::Random& random) {
  std::set<NodeId> able;
  for (const NodeId id : departures_) {
    const bool whole = !damaged_.contains(id) && !lost_.contains(id) && !dead_.contains(id);
    if (whole && !stopping_.contains(id) && !roster.nodes.contains(id)) able.insert(id);
  }
  if (able.empty()) return false;
  const NodeId node = one_of(able, random);
  const bool emptied = chance(random, 500);
  told(Fault::kMemberAddAgain, node,
       emptied ? "with an empty directory" : "with its old directory");
  removed_.erase(node);
  departures_.erase(node);
  off_.erase(node);
  wanted_again_.insert(node);
  if (emptied) {
    if (world_.running(node)) world_.crash(node, CrashKind::kProcess);
    world_.wipe(node);
  }
  start(node);
  MemberChange change;
  change.add.push_back({node, address_of(node), false});
  ask_for_change(std::move(change), random, &added_again_);
  return true;
}

/// Where nodes may be damaged as well, no group gets smaller than it was founded.
std::size_t Nemesis::fewest_members() const {
  const bool damaging = std::any_of(plan_.faults.begin(), plan_.faults.end(),
                                    [](const auto& fault) { return damages(fault.first); });
  return damaging ? plan_.nodes : std::min<std::size_t>(plan_.nodes, 2);
}

/// A node that runs and is no member yet; 0: there have been enough.
NodeId Nemesis::newcomer(const Roster& roster) {
  for (NodeId id = plan_.nodes + 1; id <= world_.nodes(); ++id) {
    if (!roster.nodes.contains(id) && !removed_.contains(id)) return id;
  }
  if (world_.nodes() >= plan_.nodes + kNewNodesMax) return 0;
  const NodeId id = world_.add_node();
  start(id);
  if (on_newcomer_) on_newcomer_(id);
  return id;
}

void Nemesis::ask_for_change(MemberChange change, raft::Random& random, std::uint64_t* taken) {
  change_asked_ = true;
  ask_for({[change = std::move(change)](Node& at, Callback<MemberPlan> done) {
             at.change_members(change, std::move(done));
           },
           taken},
          kAttempts, random.next());
}

void Nemesis::ask_for(Ask ask, int attempts, std::uint64_t seed) {
  raft::Random random(seed);
  const std::vector<NodeId> running = world_.running();
  if (ended_ || attempts == 0 || running.empty()) {
    change_asked_ = !ended_ && attempts != 0;
    if (!change_asked_) return;
    return ask_again(std::move(ask), attempts - 1, random);
  }
  auto call = world_.call<MemberPlan>(running[random.next() % running.size()], ask.call);
  call->then = [this, ask = std::move(ask), attempts, seed](Call<MemberPlan>& done) {
    raft::Random next(seed + 1);
    const Errc code = done.ok() ? Errc::kInternal : done.answer->error().code;
    // An earlier attempt of unknown outcome may have been taken.
    const bool taken = done.ok() || code == Errc::kMemberExists || code == Errc::kUnknownNode ||
                       code == Errc::kUnchanged;
    if (taken) {
      change_asked_ = false;
      if (ask.taken) ++*ask.taken;
    } else if (ended_) {
      // Whether it was taken nobody knows.
    } else {
      ask_again(ask, attempts - 1, next);
    }
  };
}

void Nemesis::ask_again(Ask ask, int attempts, raft::Random& random) {
  const std::uint64_t seed = random.next();
  const Time pause = span(random, Time(50'000), Time(600'000));
  world_.at(world_.now() + pause,
            [this, ask = std::move(ask), attempts, seed] { ask_for(ask, attempts, seed); });
}

bool Nemesis::move_leader(const Roster& roster, raft::Random& random) {
  const std::vector<NodeId> running = world_.running();
  const auto partition = static_cast<std::uint32_t>(random.between(1, plan_.partitions) - 1);
  const NodeId to = one_of(roster.nodes, random);
  told(Fault::kLeaderMove, to, "partition " + std::to_string(partition) + " to it");
  (void)world_.call<std::uint64_t>(
      running[random.next() % running.size()],
      [partition, to](Node& node, Callback<std::uint64_t> done) {
        node.move_leader(partition, to, std::chrono::milliseconds{1'500}, std::move(done));
      });
  return true;
}

bool Nemesis::members_settled() {
  return !change_asked_ && lost_.empty() && newest_roster(world_).settled;
}

/// Those that were removed are switched off, or not, and who lost its directory is back once it is
/// another member.
void Nemesis::watch_members() {
  for (const NodeId id : world_.running()) {
    const auto groups = world_.node(id).groups();
    if (!groups.empty() && !lost_.contains(id)) members_seen_[id] = groups.front().member;
  }
  watch_damage();
  for (auto at = lost_.begin(); at != lost_.end();) {
    const bool back = is_another(at->first, at->second);
    if (back) ++returned_;
    at = back ? lost_.erase(at) : std::next(at);
  }
  const bool changes = std::any_of(streams_.begin(), streams_.end(),
                                   [](const auto& s) { return is_operators(s.first); });
  const Roster roster = changes && !removed_.empty() ? newest_roster(world_) : Roster();
  if (roster.settled && !ended_) {
    for (const NodeId id : removed_) {
      if (roster.nodes.contains(id) || !departures_.insert(id).second) continue;
      raft::Random random = stream(plan_.request.seed, "departure", id);
      if (!chance(random, 500)) continue;
      off_.insert(id);
      if (world_.running(id)) world_.crash(id, CrashKind::kProcess);
    }
  }
  world_.at(world_.now() + kLookEvery, [this] { watch_members(); });
}

}  // namespace cairn::kv::sim
