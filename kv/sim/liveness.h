// The end of a run: no new faults, and what is healed must serve, settle, and stay as it is.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "kv/sim/clients.h"
#include "kv/sim/ledger.h"
#include "kv/sim/nemesis.h"
#include "kv/sim/plan.h"
#include "kv/sim/world.h"

namespace cairn::kv::sim {

/// A run in which fewer calls succeed proves nothing.
inline constexpr std::uint64_t kSucceededMin = 5;

using Founders = std::map<raft::GroupId, std::set<NodeId>>;

/// Each step stops at the world's first failure.
class Liveness {
 public:
  Liveness(World& world, const Plan& plan, Nemesis& nemesis, Ledger& ledger, Clients& clients,
           const Founders& founders)
      : world_(world),
        plan_(plan),
        nemesis_(nemesis),
        ledger_(ledger),
        clients_(clients),
        founders_(founders) {}

  /// Heals all, or a majority of every group, which must lead, write and read soon.
  void heal_and_serve();
  /// Every call has its answer, the healed have the same state, changes have ended, leaders stay.
  void quiesce();

  /// Why nodes are not ready, for failures' texts.
  [[nodiscard]] std::string reasons();
  [[nodiscard]] bool members_stood() const { return members_stood_; }
  /// Times that leaders had to stay.
  [[nodiscard]] std::uint64_t stood() const { return stood_; }

 private:
  [[nodiscard]] bool go_on() const { return world_.failures().empty(); }
  void choose_core();
  [[nodiscard]] bool has_majorities() const;
  [[nodiscard]] bool has_majority(const std::vector<raft::NodeId>& voters) const;
  void serve(raft::GroupId group);
  template <class Send>
  bool until_ok(Time deadline, Send send);
  [[nodiscard]] NodeId leader_in_core(raft::GroupId group);
  [[nodiscard]] bool core_leads_all();
  [[nodiscard]] NodeId may_be_deaf(NodeId leader) const;
  void stays_led();
  [[nodiscard]] bool done() { return converged() && members_stand(); }
  [[nodiscard]] bool has_left(raft::GroupId group, raft::NodeId member) const;
  [[nodiscard]] bool converged();
  [[nodiscard]] bool members_stand();
  [[nodiscard]] std::string states();

  World& world_;
  const Plan& plan_;
  Nemesis& nemesis_;
  Ledger& ledger_;
  Clients& clients_;
  const Founders& founders_;
  std::set<NodeId> core_;
  bool core_only_ = false;
  bool must_converge_ = true;
  bool members_stood_ = false;
  std::uint64_t stood_ = 0;
};

}  // namespace cairn::kv::sim
