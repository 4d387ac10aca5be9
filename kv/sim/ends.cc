// How lives end: in order, killed, by a power cut at a moment or at a write.
#include <cerrno>
#include <exception>
#include <stdexcept>
#include <utility>

#include "kv/sim/life.h"
#include "kv/sim/world.h"

namespace cairn::kv::sim {

namespace {

const char* crash_name(CrashKind kind) {
  switch (kind) {
    case CrashKind::kProcess:
      return "killed";
    case CrashKind::kPower:
      return "power cut";
    case CrashKind::kPowerTorn:
      return "power cut, torn sectors";
    case CrashKind::kLoseUnsynced:
      return "power cut, all unsynced lost";
  }
  return "";
}

}  // namespace

bool World::stop(NodeId id, Time limit) {
  auto ended = std::make_shared<std::optional<bool>>();
  stop_later(id, limit, [ended](bool in_time) { *ended = in_time; });
  run_until([&] { return ended->has_value(); }, limit + Time(1));
  return ended->value_or(false);
}

void World::stop_later(NodeId id, Time limit, std::function<void(bool)> then) {
  Life* life = members_.at(id).life.get();
  if (!life) return then(true);
  auto once = std::make_shared<std::function<void(bool)>>(std::move(then));
  const auto end = [this, id, which = life->id, once](bool in_time) {
    const auto tell_it = std::exchange(*once, nullptr);
    if (!tell_it) return;
    const bool lives = alive(which) != nullptr;  // else it crashed meanwhile
    if (lives) stopped(id, in_time);
    tell_it(lives && in_time);
  };
  life->home.post([this, node = life->node.get(), end] {
    // An event of its own: the node is not on the stack when it dies.
    node->stop([this, end] { queue_.at(now(), 0, "stopped", [end] { end(true); }); });
  });
  queue_.at(now() + limit, 0, "stop-limit", [end] { end(false); });
}

void World::stopped(NodeId id, bool in_time) {
  Member& member = members_.at(id);
  if (in_time) {
    for (const auto& [number, pending] : member.life->pending) {
      if (pending->begun) fail("node " + std::to_string(id) + " stopped with a call unanswered");
    }
  }
  tell(in_time ? NodeEvent::Kind::kStopped : NodeEvent::Kind::kCrashed, id,
       in_time ? "" : "did not stop in time");
  end_life(id, false);
  member.disk.kill_process();
  note(id, {LogLine::Level::kInfo, in_time ? "stopped" : "did not stop in time: killed"});
}

void World::crash(NodeId id, CrashKind kind) {
  Member& member = members_.at(id);
  disarm(id);
  if (!member.life) return;
  note(id, {LogLine::Level::kInfo, "crashes"});
  tell(NodeEvent::Kind::kCrashed, id, crash_name(kind));
  end_life(id, kind != CrashKind::kProcess);
  const std::uint64_t seed = stream(options_.seed, "crash", last_life_ * 64 + id).next();
  using Crash = wal::MemoryFileSystem::Crash;
  switch (kind) {
    case CrashKind::kProcess:
      member.disk.kill_process();
      break;
    case CrashKind::kPower:
      member.disk.crash(Crash::kRandom, seed);
      break;
    case CrashKind::kPowerTorn:
      member.disk.crash(Crash::kRandomTorn, seed);
      break;
    case CrashKind::kLoseUnsynced:
      member.disk.crash(Crash::kLoseUnsynced, seed);
      break;
  }
}

void World::crash_at_change(NodeId id, std::uint64_t kth, CrashKind kind) {
  Member& member = members_.at(id);
  member.power_cut_at = member.disk.changes() + kth;
  member.power_cut = kind;
  member.disk.drop_on_failed_sync(false);  // what the cut interrupts is pending, not gone
  member.disk.fail_changes(kth, EIO);
}

void World::disarm(NodeId id) {
  Member& member = members_.at(id);
  if (member.life) member.life->memory.tasks_left = member.life->memory.posts_left = 0;
  if (member.power_cut_at == 0) return;
  member.power_cut_at = 0;
  member.disk.drop_on_failed_sync(true);
  member.disk.clear_faults();
}

bool World::was_power_cut(const Error& error) {
  return error.detail == kPowerWentText;
}

bool World::power_is_gone(const Member& member) {
  return member.power_cut_at != 0 && member.disk.changes() >= member.power_cut_at;
}

bool World::look_for_power_cut(NodeId id) {
  const Member& member = members_.at(id);
  if (!power_is_gone(member)) return false;
  crash(id, member.power_cut);
  return true;
}

void World::end_life(NodeId id, bool silent) {
  Member& member = members_.at(id);
  std::unique_ptr<Life> life = std::move(member.life);
  lives_.erase(life->id);
  life->end();
  // What destructors still want to write must not outlive the moment of the end.
  member.disk.fail_changes(1, EIO);
  if (life->transport) network_.detach(*life->transport, silent);
  queue_.drop(life->id);
  const std::weak_ptr<Node> node = life->node;
  life->node.reset();
  const auto pending = std::move(life->pending);
  if (!node.expired()) {
    fail("node " + std::to_string(id) + " outlives its end: somebody holds it");
    ghosts_.push_back(std::move(life));
  }
  member.disk.clear_faults();
  for (const auto& [number, call] : pending) call->lost();
}

}  // namespace cairn::kv::sim
