#include "kv/sim/nemesis.h"

#include <algorithm>

namespace cairn::kv::sim {

Nemesis::Nemesis(World& world, const Plan& plan) : world_(world), plan_(plan) {
  for (const auto& [fault, mean] : plan.faults) {
    const auto number = static_cast<std::uint64_t>(fault);
    streams_[fault] = {stream(plan.request.seed, "fault", number), mean};
  }
}

void Nemesis::prepare() {
  if (!streams_.contains(Fault::kClockEdge)) return;
  // Just below where 32-bit milliseconds and microseconds, and doubles, end.
  static constexpr std::int64_t kEdges[] = {(std::int64_t{1} << 31) * 1000, std::int64_t{1} << 31,
                                            std::int64_t{1} << 32, (std::int64_t{1} << 32) * 1000,
                                            std::int64_t{1} << 53};
  raft::Random& random = streams_[Fault::kClockEdge].random;
  for (NodeId id = 1; id <= world_.nodes(); ++id) {
    const std::int64_t edge = kEdges[random.next() % std::size(kEdges)];
    const auto before = static_cast<std::int64_t>(random.between(1, 4'000'000));
    world_.set_monotonic(id, Time(edge - before));
  }
  told(Fault::kClockEdge, 0, "monotonic clocks begin just below their edges");
}

void Nemesis::begin() {
  for (const auto& [fault, s] : streams_) {
    if (fault != Fault::kClockEdge) schedule(fault);
  }
  const auto any = [this](const std::function<bool(Fault)>& of) {
    return std::any_of(streams_.begin(), streams_.end(),
                       [&](const auto& s) { return of(s.first); });
  };
  if (any(damages)) keep_images();
  const auto concerns_members = [](Fault f) {
    return damages(f) || f == Fault::kReadFails ||
           (f >= Fault::kMemberAdd && f <= Fault::kMemberAddAgain);
  };
  if (any(concerns_members)) watch_members();
}

void Nemesis::make_sure() {
  if (streams_.empty() || !fired_.empty()) return;
  if (const auto node = running_victim(streams_.begin()->second.random)) {
    told(Fault::kKill, *node, "since nothing else had struck");
    world_.crash(*node, CrashKind::kProcess);
  }
}

void Nemesis::schedule(Fault fault) {
  Stream& s = streams_.at(fault);
  const Time pause = span(s.random, s.mean / 5, s.mean * 2);
  world_.at(world_.now() + pause, [this, fault] {
    if (ended_) return;
    // What finds no victim now is tried again soon.
    if (!strike(fault, streams_.at(fault).random)) streams_.at(fault).mean /= 2;
    streams_.at(fault).mean = std::max(streams_.at(fault).mean, Time(50'000));
    schedule(fault);
  });
}

bool Nemesis::strike(Fault fault, raft::Random& random) {
  if (fault <= Fault::kReplay) return strike_network(fault, random);
  if (fault <= Fault::kFlapping) return strike_links(fault, random);
  if (fault <= Fault::kSlowNode) return strike_process(fault, random);
  if (fault <= Fault::kClockEdge) return strike_clock(fault, random);
  if (fault <= Fault::kWiped) return strike_disk(fault, random);
  if (fault == Fault::kOutOfMemory) return strike_process(fault, random);
  return strike_members(fault, random);
}

NodeId Nemesis::victim(raft::Random& random) const {
  return random.between(1, world_.nodes());
}

std::optional<NodeId> Nemesis::running_victim(raft::Random& random) const {
  std::vector<NodeId> able;
  for (const NodeId id : world_.running()) {
    if (!stopping_.contains(id)) able.push_back(id);
  }
  if (able.empty()) return std::nullopt;
  return able[random.next() % able.size()];
}

Time Nemesis::span(raft::Random& random, Time low, Time high) const {
  return Time(static_cast<std::int64_t>(random.between(static_cast<std::uint64_t>(low.count()),
                                                       static_cast<std::uint64_t>(high.count()))));
}

std::uint64_t Nemesis::told(Fault fault, NodeId node, std::string_view detail) {
  ++fired_[fault];
  const std::uint64_t which = ++last_fault_;
  const FaultEvent event{world_.now(), which, name_of(fault), true, node, detail};
  for (Observer* observer : world_.observers()) observer->on_fault(event);
  return which;
}

void Nemesis::told_end(Fault fault, std::uint64_t which, NodeId node) {
  const FaultEvent event{world_.now(), which, name_of(fault), false, node, {}};
  for (Observer* observer : world_.observers()) observer->on_fault(event);
}

void Nemesis::undo_later(Fault fault, NodeId node, Time after, std::string_view detail,
                         std::function<void()> undo) {
  const std::uint64_t which = told(fault, node, detail);
  world_.at(world_.now() + after, [this, fault, which, node, undo = std::move(undo)] {
    if (ended_ && node != 0 && !core_.contains(node)) return;  // broken for good
    undo();
    told_end(fault, which, node);
  });
}

// --- the end -----------------------------------------------------------------------------------

void Nemesis::heal(const std::set<NodeId>& core, bool all_links) {
  core_ = core;
  world_.network().law() = plan_.network;
  for (NodeId a = 1; a <= world_.nodes(); ++a) {
    if (!all_links && !core.contains(a)) continue;
    world_.network().refuse(a, false);
    for (NodeId b = 1; b <= world_.nodes(); ++b) {
      if (!all_links && !core.contains(b)) continue;
      world_.network().heal(a, b);
      world_.network().unclog(a, b);
    }
  }
  for (const NodeId id : core) {
    world_.disarm(id);
    world_.disk(id).clear_faults();
    world_.disk(id).set_capacity(0);

    world_.slow_down(id, World::Part::kAll, 1);
    world_.set_clock_rate(id, 0);
    if (!world_.running(id)) start(id);
  }
}

bool Nemesis::break_for_good(const std::set<NodeId>& core) {
  raft::Random random = world_.random("plight");
  const bool uniform = chance(random, 500);
  for (NodeId id = 1; id <= world_.nodes(); ++id) {
    if (core.contains(id)) continue;
    // Some links of it work, some only one way; it may shout and not hear, or hear and not speak.
    const bool mute = chance(random, 500);
    const bool deaf = chance(random, 500);
    for (const NodeId other : core) {
      if (uniform) {
        link(id, other, mute, deaf);
        world_.network().refuse(id, false);
      }
      if (!uniform && chance(random, 300)) world_.network().cut(id, other);
      if (!uniform && chance(random, 300)) world_.network().cut(other, id);
    }
    if (world_.running(id) && chance(random, 250)) world_.crash(id, CrashKind::kPower);
  }
  return uniform;
}

void Nemesis::link(NodeId from, NodeId to, bool mute, bool deaf) {
  Network& network = world_.network();
  network.unclog(from, to);
  network.unclog(to, from);
  mute ? network.cut(from, to) : network.heal(from, to);
  deaf ? network.cut(to, from) : network.heal(to, from);
}

// --- an operator ---------------------------------------------------------------------------------

void Nemesis::on_node(const NodeEvent& event) {
  switch (event.kind) {
    case NodeEvent::Kind::kStarted:
      world_.allow_failure(event.node, disk_troubled(event.node) || damaged_.contains(event.node));
      break;
    case NodeEvent::Kind::kCrashed:
      stopping_.erase(event.node);
      start_later(event.node, Time(0));  // a power cut at a write comes by itself
      break;
    case NodeEvent::Kind::kFailed:  // fenced: somebody looks at the disk and restarts it
      world_.at(world_.now() + Time(400'000), [this, id = event.node, life = event.life] {
        if (world_.life_of(id) == life && spares(id) && !dead_.contains(id)) {
          world_.crash(id, CrashKind::kProcess);
        }
      });
      break;
    case NodeEvent::Kind::kDistrusts:
      distrusted(event);
      break;
    case NodeEvent::Kind::kStopped:
    case NodeEvent::Kind::kRefused:
    case NodeEvent::Kind::kPaused:
      break;
  }
}

void Nemesis::on_sent(const FrameSent& event) {
  under_way_[event.frame] = {event.life, event.to};
  if (!event.messages.empty()) watch_for_return(event);
}

void Nemesis::on_ended(const FrameEnded& event) {
  const auto at = under_way_.find(event.frame);
  if (at == under_way_.end()) return;
  if (event.delivered) heard_[at->second.first].insert(at->second.second);
  under_way_.erase(at);
}

}  // namespace cairn::kv::sim
