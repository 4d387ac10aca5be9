// The nemesis at work on connections and links.
#include <algorithm>

#include "kv/sim/nemesis.h"

namespace cairn::kv::sim {

bool Nemesis::strike_network(Fault fault, raft::Random& random) {
  switch (fault) {
    case Fault::kHold:
    case Fault::kReset:
    case Fault::kHalfOpen:
    case Fault::kLateConnection:
      return strike_connection(fault, random);
    case Fault::kRefuseConnections: {
      const NodeId node = victim(random);
      world_.network().refuse(node, true);
      undo_later(fault, node, span(random, Time(20'000), Time(1'500'000)), "takes no connection",
                 [this, node] { world_.network().refuse(node, false); });
      return true;
    }
    case Fault::kClog: {
      const NodeId a = victim(random);
      const NodeId b = victim(random);
      if (a == b) return false;
      world_.network().clog(a, b);
      undo_later(fault, 0, span(random, Time(10'000), Time(1'500'000)),
                 "clogged: " + std::to_string(a) + " to " + std::to_string(b), [this, a, b] {
                   if (!ended_ || (core_.contains(a) && core_.contains(b)))
                     world_.network().unclog(a, b);
                 });
      return true;
    }
    case Fault::kSwizzleClog:
      swizzle(random);
      return true;
    default:
      return change_law(fault, random);
  }
}

bool Nemesis::strike_connection(Fault fault, raft::Random& random) {
  Network& network = world_.network();
  bool hit = false;
  switch (fault) {
    case Fault::kHold:
      hit = network.hold_one(random, span(random, Time(20'000), Time(1'200'000)));
      break;
    case Fault::kReset:
      hit = network.reset_one(random);
      break;
    case Fault::kHalfOpen:
      hit = network.half_open_one(random);
      break;
    default:
      hit = network.late_one(random, span(random, Time(20'000), Time(2'500'000)));
  }
  if (hit) told(fault, 0, "a connection");
  return hit;
}

bool Nemesis::change_law(Fault fault, raft::Random& random) {
  NetworkLaw& law = world_.network().law();
  const NetworkLaw& usual = plan_.network;
  const auto some = [&](std::uint64_t low, std::uint64_t high) {
    return random.between(low, high);
  };
  std::function<void()> undo;
  switch (fault) {
    case Fault::kSlowNetwork:
      law.latency_max = usual.latency_max * static_cast<std::int64_t>(some(2, 60));
      undo = [&law, &usual] { law.latency_max = usual.latency_max; };
      break;
    case Fault::kDelaySpikes:
      law.spike_per_mille = some(20, 300);
      law.spike = span(random, Time(20'000), Time(600'000));
      undo = [&law, &usual] {
        law.spike_per_mille = usual.spike_per_mille;
        law.spike = usual.spike;
      };
      break;
    case Fault::kPacketLoss:
      law.loss_per_mille = some(5, 300);
      undo = [&law] { law.loss_per_mille = 0; };
      break;
    case Fault::kCorruption:
      law.corrupt_per_million = some(200, 30'000);
      undo = [&law] { law.corrupt_per_million = 0; };
      break;
    case Fault::kBandwidth:
      law.bytes_per_microsecond = 1;
      undo = [&law, &usual] { law.bytes_per_microsecond = usual.bytes_per_microsecond; };
      break;
    case Fault::kDuplicate:
      law.duplicate_per_mille = some(10, 500);
      undo = [&law] { law.duplicate_per_mille = 0; };
      break;
    case Fault::kReorder:
      law.reorder_per_mille = some(10, 300);
      undo = [&law] { law.reorder_per_mille = 0; };
      break;
    default:
      law.replay_per_mille = some(5, 200);
      undo = [&law] { law.replay_per_mille = 0; };
  }
  undo_later(fault, 0, span(random, Time(50'000), Time(2'000'000)), "the whole network",
             std::move(undo));
  return true;
}

/// Nodes are clogged one after another, and unclogged in another order (FoundationDB's swizzle).
void Nemesis::swizzle(raft::Random& random) {
  std::vector<NodeId> some;
  for (NodeId id = 1; id <= world_.nodes(); ++id) {
    if (chance(random, 600)) some.push_back(id);
  }
  const std::uint64_t which = told(Fault::kSwizzleClog, 0, "clogged one after another");
  Time when = world_.now();
  const auto all = [this](NodeId id, bool clog) {
    for (NodeId other = 1; other <= world_.nodes(); ++other) {
      if (other == id) continue;
      if (ended_ && (!core_.contains(id) || !core_.contains(other))) continue;
      for (const auto& [from, to] : {std::pair(id, other), std::pair(other, id)}) {
        clog ? world_.network().clog(from, to) : world_.network().unclog(from, to);
      }
    }
  };
  for (const NodeId id : some) {
    when += span(random, Time(1'000), Time(200'000));
    world_.at(when, [this, all, id] {
      if (!ended_) all(id, true);
    });
  }
  for (std::size_t i = some.size(); i > 1; --i) std::swap(some[i - 1], some[random.next() % i]);
  for (const NodeId id : some) {
    when += span(random, Time(1'000), Time(200'000));
    world_.at(when, [all, id] { all(id, false); });
  }
  world_.at(when, [this, which] { told_end(Fault::kSwizzleClog, which, 0); });
}

// --- links ---------------------------------------------------------------------------------------

Nemesis::Links Nemesis::between(const std::set<NodeId>& a, const std::set<NodeId>& b) const {
  Links links;
  for (const NodeId one : a) {
    for (const NodeId other : b) {
      if (one == other) continue;
      links.emplace_back(one, other);
      links.emplace_back(other, one);
    }
  }
  return links;
}

Nemesis::Links Nemesis::links_of(Fault fault, raft::Random& random) const {
  const std::size_t n = world_.nodes();
  const NodeId a = victim(random);
  const NodeId b = 1 + (a - 1 + random.between(1, n - 1)) % n;
  std::set<NodeId> left;
  std::set<NodeId> right;
  for (NodeId id = 1; id <= n; ++id) (chance(random, 500) ? left : right).insert(id);
  Links links;
  switch (fault) {
    case Fault::kCutOneWay:
      return {{a, b}};
    case Fault::kCutBothWays:
    case Fault::kFlapping:
      return {{a, b}, {b, a}};
    case Fault::kIsolate: {
      std::set<NodeId> others;
      for (NodeId id = 1; id <= n; ++id) others.insert(id);
      return between({a}, others);
    }
    case Fault::kHalves:
      return between(left, right);
    case Fault::kBridge:
      left.erase(a);
      right.erase(a);
      return between(left, right);
    default:  // a ring: only neighbours hear each other
      for (NodeId one = 1; one <= n; ++one) {
        for (NodeId other = 1; other <= n; ++other) {
          const NodeId apart = (other + n - one) % n;
          if (apart > 1 && apart < n - 1) links.emplace_back(one, other);
        }
      }
      return links;
  }
}

bool Nemesis::strike_links(Fault fault, raft::Random& random) {
  if (world_.nodes() == 3 && fault == Fault::kRing) fault = Fault::kCutBothWays;  // that is one
  const Links links = links_of(fault, random);
  if (links.empty()) return false;
  std::string detail;
  for (const auto& [from, to] : links) {
    detail += (detail.empty() ? "" : ", ") + std::to_string(from) + " to " + std::to_string(to);
  }
  if (fault == Fault::kFlapping) {
    told(fault, 0, detail);
    const Time every = span(random, Time(4'000), Time(150'000));
    flap(links, static_cast<int>(random.between(4, 20)), every);
    return true;
  }
  cut(fault, links, span(random, Time(50'000), Time(2'500'000)), detail);
  return true;
}

void Nemesis::cut(Fault fault, const Links& links, Time after, std::string_view detail) {
  for (const auto& [from, to] : links) world_.network().cut(from, to);
  undo_later(fault, 0, after, detail, [this, links] {
    for (const auto& [from, to] : links) {
      if (!ended_ || (core_.contains(from) && core_.contains(to))) world_.network().heal(from, to);
    }
  });
}

void Nemesis::flap(Links links, int times, Time every) {
  if (ended_) return;
  for (const auto& [from, to] : links) {
    times % 2 == 0 ? world_.network().cut(from, to) : world_.network().heal(from, to);
  }
  if (times <= 1) {
    for (const auto& [from, to] : links) world_.network().heal(from, to);
    return;
  }
  world_.at(world_.now() + every,
            [this, links = std::move(links), times, every] { flap(links, times - 1, every); });
}

}  // namespace cairn::kv::sim
