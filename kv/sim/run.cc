#include "kv/sim/run.h"

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "kv/sim/clients.h"
#include "kv/sim/ledger.h"
#include "kv/sim/liveness.h"
#include "kv/sim/nemesis.h"
#include "kv/sim/probes.h"
#include "kv/sim/witness.h"

namespace cairn::kv::sim {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Time kDigestsEvery{400'000};

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
    if (plan.ample_logs.contains(options.node_id)) {
      options.log_entries_kept = 1u << 20;
      options.log_bytes_kept = 1ull << 30;
    }
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
        clients_(world_, plan, [this](raft::GroupId group) { return ledger_.commit(group); }),
        liveness_(world_, plan, nemesis_, ledger_, clients_, founders_) {
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
      if (go_on()) liveness_.heal_and_serve();
      if (go_on()) liveness_.quiesce();
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
      world_.fail("LIVENESS: the cluster was not founded and ready within 30 s: " +
                  liveness_.reasons());
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
    probes["oracle-stability"] = liveness_.stood();
    probes["lease-reads"] = probes["lease-reads-at-once"] = 0;
    probes["joins-given-up"] = nemesis_.given_up();
    probes["members-back"] = nemesis_.added_again();
    probes["learners-promoted"] = nemesis_.promoted();
    probes["members-settled-at-the-end"] = liveness_.members_stood() ? 1 : 0;
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
  Founders founders_;
  Liveness liveness_;
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
