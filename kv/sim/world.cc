#include "kv/sim/world.h"

#include <cerrno>
#include <cstdio>
#include <exception>
#include <new>
#include <stdexcept>
#include <utility>

#include "kv/identity/quarantine.h"
#include "kv/sim/life.h"

namespace cairn::kv::sim {

namespace {

constexpr std::size_t kLogLinesMax = 400;

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
  network_.observe(&observers_);
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
  member.clocks.base = Time(static_cast<std::int64_t>(clocks_.between(1, 1'000'000'000'000)));
  member.clocks.wall_offset_ms =
      static_cast<std::int64_t>(clocks_.between(0, 2 * span)) - static_cast<std::int64_t>(span);
  member.adjusted = member.options;
  return member;
}

NodeId World::add_node() {
  const NodeId id = members_.rbegin()->first + 1;
  make_member(id);
  return id;
}

void World::list_members(NodeId id, const std::set<NodeId>& members) {
  std::vector<kv::Member>& listed = members_.at(id).options.cluster;
  listed.clear();
  for (const NodeId member : members) listed.push_back({member, address_of(member)});
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
          not_opened_anew(id, started.error());
      });
    });
  });
}

/// A disk that is full or fails just now, and is known to, may refuse a new life. The host waits
/// for space, a program that was told of a failure ends and is started again: both are a later
/// start, whose time the operator chooses as after a crash. Everywhere else it has to succeed.
void World::not_opened_anew(NodeId id, const Error& error) {
  const bool disk = error.code == Errc::kDiskFull || error.code == Errc::kIo;
  if (disk && members_.at(id).failure_allowed)
    return tell(NodeEvent::Kind::kCrashed, id, "could not be opened anew");
  fail("node " + std::to_string(id) + " is not opened anew: " + error.message());
}

World::~World() {
  observers_.clear();  // some die before the world
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
  seams.witness = observers_.empty() ? nullptr : &life.witness;
  return seams;
}

Options World::options_for(NodeId id) {
  Options options = members_.at(id).options;
  if (options_.adjust) options_.adjust(options);
  members_.at(id).adjusted = options;
  options.log = [this, id](const LogLine& line) { note(id, line); };
  options.on_failure = [this, id](const Error& e) {
    note(id, {LogLine::Level::kError, "failed: " + e.message()});
    const Member& member = members_.at(id);
    // In the moment of a power cut what it says is heard by nobody. A broken invariant never is
    // allowed.
    if (power_is_gone(member)) return;
    tell(NodeEvent::Kind::kFailed, id, e.detail);
    if (member.life && member.life->memory.ran_out) return;
    if (!member.failure_allowed || e.code == Errc::kInternal) {
      fail("node " + std::to_string(id) + " failed: " + e.message());
    }
  };
  return options;
}

Result<void> World::open_node(Member& member, const Options& options) {
  try {
    auto opened = Node::open(seams_of(member), options);
    if (!opened && opened.error().code == Errc::kCorrupt) {
      const auto marked = is_marked_for_setting_aside(member.disk, options.data_dir);
      if (marked && *marked) {  // the host's manners: what was posted is over, then again
        queue_.drop(member.life->id);
        member.disk.kill_process();
        opened = Node::open(seams_of(member), options);
      }
    }
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
  member.life = std::make_unique<Life>(*this, life, id, member.clocks);
  if (!member.options.peer.empty()) {
    member.life->transport = network_.attach(id, life, member.life->home, member.options.peer);
  }
  note(id, {LogLine::Level::kInfo, "starts"});
  const Options options = options_for(id);
  if (auto valid = validate(options); !valid && !options_.unchecked_options) {
    end_life(id, false);
    return valid.error();
  }
  const Result<void> started = open_node(member, options);
  trace_.add(started.has_value() ? 1 : 0);
  if (started && !power_is_gone(member)) tell(NodeEvent::Kind::kStarted, id, {});
  if (look_for_power_cut(id)) return Error(Errc::kIo, kPowerWentText);
  if (started && !observers_.empty()) watch_groups(id);
  if (!started) {
    note(id, {LogLine::Level::kError, "does not start: " + started.error().message()});
    tell(NodeEvent::Kind::kRefused, id, started.error().detail);
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
  return members_.at(id).adjusted;
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
  members_.at(id).clocks.wall_offset_ms = ms;
}

void World::set_clock_rate(NodeId id, std::int64_t ppm, Time ahead) {
  members_.at(id).clocks.change(now(), ppm, ahead);
}

void World::set_monotonic(NodeId id, Time shows) {
  Member& member = members_.at(id);
  if (member.life) throw std::logic_error("sim: a running node's clock never goes back");
  member.clocks.base = shows;
  member.clocks.since = now();
}

void World::pause(NodeId id, Time span) {
  Life* life = members_.at(id).life.get();
  if (!life) return;
  life->paused_until = std::max(life->paused_until, now() + span);
  life->paused_slot = std::max(life->paused_slot, life->paused_until);
  tell(NodeEvent::Kind::kPaused, id, {}, life->paused_until);
}

bool World::put_off(Event& event) {
  Life* life = alive(event.life);
  if (!life || now() >= life->paused_until) return false;
  life->paused_slot += Time(1);
  // What is posted later comes after it.
  for (SimExecutor* e : {&life->home, &life->log, &life->apply, &life->read}) {
    e->stall_until(life->paused_slot);
  }
  queue_.at(life->paused_slot, event.life, event.kind, std::move(event.run));
  return true;
}

void World::starve(NodeId id, std::uint64_t kth, Starved where) {
  Life* life = members_.at(id).life.get();
  if (!life) return;
  (where == Starved::kTask ? life->memory.tasks_left : life->memory.posts_left) = kth;
}

/// As at the edge of a real executor: a task that finds no memory is gone with all that it held,
/// and the node has failed. (Not the k-th allocation: how many there are is a matter of compiler
/// and library, and a seed is one run in any build. Tasks, and what they hand over, are counted
/// alike.)
void World::run_task(Event& event) {
  Life* life = alive(event.life);
  if (!life || !life->node || !life->is_task(event)) return event.run();
  if (life->memory.for_task()) {
    life->memory.in_task = true;
    try {
      event.run();
    } catch (const std::bad_alloc&) {
      if (!life->memory.ran_out) throw;
    }
    life->memory.in_task = false;
  }
  if (!life->memory.ran_out) return;
  event.run = nullptr;
  life->node->fail("no memory for a task");
}

void World::hang_disk(NodeId id, Time span) {
  if (Life* life = members_.at(id).life.get()) life->log.stall_until(now() + span);
}

void World::slow_down(NodeId id, Part part, std::int64_t factor) {
  Life* life = members_.at(id).life.get();
  if (!life) return;
  life->log.slow_down(factor);
  if (part == Part::kLog) return;
  for (SimExecutor* e : {&life->home, &life->apply, &life->read}) e->slow_down(factor);
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
  if (put_off(event)) return;
  ++events_;
  const NodeId id = node_of(event.life);
  trace_.add(static_cast<std::uint64_t>(event.at.count()));
  trace_.add(id);
  trace_.add(std::string_view(event.kind));
  try {
    run_task(event);
  } catch (const std::exception& e) {  // the executor's edge
    fail("node " + std::to_string(id) + ", " + event.kind + ": exception: " + e.what());
    if (Life* life = alive(event.life); life && life->node) life->node->fail(e.what());
  }
  event.run = nullptr;  // what it owns dies before a power cut ends the life
  if (id != 0 && !look_for_power_cut(id) && !observers_.empty()) watch_groups(id);
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
