#include "kv/sim/plan.h"

#include <algorithm>
#include <array>

#include "kv/sim/profiles.h"

namespace cairn::kv::sim {

namespace {

/// Between low and high, each doubling as likely as the next.
std::uint64_t log_uniform(raft::Random& random, std::uint64_t low, std::uint64_t high) {
  unsigned doublings = 0;
  while ((low << (doublings + 1)) <= high) ++doublings;
  const std::uint64_t from = low << random.between(0, doublings);
  return random.between(from, std::min(high, from * 2 - 1));
}

Time log_uniform(raft::Random& random, Time low, Time high) {
  return Time(static_cast<std::int64_t>(log_uniform(random, static_cast<std::uint64_t>(low.count()),
                                                    static_cast<std::uint64_t>(high.count()))));
}

class Draw {
 public:
  Draw(const RunRequest& request, const Profile& profile) : profile_(profile) {
    plan_.request = request;
  }

  Plan all() {
    sizes();
    leases();
    faults();
    network();
    limits();
    ample_logs();
    clients();
    end();
    return plan_;
  }

 private:
  [[nodiscard]] raft::Random random(std::string_view name) const {
    return stream(plan_.request.seed, name);
  }

  void sizes() {
    raft::Random r = random("plan-sizes");
    static constexpr std::array<std::size_t, 10> kSizes{3, 3, 3, 3, 5, 5, 1, 1, 4, 7};
    plan_.nodes = kSizes[r.next() % kSizes.size()];
    if (profile_.nodes != 0) plan_.nodes = profile_.nodes;
    plan_.nodes = plan_.request.nodes.value_or(plan_.nodes);
    const std::uint64_t some = r.between(2, 8);
    const bool many = chance(r, 300);
    plan_.partitions = static_cast<std::uint32_t>(many && !profile_.small ? some : 1);
    plan_.replicas = chance(r, 500) ? 7 : 3;
    plan_.length = log_uniform(r, profile_.length_min, profile_.length_max);
    plan_.length = plan_.request.length.value_or(plan_.length);
    const bool calm = chance(r, 100);
    plan_.calm = profile_.calm || (calm && profile_.sometimes_calm);
  }

  void leases() {
    raft::Random r = random("plan-leases");
    const auto bound = static_cast<std::uint32_t>(log_uniform(r, 1'000, 200'000));
    if (chance(r, 250) || profile_.leases) plan_.options.lease_drift_ppm = bound;
  }

  /// How many nodes may be damaged: no group loses the majority of its replicas.
  void pick_damageable() {
    raft::Random r = random("plan-damage");
    // The metadata group has five members at most.
    const std::size_t replicas = std::min<std::size_t>({plan_.replicas, plan_.nodes, 5});
    while (plan_.may_be_damaged.size() < (replicas - 1) / 2) {
      plan_.may_be_damaged.insert(r.between(1, plan_.nodes));
    }
  }

  void faults() {
    pick_damageable();
    if (plan_.calm) return;
    raft::Random r = random("plan-faults");
    const std::uint64_t share = r.between(60, 350);  // of a thousand: how many kinds take part
    for (const FaultInfo& info : fault_infos()) {
      raft::Random one =
          stream(plan_.request.seed, "plan-fault", static_cast<std::uint64_t>(info.fault));
      const Time mean = log_uniform(one, profile_.fault_every_min, profile_.fault_every_max);
      const bool wanted = profile_.faults.empty()
                              ? chance(one, share)
                              : std::find(profile_.faults.begin(), profile_.faults.end(),
                                          info.fault) != profile_.faults.end() &&
                                    (profile_.all_faults || chance(one, 600));
      if (wanted) take(info, mean);
    }
    if (plan_.faults.empty()) {  // each run but a calm one has some
      const Fault fallback = profile_.faults.empty() ? Fault::kKill : profile_.faults.front();
      take(fault_infos()[static_cast<std::size_t>(fallback)], Time(400'000));
    }
  }

  void take(const FaultInfo& info, Time mean) {
    if (plan_.request.faults && !plan_.request.faults->contains(info.fault)) return;
    if (info.damages && plan_.may_be_damaged.empty()) return;
    // A jump of the clock is beyond any bound on its drift.
    if (plan_.options.lease_drift_ppm != 0 && info.fault == Fault::kClockStep) return;
    const bool network = info.fault < Fault::kKill ||
                         (info.fault >= Fault::kMemberAdd && info.fault <= Fault::kMemberAddAgain);
    if (plan_.nodes == 1 && network) return;  // there is none
    plan_.faults[info.fault] = mean;
  }

  void network() {
    raft::Random r = random("plan-network");
    NetworkLaw& law = plan_.network;
    law.latency_min = log_uniform(r, Time(20), Time(2'000));
    law.latency_max = law.latency_min * static_cast<std::int64_t>(r.between(2, 8));
    law.spike_per_mille = plan_.calm ? 0 : r.between(0, 10);
    law.stall_min = Time(200'000);
    law.stall_max = Time(2'000'000);
    plan_.log = {Time(40), log_uniform(r, Time(100), Time(8'000)), plan_.calm ? 0u : 5u,
                 Time(30'000)};
    plan_.apply = {Time(10), log_uniform(r, Time(50), Time(2'000)), plan_.calm ? 0u : 3u,
                   Time(20'000)};
  }

  void limits() {
    raft::Random r = random("plan-limits");
    Options& o = plan_.options;
    o.partitions = plan_.partitions;
    o.replicas = plan_.replicas;
    o.segment_bytes = log_uniform(r, 4, 64) * 4096;
    o.log_entries_kept = log_uniform(r, 8, 2'000);
    o.log_bytes_kept = log_uniform(r, 16u << 10, 1u << 20);
    // A memtable takes an eighth of it.
    o.memory_bytes = chance(r, 500) ? 512u << 10 : 32u << 20;
    if (chance(r, 400)) o.idempotency_keys_max = static_cast<std::uint32_t>(r.between(4, 64));
    if (profile_.tiny_logs) {
      o.log_entries_kept = r.between(8, 60);
      o.segment_bytes = 16u << 10;
    }
  }

  void ample_logs() {
    raft::Random r = random("plan-ample-logs");
    const bool some = chance(r, 150);
    if (some || profile_.ample_logs) plan_.ample_logs.insert(r.between(1, plan_.nodes));
  }

  void clients() {
    raft::Random r = random("plan-clients");
    plan_.clients = r.between(2, 6);
    plan_.clients = plan_.request.clients.value_or(plan_.clients);
    plan_.keys = static_cast<int>(log_uniform(r, profile_.keys_min, profile_.keys_max));
    plan_.think = log_uniform(r, profile_.think_min, profile_.think_max);
    plan_.value_bytes = log_uniform(r, profile_.value_min, profile_.value_max);
    plan_.timeout = std::chrono::milliseconds{static_cast<std::int64_t>(r.between(300, 2'000))};
  }

  void end() {
    raft::Random r = random("plan-end");
    plan_.heal_core_only = chance(r, 500) && plan_.nodes >= 3 && !plan_.calm;
  }

  const Profile& profile_;
  Plan plan_;
};

}  // namespace

std::optional<Plan> draw_plan(const RunRequest& request) {
  const Profile* profile = profile_named(request.profile);
  if (!profile) return std::nullopt;
  return Draw(request, *profile).all();
}

std::string Plan::describe() const {
  const std::uint32_t drift = options.lease_drift_ppm;
  std::string text = std::to_string(nodes) + " nodes, " + std::to_string(partitions) +
                     " partitions, " + std::to_string(clients) + " clients, " +
                     std::to_string(keys) + " keys, " + std::to_string(length.count() / 1000) +
                     " ms with faults:";
  if (faults.empty()) text += " none";
  if (drift != 0) text = "leases within " + std::to_string(drift) + " ppm, " + text;
  for (const auto& [fault, mean] : faults) text += " " + std::string(name_of(fault));
  text += heal_core_only ? "; at the end a majority is healed" : "; at the end all is healed";
  return text;
}

}  // namespace cairn::kv::sim
