#include "kv/sim/run.h"

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "kv/placement/member.h"
#include "kv/sim/clients.h"
#include "kv/sim/ledger.h"
#include "kv/sim/nemesis.h"
#include "kv/sim/probes.h"
#include "kv/sim/witness.h"

namespace cairn::kv::sim {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Time kDigestsEvery{400'000};
/// How long a healed majority may take, in longest election timeouts (600 ms): to lead and serve,
/// and to bring every one of its members to the same state (snapshots may have to be shipped).
constexpr Time kServesWithin = milliseconds{600} * 40;
constexpr Time kConvergesWithin = milliseconds{600} * 100;
/// A healed majority that stands still keeps its leaders for so long.
constexpr Time kStaysLedFor = milliseconds{600} * 4;
constexpr std::uint64_t kSucceededMin = 5;

WorldOptions world_options(const Plan& plan) {
  WorldOptions o;
  o.seed = plan.request.seed;
  o.nodes = plan.nodes;
  o.unchecked_options = true;
  o.network = plan.network;
  o.log = plan.log;
  o.apply = plan.apply;
  if (plan.calm) {
    for (Cost* c : {&o.home, &o.read}) c->stall_per_mille = 0;
  }
  o.adjust = [&plan](Options& options) {
    options.partitions = plan.options.partitions;
    options.replicas = plan.options.replicas;
    options.segment_bytes = plan.options.segment_bytes;
    options.log_entries_kept = plan.options.log_entries_kept;
    options.log_bytes_kept = plan.options.log_bytes_kept;
    options.memory_bytes = plan.options.memory_bytes;
    options.lease_drift_ppm = plan.options.lease_drift_ppm;
    options.idempotency_keys_max = plan.options.idempotency_keys_max;
    // By log time, and clocks jump by hours: a key must not expire under its client's hands.
    options.idempotency_window = std::chrono::hours{24 * 30};
  };
  return o;
}

class Run {
 public:
  Run(const Plan& plan, const std::vector<Observer*>& watchers)
      : plan_(plan),
        world_(world_options(plan)),
        nemesis_(world_, plan),
        ledger_(
            world_, [this](NodeId id) { return nemesis_.is_sound(id); },
            [this](NodeId id) { return nemesis_.must_remember(id); }),
        clients_(world_, plan, [this](raft::GroupId group) { return ledger_.commit(group); }) {
    // Oracles first: what they say stands in the watchers' pictures at its moment.
    for (Observer* o : std::initializer_list<Observer*>{&ledger_, &nemesis_, &probes_}) {
      world_.observe(o);
    }
    for (Observer* o : watchers) world_.observe(o);
    nemesis_.on_newcomer([this](NodeId id) { clients_.also(id); });
  }

  RunResult all() {
    if (found()) {
      trouble();
      if (go_on()) liveness();
      if (go_on()) quiesce();
    }
    judge();
    return result();
  }

 private:
  [[nodiscard]] bool go_on() const { return world_.failures().empty(); }

  bool found() {
    nemesis_.prepare();
    world_.start_all();
    if (!world_.run_until([&] { return world_.all_ready(); }, seconds{30})) {
      world_.fail("LIVENESS: the cluster was not founded and ready within 30 s: " + reasons());
    }
    for (NodeId id = 1; id <= plan_.nodes && go_on(); ++id) {
      for (const auto& group : world_.node(id).groups()) founders_[group.group].insert(id);
    }
    for (const auto& [group, ids] : founders_) {
      ledger_.founded(group, {{ids.begin(), ids.end()}, {}, {}});
    }
    return go_on();
  }

  void trouble() {
    clients_.begin();
    nemesis_.begin();
    for (Time left = plan_.length; left > Time(0) && go_on(); left -= kDigestsEvery) {
      world_.run_for(std::min(left, kDigestsEvery));
      ledger_.compare_digests();
    }
    if (go_on()) nemesis_.make_sure();
  }

  // --- the liveness phase

  /// All nodes but the damaged ones, or, while nobody comes or goes, a majority of every group's
  /// voters.
  void choose_core() {
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
  [[nodiscard]] bool has_majorities() const {
    return std::all_of(founders_.begin(), founders_.end(), [this](const auto& group) {
      const raft::Configuration& config = *ledger_.configuration(group.first);
      return has_majority(config.voters) && has_majority(config.voters_outgoing);
    });
  }
  [[nodiscard]] bool has_majority(const std::vector<raft::NodeId>& voters) const {
    const auto alive = std::count_if(voters.begin(), voters.end(), [this](raft::NodeId voter) {
      return core_.contains(node_of(voter));
    });
    return voters.empty() || static_cast<std::size_t>(alive) * 2 > voters.size();
  }

  void liveness() {
    nemesis_.end();
    choose_core();
    nemesis_.heal(core_);
    // Where a node outside leads by the grace of a part of the core, the rest may not hear it.
    if (core_only_) must_converge_ = nemesis_.break_for_good(core_);
    clients_.prefer({core_.begin(), core_.end()});
    for (std::uint32_t p = 1; p <= plan_.partitions && go_on(); ++p) serve(p);
    for (int i = 0; i < 50 && clients_.succeeded() < kSucceededMin; ++i) world_.run_for(seconds{1});
    world_.run_for(seconds{1});
  }

  /// A fresh client must be able to write and then to read what it wrote, elsewhere.
  void serve(raft::GroupId group) {
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

  template <class Send>
  bool until_ok(Time deadline, Send send) {
    const std::vector<NodeId> nodes(core_.begin(), core_.end());
    for (std::size_t i = 0; world_.now() < deadline && go_on(); ++i) {
      const auto call = send(nodes[i % nodes.size()]);
      world_.run_until([&] { return call->done(); }, seconds{10});
      if (call->ok()) return true;
      world_.run_for(milliseconds{50});
    }
    return false;
  }

  void quiesce() {
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

  /// Who does not hear the leader, but is heard, must not unseat it: those outside of the core, or,
  /// where all are whole, one whose log is as good as the leader's.
  void stays_led() {
    raft::Random random = world_.random("half-deaf");
    if (!chance(random, 600)) return;
    NodeId leader = 0;
    NodeId deaf = 0;
    if (!core_only_) {
      const raft::Configuration& config = *ledger_.configuration(1);
      leader = world_.leader(1);
      for (const raft::NodeId voter : config.voters) {
        if (node_of(voter) != leader) deaf = node_of(voter);
        if (!core_.contains(node_of(voter))) return;
      }
      // With fewer, the leader's own majority would be gone.
      if (leader == 0 || config.voters.size() < 3 || world_.nodes() != plan_.nodes) return;
      world_.network().cut(leader, deaf);
    }
    const std::uint64_t leaders = ledger_.counts().leaders;
    world_.run_for(kStaysLedFor);
    if (deaf != 0) world_.network().heal(leader, deaf);
    ++stood_;
    if (ledger_.counts().leaders != leaders) {
      world_.fail("STABILITY: " + std::to_string(ledger_.counts().leaders - leaders) +
                  " leaders in a healed majority's last " +
                  std::to_string(kStaysLedFor.count() / 1000) + " ms: " + states());
    }
  }

  bool done() { return converged() && members_stand(); }

  /// Every member of the core has applied all of every group, and says the same of it.
  bool converged() {
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
        const auto [at, first] = applied.emplace(g.group, g.applied);
        if (at->second != g.applied || g.applied != g.commit || g.applied != g.last) return false;
      }
    }
    return true;
  }

  /// Where all members are whole and connected: no change is under way any more, everybody knows
  /// it, who lost its directory is back, and who was removed leads nothing.
  bool members_stand() {
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

  std::string reasons() {
    std::string all;
    for (NodeId id = 1; id <= world_.nodes(); ++id) {
      all += " node " + std::to_string(id);
      all += core_.empty() || core_.contains(id) ? ":" : " (not of the majority):";
      if (!world_.running(id)) {
        all += " does not run;";
        continue;
      }
      for (const std::string& reason : world_.node(id).not_ready_reasons())
        all += " " + reason + ";";
    }
    return all;
  }

  std::string states() {
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

  // --- judgements

  void judge() {
    if (!go_on()) return;
    std::map<raft::GroupId, Model> models;
    for (const auto& [group, log] : ledger_.committed()) {
      const Model& model = models.try_emplace(group, group, log).first->second;
      for (const std::string& failure : model.failures()) world_.fail(failure);
    }
    const WitnessVerdict witness = judge_calls(clients_.seen(), models, plan_.partitions);
    for (const std::string& failure : witness.failures) world_.fail(failure);
    const Places places(clients_.seen(), models);
    const std::string box =
        clients_.history([&places](const Seen& seen) { return places.of(seen); }).check();
    if (!box.empty()) {
      world_.fail("LINEARIZABILITY: " + box);
      if (witness.failures.empty()) {
        world_.fail("HARNESS: the search and the exact witness do not agree");
      }
    }
    if (go_on()) vacuity(witness);
  }

  /// A run that proves nothing is no success (hazard T1).
  void vacuity(const WitnessVerdict& witness) {
    const auto need = [this](bool something, const char* what) {
      if (!something) world_.fail(std::string("VACUOUS: ") + what);
    };
    need(clients_.succeeded() >= kSucceededMin, "hardly a call succeeded");
    need(witness.judged > 0, "no call was judged");
    need(plan_.calm || plan_.faults.empty() || !nemesis_.fired().empty(), "no fault struck");
    need(ledger_.counts().committed > 0, "nothing was committed");
    need(ledger_.counts().answers > 0, "nothing was applied");
    if (plan_.nodes == 1) return;
    need(ledger_.counts().leaders > 0, "nobody was elected");
    need(ledger_.counts().votes > 0 && ledger_.counts().acks > 0, "nobody voted or acknowledged");
    need(ledger_.counts().audits > 0, "no promise was compared with a disk");
    need(ledger_.counts().digests > 0, "no two states were compared");
  }

  RunResult result() {
    RunResult r;
    r.failures = world_.failures();
    if (!r.failures.empty()) r.failure = r.failures.front();
    r.trace_hash = world_.trace_hash();
    r.events = world_.events();
    r.virtual_time = world_.now();
    r.calls = clients_.seen().size();
    r.succeeded = clients_.succeeded();
    for (const auto& [fault, times] : nemesis_.fired())
      r.faults[std::string(name_of(fault))] = times;
    r.probes = probes_.counts();
    add_probes(r.probes);
    r.plan = plan_.describe();
    r.log = world_.recent_log();
    return r;
  }

  void add_probes(std::map<std::string, std::uint64_t>& probes) {
    const Ledger::Counts& c = ledger_.counts();
    probes["oracle-audits"] = c.audits;
    probes["oracle-digests"] = c.digests;
    probes["oracle-votes"] = c.votes;
    probes["oracle-acks"] = c.acks;
    probes["oracle-entries"] = c.committed;
    probes["snapshots-installed"] = c.snapshots;
    probes["oracle-stability"] = stood_;
    probes["lease-reads"] = probes["lease-reads-at-once"] = 0;
    probes["joins-given-up"] = nemesis_.given_up();
    probes["members-back"] = nemesis_.added_again();
    probes["learners-promoted"] = nemesis_.promoted();
    probes["members-settled-at-the-end"] = members_stood_ ? 1 : 0;
    probes["directory-lost-and-back"] = nemesis_.returned();
    probes["damage-found-and-repaired"] = nemesis_.repaired();
    probes["oracle-recalls"] = c.recalls;
    probes["configurations-committed"] = c.configurations;
    const Network::Counters& n = world_.network().counters();
    probes["frames"] = n.frames;
    probes["frames-corrupted"] = n.corrupted;
    probes["frames-duplicated"] = n.duplicated;
    probes["frames-reordered"] = n.reordered;
    probes["frames-replayed"] = n.replayed;
    probes["packets-lost"] = n.lost;
    probes["connections-reset"] = n.resets;
    for (const auto& seen : clients_.seen()) {
      static constexpr const char* kOutcomes[] = {"ok", "mismatch", "no", "unknown"};
      ++probes[std::string("calls-") + kOutcomes[static_cast<std::size_t>(seen->outcome)]];
      if (seen->replayed) ++probes["answers-replayed"];
      if (!seen->lease || seen->outcome != Seen::Outcome::kOk) continue;
      ++probes["lease-reads"];
      // In less time than any question to another node takes.
      if (plan_.nodes > 1 && seen->end - seen->begin < 2 * plan_.network.latency_min) {
        ++probes["lease-reads-at-once"];
      }
    }
  }

  const Plan& plan_;
  Probes probes_;
  World world_;
  Nemesis nemesis_;
  Ledger ledger_;
  Clients clients_;
  std::map<raft::GroupId, std::set<NodeId>> founders_;
  std::set<NodeId> core_;
  bool core_only_ = false;
  bool must_converge_ = true;
  bool members_stood_ = false;
  std::uint64_t stood_ = 0;  // times that leaders had to stay
};

}  // namespace

RunResult run(const RunRequest& request, const std::vector<Observer*>& watchers) {
  const auto plan = draw_plan(request);
  if (!plan) throw std::logic_error("sim: there is no profile " + request.profile);
  return Run(*plan, watchers).all();
}

std::string RunResult::last_line(std::uint64_t seed) const {
  char hash[17];
  std::snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(trace_hash));
  std::string line = "seed=" + std::to_string(seed) + " trace-hash=" + hash;
  if (failure.empty()) return line + " ok";
  std::string what = failure.substr(0, failure.find('\n'));
  return line + " failed: " + what;
}

}  // namespace cairn::kv::sim
