// The nemesis at work on processes and clocks, and the operator who starts them again.
#include <algorithm>

#include "kv/sim/nemesis.h"

namespace cairn::kv::sim {

bool Nemesis::strike_process(Fault fault, raft::Random& random) {
  if (fault == Fault::kPowerCutAll) {
    told(fault, 0, "all at once");
    for (const NodeId id : world_.running()) {
      world_.crash(id, chance(random, 500) ? CrashKind::kLoseUnsynced : CrashKind::kPowerTorn);
    }
    return true;
  }
  const auto picked = running_victim(random);
  if (!picked) return false;
  const NodeId node = *picked;
  switch (fault) {
    case Fault::kKill:
    case Fault::kPowerCut:
    case Fault::kPowerCutTorn:
    case Fault::kPowerCutUnsynced: {
      const auto kind = fault == Fault::kKill           ? CrashKind::kProcess
                        : fault == Fault::kPowerCut     ? CrashKind::kPower
                        : fault == Fault::kPowerCutTorn ? CrashKind::kPowerTorn
                                                        : CrashKind::kLoseUnsynced;
      told(fault, node, {});
      world_.crash(node, kind);
      return true;
    }
    case Fault::kPowerCutAtWrite: {
      told(fault, node, "at one of its next changes of the disk");
      const auto kind = static_cast<CrashKind>(random.between(1, 3));
      world_.crash_at_change(node, random.between(1, 60), kind);
      return true;
    }
    case Fault::kStop:
      told(fault, node, {});
      stop_in_order(node, std::nullopt, span(random, Time(1'000), Time(800'000)));
      return true;
    case Fault::kKillWhileStopping:
      told(fault, node, {});
      stop_in_order(node, span(random, Time(100), Time(700'000)), Time(50'000));
      return true;
    case Fault::kRestartStorm: {
      told(fault, node, "killed several times");
      Time when = world_.now();
      for (std::uint64_t i = random.between(3, 6); i > 0; --i) {
        const auto kind = static_cast<CrashKind>(random.between(0, 3));
        world_.at(when, [this, node, kind] {
          if (!ended_ && world_.running(node)) world_.crash(node, kind);
        });
        when += span(random, Time(100'000), Time(500'000));
      }
      return true;
    }
    case Fault::kOutOfMemory:
      starve(node, random);
      return true;
    case Fault::kPause: {
      told(fault, node, "nothing of it runs");
      world_.pause(node, span(random, Time(20'000), Time(2'500'000)));
      return true;
    }
    default: {
      const auto factor = static_cast<std::int64_t>(random.between(2, 40));
      world_.slow_down(node, World::Part::kAll, factor);
      undo_later(fault, node, span(random, Time(100'000), Time(2'000'000)), "all of its tasks",
                 [this, node] { world_.slow_down(node, World::Part::kAll, 1); });
      return true;
    }
  }
}

void Nemesis::starve(NodeId node, raft::Random& random) {
  const bool begins = chance(random, 500);
  told(Fault::kOutOfMemory, node, begins ? "one of its next tasks" : "what a task hands over");
  const std::uint64_t kth = random.between(1, 200);
  world_.starve(node, kth, begins ? World::Starved::kTask : World::Starved::kPost);
}

void Nemesis::stop_in_order(NodeId node, std::optional<Time> killed_after, Time down) {
  if (!stopping_.insert(node).second) return;
  const LifeId life = world_.life_of(node);
  world_.stop_later(node, Time(6'000'000), [this, node, down](bool in_time) {
    stopping_.erase(node);
    if (in_time) start_later(node, down);
  });
  if (!killed_after) return;
  world_.at(world_.now() + *killed_after, [this, node, life] {
    if (world_.life_of(node) == life) world_.crash(node, CrashKind::kProcess);
  });
}

void Nemesis::start_later(NodeId node, Time after) {
  if (!starting_.insert(node).second) return;
  raft::Random random = stream(plan_.request.seed, "restart", world_.events() * 16 + node);
  // Mostly soon; sometimes the others have long gone on without it.
  const Time pause = after + (chance(random, 750) ? span(random, Time(1'000), Time(500'000))
                                                  : span(random, Time(500'000), Time(3'000'000)));
  world_.at(world_.now() + pause, [this, node] {
    starting_.erase(node);
    if (spares(node)) start(node);
  });
}

void Nemesis::start(NodeId node) {
  if (world_.running(node) || dead_.contains(node) || off_.contains(node)) return;
  world_.allow_failure(node, disk_troubled(node) || damaged_.contains(node));
  // An operator's list of members is kept up to date: without it, a directory that is empty would
  // ask those alone who founded the cluster, and they may have gone.
  const Roster roster = newest_roster(world_);
  if (roster.epoch > 1) world_.list_members(node, roster.nodes);
  const auto started = world_.start(node);
  if (started) return;
  const Error& error = started.error();
  if (World::was_power_cut(error)) return;  // on_node has seen to it
  const bool told_so = error.code == Errc::kCorrupt || error.code == Errc::kForeign;
  if (damaged_.contains(node) && (told_so || error.code == Errc::kIo)) {
    dead_.insert(node);  // detected: this replica is out
    return;
  }
  const bool disk = error.code == Errc::kIo || error.code == Errc::kDiskFull;
  if (!disk || !disk_troubled(node)) {
    world_.fail("START: node " + std::to_string(node) + ": " + error.message());
    return;
  }
  start_later(node, Time(200'000));
}

// --- clocks --------------------------------------------------------------------------------------

bool Nemesis::strike_clock(Fault fault, raft::Random& random) {
  const NodeId node = victim(random);
  switch (fault) {
    case Fault::kClockDrift: {
      const std::uint32_t lease = plan_.options.lease_drift_ppm;
      const std::int64_t most = lease != 0 ? lease : 200'000;
      const auto ppm =
          static_cast<std::int64_t>(random.between(0, 2 * static_cast<std::uint64_t>(most))) - most;
      world_.set_clock_rate(node, ppm);
      undo_later(fault, node, span(random, Time(200'000), Time(4'000'000)),
                 std::to_string(ppm) + " ppm", [this, node] { world_.set_clock_rate(node, 0); });
      return true;
    }
    case Fault::kClockStep:
      told(fault, node, "the monotonic clock jumps ahead");
      world_.set_clock_rate(node, 0, span(random, Time(10'000), Time(20'000'000)));
      return true;
    case Fault::kSuspend: {  // nothing runs, and afterwards the clock says how long
      if (!world_.running(node)) return false;
      told(fault, node, "the machine sleeps");
      world_.pause(node, span(random, Time(100'000), Time(3'000'000)));
      // Leases ask for a clock that counts the sleep as long as it was.
      if (plan_.options.lease_drift_ppm != 0) return true;
      world_.set_clock_rate(node, 0, span(random, Time(1'000'000), Time(3'600'000'000)));
      return true;
    }
    case Fault::kWallJump: {
      const auto ms = static_cast<std::int64_t>(random.between(0, 40'000'000)) - 20'000'000;
      world_.set_wall_offset(node, chance(random, 500) ? ms : ms / 1'000);
      told(fault, node, "by up to hours");
      return true;
    }
    default: {
      told(Fault::kWallStrobe, node, "to and fro");
      const Time every = span(random, Time(3'000), Time(100'000));
      const auto ms = static_cast<std::int64_t>(random.between(10, 60'000));
      strobe(node, static_cast<int>(random.between(6, 30)), ms, every);
      return true;
    }
  }
}

void Nemesis::strobe(NodeId node, int times, std::int64_t ms, Time every) {
  world_.set_wall_offset(node, times % 2 == 0 ? ms : 0);
  if (times == 0 || ended_) return;
  world_.at(world_.now() + every,
            [this, node, times, ms, every] { strobe(node, times - 1, ms, every); });
}

}  // namespace cairn::kv::sim
