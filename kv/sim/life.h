// One life of a node in a world: from a start to a stop or crash. Owns the node and the seams that
// it sees; world.cc and calls.cc share it.
#pragma once

#include <map>
#include <memory>
#include <utility>

#include "kv/sim/world.h"

namespace cairn::kv::sim {

/// Passes on what a node shows.
class World::Witness final : public NodeWitness {
 public:
  Witness(World& world, NodeId node, LifeId life) : world_(world), node_(node), life_(life) {}
  void committed(raft::GroupId group, std::span<const raft::Entry> entries) override;
  void applied(std::span<const ApplyResult> results) override;
  void installed(raft::GroupId group, const raft::SnapshotMeta& meta) override;
  void distrusts(Distrust what, const std::string& why) override;

 private:
  World& world_;
  NodeId node_;
  LifeId life_;
};

struct World::Life {
  Life(World& world, LifeId life, NodeId node_id, const MachineClocks& machine)
      : id(life),
        home(world.queue_, life, "home", world.options_.home, world.chance_of("home", life),
             &memory),
        log(world.queue_, life, "log", world.options_.log, world.chance_of("log", life), &memory),
        apply(world.queue_, life, "apply", world.options_.apply, world.chance_of("apply", life),
              &memory),
        read(world.queue_, life, "read", world.options_.read, world.chance_of("read", life),
             &memory),
        clock(world.queue_, home, life, machine),
        chance(world.chance_of("node", life)),
        witness(world, node_id, life) {}

  /// Nothing is posted any more.
  void end() {
    for (SimExecutor* e : {&home, &log, &apply, &read}) e->end();
    clock.end();
  }

  /// A task of one of its executors?
  [[nodiscard]] bool is_task(const Event& event) const {
    return event.kind == home.kind() || event.kind == log.kind() || event.kind == apply.kind() ||
           event.kind == read.kind();
  }

  LifeId id;
  Memory memory;
  SimExecutor home, log, apply, read;
  SimClock clock;
  raft::Random chance;
  Witness witness;
  Time paused_until{0};
  Time paused_slot{0};  // where the next event goes that the pause holds up
  std::map<raft::GroupId, GroupEvent::State> seen;  // of its groups, by observers
  std::unique_ptr<SimTransport> transport;
  std::map<std::uint64_t, std::shared_ptr<Pending>> pending;  // by number: calls without an answer
  std::shared_ptr<Node> node;
};

/// Calls that a life has not answered yet, told of its end.
struct World::Pending {
  Pending(World& w, LifeId l, std::uint64_t n) : world(w), life(l), number(n) {}
  virtual ~Pending() = default;
  virtual void lost() = 0;
  World& world;
  LifeId life;
  std::uint64_t number;
  bool begun = false;  // the node has been called
  bool done = false;
};

}  // namespace cairn::kv::sim
