#include "kv/sim/world.h"

#include <cerrno>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <utility>

#include "kv/sim/life.h"

namespace cairn::kv::sim {

namespace {

constexpr std::size_t kLogLinesMax = 400;
constexpr const char* kPowerWent = "the power went during the start";

std::string address_of(NodeId id) {
  return "127.0.0.1:" + std::to_string(9000 + id);
}

}  // namespace

World::World(WorldOptions options)
    : options_(std::move(options)),
      queue_(stream(options_.seed, "ties")),
      network_(queue_, trace_, options_.network, stream(options_.seed, "network")),
      clocks_(stream(options_.seed, "clocks")) {
  if (options_.nodes > 1) {
    for (NodeId id = 1; id <= options_.nodes; ++id) founders_.push_back({id, address_of(id)});
  }
  for (NodeId id = 1; id <= options_.nodes; ++id) make_member(id);
}

World::Member& World::make_member(NodeId id) {
  const auto span = static_cast<std::uint64_t>(options_.wall_offset_ms_max);
  Member& member = members_[id];
  member.options.data_dir = "node";
  member.options.node_id = id;
  member.options.cluster = founders_;
  if (!founders_.empty()) member.options.peer = address_of(id);
  member.options.segment_bytes = 256u << 10;
  member.options.memory_bytes = 32u << 20;
  member.boot = Time(static_cast<std::int64_t>(clocks_.between(1, 1'000'000'000'000)));
  member.wall_offset_ms =
      static_cast<std::int64_t>(clocks_.between(0, 2 * span)) - static_cast<std::int64_t>(span);
  return member;
}

NodeId World::add_node() {
  const NodeId id = members_.rbegin()->first + 1;
  make_member(id);
  return id;
}

void World::reopen(LifeId life) {
  Life* const alive_now = alive(life);
  if (alive_now == nullptr) return;
  alive_now->home.post([this, life, node = alive_now->node.get()] {
    node->stop([this, life] {
      // Outside of every life: this one ends in it.
      queue_.at(now(), 0, "reopen", [this, life] {
        const NodeId id = node_of(life);
        if (id == 0) return;
        end_life(id, false);
        members_.at(id).disk.kill_process();
        if (auto started = start(id); !started && !was_power_cut(started.error()))
          fail("node " + std::to_string(id) + " is not opened anew: " + started.error().message());
      });
    });
  });
}

World::~World() {
  for (auto& [id, member] : members_) {
    if (member.life) end_life(id, true);
  }
}

// --- nodes -------------------------------------------------------------------------------------

NodeSeams World::seams_of(Member& member) {
  Life& life = *member.life;
  NodeSeams seams;
  seams.files = &member.disk;
  seams.clock = &life.clock;
  seams.transport = life.transport.get();
  seams.home = &life.home;
  seams.log = &life.log;
  seams.apply = &life.apply;
  seams.read = &life.read;
  seams.random = [&life] { return life.chance.next(); };
  seams.reopen = [this, which = life.id] { reopen(which); };
  return seams;
}

Options World::options_for(NodeId id) {
  Options options = members_.at(id).options;
  if (options_.adjust) options_.adjust(options);
  options.log = [this, id](const LogLine& line) { note(id, line); };
  options.on_failure = [this, id](const Error& e) {
    note(id, {LogLine::Level::kError, "failed: " + e.message()});
    const Member& member = members_.at(id);
    // In the moment of a power cut what it says is heard by nobody.
    if (!member.failure_allowed && !power_is_gone(member)) {
      fail("node " + std::to_string(id) + " failed: " + e.message());
    }
  };
  return options;
}

Result<void> World::open_node(Member& member, const Options& options) {
  try {
    auto opened = Node::open(seams_of(member), options);
    if (!opened) return opened.error();
    member.life->node = std::move(*opened);
    return member.life->node->start();
  } catch (const std::exception& e) {  // the host's edge
    fail("node " + std::to_string(options.node_id) + ", start: exception: " + e.what());
    return Error(Errc::kInternal, e.what());
  }
}

Result<void> World::start(NodeId id) {
  Member& member = members_.at(id);
  if (member.life) throw std::logic_error("sim: the node runs already");
  const LifeId life = ++last_life_;
  lives_[life] = id;
  member.life = std::make_unique<Life>(*this, life, member.boot, member.wall_offset_ms);
  if (!member.options.peer.empty()) {
    member.life->transport = network_.attach(id, life, member.life->home, member.options.peer);
  }
  note(id, {LogLine::Level::kInfo, "starts"});
  const Options options = options_for(id);
  if (auto valid = validate(options); !valid) {
    end_life(id, false);
    return valid.error();
  }
  const Result<void> started = open_node(member, options);
  trace_.add(started.has_value() ? 1 : 0);
  if (look_for_power_cut(id)) return Error(Errc::kIo, kPowerWent);
  if (!started) {
    note(id, {LogLine::Level::kError, "does not start: " + started.error().message()});
    end_life(id, false);
    member.disk.kill_process();
  }
  return started;
}

void World::start_all() {
  for (auto& [id, member] : members_) {
    if (member.life) continue;
    if (auto started = start(id); !started) {
      fail("node " + std::to_string(id) + " does not start: " + started.error().message());
    }
  }
}

bool World::running(NodeId id) const {
  return members_.at(id).life != nullptr;
}

std::vector<NodeId> World::running() const {
  std::vector<NodeId> ids;
  for (const auto& [id, member] : members_) {
    if (member.life) ids.push_back(id);
  }
  return ids;
}

Node& World::node(NodeId id) {
  if (!running(id)) throw std::logic_error("sim: the node does not run");
  return *members_.at(id).life->node;
}

wal::MemoryFileSystem& World::disk(NodeId id) {
  return members_.at(id).disk;
}
const Options& World::options_of(NodeId id) const {
  return members_.at(id).options;
}

bool World::stop(NodeId id, Time limit) {
  Member& member = members_.at(id);
  if (!member.life) return true;
  Life& life = *member.life;
  const LifeId which = life.id;
  auto stopped = std::make_shared<bool>(false);
  life.home.post([node = life.node.get(), stopped] { node->stop([stopped] { *stopped = true; }); });
  const bool in_time = run_until([&] { return *stopped || !alive(which); }, limit) && *stopped;
  if (!alive(which)) return false;  // it crashed meanwhile
  if (in_time) {
    for (const auto& [number, pending] : life.pending) {
      if (pending->begun) fail("node " + std::to_string(id) + " stopped with a call unanswered");
    }
  }
  end_life(id, false);
  member.disk.kill_process();
  note(id, {LogLine::Level::kInfo, in_time ? "stopped" : "did not stop in time: killed"});
  return in_time;
}

void World::crash(NodeId id, CrashKind kind) {
  Member& member = members_.at(id);
  disarm(id);
  if (!member.life) return;
  note(id, {LogLine::Level::kInfo, "crashes"});
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
  if (member.power_cut_at == 0) return;
  member.power_cut_at = 0;
  member.disk.drop_on_failed_sync(true);
  member.disk.clear_faults();
}

bool World::was_power_cut(const Error& error) {
  return error.detail == kPowerWent;
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

void World::wipe(NodeId id) {
  Member& member = members_.at(id);
  if (member.life) throw std::logic_error("sim: wipe of a running node");
  member.disk.load({});
}

void World::stall(NodeId id, Time span) {
  if (Life* life = members_.at(id).life.get()) {
    for (SimExecutor* e : {&life->home, &life->log, &life->apply, &life->read}) {
      e->stall_until(now() + span);
    }
  }
}

void World::set_wall_offset(NodeId id, std::int64_t ms) {
  Member& member = members_.at(id);
  member.wall_offset_ms = ms;
  if (member.life) member.life->clock.set_wall_offset(ms);
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

// --- network -----------------------------------------------------------------------------------

void World::isolate(NodeId id) {
  for (const auto& [other, member] : members_) {
    if (other == id) continue;
    network_.cut(id, other);
    network_.cut(other, id);
  }
}

void World::rejoin(NodeId id) {
  for (const auto& [other, member] : members_) {
    if (other == id) continue;
    network_.heal(id, other);
    network_.heal(other, id);
  }
}

// --- time --------------------------------------------------------------------------------------

void World::step() {
  Event event = queue_.pop();
  ++events_;
  const NodeId id = node_of(event.life);
  trace_.add(static_cast<std::uint64_t>(event.at.count()));
  trace_.add(id);
  trace_.add(std::string_view(event.kind));
  try {
    event.run();
  } catch (const std::exception& e) {  // the executor's edge
    fail("node " + std::to_string(id) + ", " + event.kind + ": exception: " + e.what());
    if (Life* life = alive(event.life); life && life->node) life->node->fail(e.what());
  }
  event.run = nullptr;  // what it owns dies before a power cut ends the life
  if (id != 0) look_for_power_cut(id);
  if (now() >= next_watch_) watch_leaders();
}

void World::run_for(Time span) {
  const Time end = now() + span;
  while (!queue_.empty() && queue_.next() <= end) step();
  queue_.advance(end);
}

bool World::run_until(const std::function<bool()>& predicate, Time span) {
  const Time end = now() + span;
  while (!predicate()) {
    if (queue_.empty() || queue_.next() > end) {
      queue_.advance(end);
      return false;
    }
    step();
  }
  return true;
}

NodeId World::node_of(LifeId life) const {
  const auto at = lives_.find(life);
  return at == lives_.end() ? 0 : at->second;
}

World::Life* World::alive(LifeId life) const {
  const NodeId id = node_of(life);
  return id == 0 ? nullptr : members_.at(id).life.get();
}

void World::note(NodeId id, const LogLine& line) {
  const char* level = line.level == LogLine::Level::kInfo      ? ""
                      : line.level == LogLine::Level::kWarning ? "warning: "
                                                               : "error: ";
  char when[32];
  std::snprintf(when, sizeof when, "%10.3f ms  ", static_cast<double>(now().count()) / 1000);
  log_.push_back(when + ("node " + std::to_string(id)) + "  " + level + line.text);
  if (log_.size() > kLogLinesMax) log_.pop_front();
}

std::string World::recent_log() const {
  std::string all;
  for (const std::string& line : log_) all += line + "\n";
  return all;
}

}  // namespace cairn::kv::sim
