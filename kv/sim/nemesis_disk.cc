// The nemesis at work on disks: calls that fail or hang, and damage that nobody is told of.
#include <algorithm>
#include <cerrno>

#include "kv/placement/member.h"
#include "kv/sim/nemesis.h"

namespace cairn::kv::sim {

namespace {

using DiskCall = wal::MemoryFileSystem::Call;

constexpr std::size_t kSector = wal::MemoryFileSystem::kSectorBytes;
/// Whole writes lie between two moments so many syncs apart.
constexpr std::uint64_t kSyncsApart = 4;
/// The last batch of these, and the one under way, may be lost with the power; one is left that
/// tells rot from a torn tail.
constexpr std::uint64_t kBatchesApart = 3;
constexpr Time kImageEvery{300'000};
constexpr Time kLookAgain{200'000};
constexpr int kLooks = 20;

bool is_zero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

bool is_log(std::string_view path) {
  return path.find("/wal/") != std::string_view::npos;
}

std::uint64_t batches_of(Node& node) {
  for (const Sample& sample : node.metrics())
    if (sample.name == "cairn_wal_batches_total") return static_cast<std::uint64_t>(sample.value);
  return 0;
}

/// 0: it has no replica yet.
raft::NodeId member_at(Node& node) {
  const auto groups = node.groups();
  return groups.empty() ? 0 : groups.front().member;
}

}  // namespace

bool Nemesis::strike_disk(Fault fault, raft::Random& random) {
  if (damages(fault)) return damage(fault, random);
  const auto picked = running_victim(random);
  if (!picked) return false;
  const NodeId node = *picked;
  switch (fault) {
    case Fault::kSlowSync: {
      world_.slow_down(node, World::Part::kLog, static_cast<std::int64_t>(random.between(5, 200)));
      undo_later(fault, node, span(random, Time(100'000), Time(2'500'000)), "its log's disk",
                 [this, node] { world_.slow_down(node, World::Part::kLog, 1); });
      return true;
    }
    case Fault::kDiskHang:
      told(fault, node, "its log's disk answers nothing for a while");
      world_.hang_disk(node, span(random, Time(200'000), Time(4'000'000)));
      return true;
    case Fault::kDiskFull: {
      ++disk_troubles_[node];
      world_.allow_failure(node);
      world_.disk(node).set_capacity(world_.disk(node).used_bytes() + random.between(1, 30'000));
      undo_later(fault, node, span(random, Time(100'000), Time(3'000'000)), "no space",
                 [this, node] {
                   world_.disk(node).set_capacity(0);
                   --disk_troubles_[node];
                 });
      return true;
    }
    default:
      return fail_calls(fault, node, random);
  }
}

bool Nemesis::fail_calls(Fault fault, NodeId node, raft::Random& random) {
  wal::MemoryFileSystem& disk = world_.disk(node);
  ++disk_troubles_[node];
  world_.allow_failure(node);
  const std::uint64_t kth = random.between(1, 12);
  const bool sticky = chance(random, 300);
  switch (fault) {
    case Fault::kSyncFailsDropped:
    case Fault::kSyncFailsKept:
      disk.drop_on_failed_sync(fault == Fault::kSyncFailsDropped);
      disk.fail(DiskCall::kSync, kth, EIO, sticky);
      break;
    case Fault::kWriteFails:
      disk.fail(DiskCall::kWrite, kth, EIO, sticky);
      break;
    case Fault::kReadFails:
      disk.fail(DiskCall::kRead, kth, EIO, sticky);
      break;
    default:
      disk.fail(DiskCall::kOpen, random.between(1, 3), EMFILE, sticky);
  }
  const auto after = span(random, Time(100'000), Time(2'000'000));
  undo_later(fault, node, after, sticky ? "and all after it" : "one call", [this, node] {
    world_.disk(node).clear_faults();
    world_.disk(node).drop_on_failed_sync(true);
    // A fenced node waits for its restart: only that is the end of its trouble.
    world_.at(world_.now() + Time(1'000'000), [this, node] { --disk_troubles_[node]; });
  });
  return true;
}

// --- damage --------------------------------------------------------------------------------------

void Nemesis::keep_images() {
  if (ended_) return;
  for (const NodeId id : plan_.may_be_damaged) {
    if (!is_sound(id)) continue;
    const std::uint64_t syncs = world_.disk(id).calls(DiskCall::kSync);
    OldImage& recent = recent_[id];
    const LifeId life = world_.life_of(id);
    if (life != 0 && recent.life != 0 && life != recent.life) before_boot_[id] = recent;
    if (life != 0)
      recent = {world_.disk(id).image(), syncs, life, batches_of(world_.node(id)),
                member_at(world_.node(id))};
  }
  world_.at(world_.now() + kImageEvery, [this] { keep_images(); });
}

bool Nemesis::damage(Fault fault, raft::Random& random) {
  // One that is down already, or else any: so that damage gathers on few.
  std::vector<NodeId> able(plan_.may_be_damaged.begin(), plan_.may_be_damaged.end());
  const NodeId node = able[random.next() % able.size()];
  if (dead_.contains(node)) return false;
  if (fault == Fault::kWiped || fault == Fault::kRolledBack) {
    return lose_directory(node, fault, random);
  }
  return rot(node, fault, random);
}

/// Is damage to what stood in this file a while ago sure to be told from a torn tail?
bool Nemesis::shows(NodeId node, const std::string& path) const {
  if (path.find("/quarantine/") != std::string::npos) return false;  // nobody's any more
  if (!is_log(path)) return true;
  const OldImage& old = recent_.at(node);
  return world_.life_of(node) == old.life && world_.running(node) &&
         batches_of(world_.node(node)) >= old.batches + kBatchesApart;
}

bool Nemesis::rot(NodeId node, Fault fault, raft::Random& random) {
  if (lost_.contains(node)) return false;
  // What is damaged already has a way back, if it is not torn to pieces meanwhile.
  if (damaged_.contains(node) && !chance(random, 200)) return false;
  const auto old = recent_.find(node);
  wal::MemoryFileSystem& disk = world_.disk(node);
  if (old == recent_.end() || disk.calls(DiskCall::kSync) < old->second.syncs + kSyncsApart) {
    return false;
  }
  // Only bytes that stood there before those syncs: what follows them proves that they were.
  const wal::MemoryFileSystem::Image now = disk.image();
  std::vector<std::string> paths;
  for (const auto& [path, bytes] : now.files) {
    const auto then = old->second.image.files.find(path);
    if (then != old->second.image.files.end() && !is_zero(bytes) && shows(node, path))
      paths.push_back(path);
  }
  if (paths.empty()) return false;
  // By their bytes, as rot goes; logs are asked for more than that, and what says who the node is
  // for less: without it the node can't come back.
  const bool all = chance(random, 100), logs = chance(random, 500);
  std::erase_if(paths, [&](const std::string& path) {
    return !all && !is_log(path) && (logs || path.find("/engine/") == std::string::npos);
  });
  std::uint64_t total = 0;
  for (const std::string& path : paths) total += now.files.at(path).size();
  if (total == 0) return false;
  std::uint64_t left = random.next() % total;
  auto chosen = paths.begin();
  while (left >= now.files.at(*chosen).size()) left -= now.files.at(*chosen++).size();
  const std::string& path = *chosen;
  const std::string& bytes = now.files.at(path);
  const std::string& before = old->second.image.files.at(path);
  const std::size_t end = std::min(bytes.size(), before.find_last_not_of('\0') + 1);
  if (end == 0) return false;
  const std::size_t offset = random.next() % end;
  const std::size_t sector = offset / kSector * kSector;
  const std::string_view here = std::string_view(bytes).substr(sector, kSector);
  if (is_zero(here) || here != std::string_view(before).substr(sector, kSector)) return false;
  damaged_.insert(node);
  // As which it is damaged: it may have come back from earlier damage a moment ago.
  raft::NodeId was = old->second.member;
  if (world_.running(node)) {
    const auto groups = world_.node(node).groups();
    if (!groups.empty()) was = groups.front().member;
  }
  if (was != 0) rotten_.insert_or_assign(node, was);
  world_.allow_failure(node);
  const std::string what = path + " at " + std::to_string(offset);
  switch (fault) {
    case Fault::kBitRot:
      disk.flip_bit(path, offset, static_cast<unsigned>(random.next() % 8));
      break;
    case Fault::kLostWrite:  // as if that write had never come
      disk.overwrite(path, sector, std::string(here.size(), '\0'));
      break;
    default: {  // what belongs elsewhere, or was there earlier
      const std::string& other = now.files.at(paths[random.next() % paths.size()]);
      std::string wrong = other.substr(random.next() % other.size() / kSector * kSector, kSector);
      wrong.resize(here.size(), '\0');
      disk.overwrite(path, sector, wrong);
    }
  }
  told(fault, node, what);
  if (world_.running(node) && chance(random, 600)) world_.crash(node, CrashKind::kProcess);
  return true;
}

/// A node gives up what it holds. It will get well again, and nobody would hear that it need not
/// have been ill.
void Nemesis::distrusted(const NodeEvent& event) {
  const NodeId node = event.node;
  if (event.distrust == Distrust::kReplaced) return;  // people's doing
  const bool damaged = damaged_.contains(node);
  const bool touched = damaged || lost_.contains(node);
  const std::string who = "node " + std::to_string(node);
  if (event.distrust == Distrust::kDisowned) {
    if (touched || wanted_again_.contains(node)) return;
    world_.fail(
        "DISOWNED: " + who +
        " is refused by its peers, and its directory was never lost: " + std::string(event.detail));
  } else if (!touched && !disk_troubled(node)) {
    world_.fail("DAMAGE: " + who +
                " finds its data damaged, and nobody damaged them: " + std::string(event.detail));
  }
  // It comes back as another member.
  if (damaged || event.distrust != Distrust::kSetsAside) return;
  const auto was = members_seen_.find(node);
  lost_.emplace(node, was == members_seen_.end() ? node : was->second);
}

/// Another member than it was: it was given a new place.
bool Nemesis::is_another(NodeId node, raft::NodeId was) const {
  if (!world_.running(node)) return false;
  const auto groups = world_.node(node).groups();
  return std::any_of(groups.begin(), groups.end(), [was](const auto& g) {
    // An earlier life's directory may have taken its place.
    return generation_of(g.member) > generation_of(was);
  });
}

/// Whose damage was found is whole again.
void Nemesis::watch_damage() {
  for (auto at = rotten_.begin(); at != rotten_.end();) {
    if (!is_another(at->first, at->second)) {
      ++at;
      continue;
    }
    ++repaired_;
    damaged_.erase(at->first);
    recent_.erase(at->first);
    before_boot_.erase(at->first);
    at = rotten_.erase(at);
  }
}

bool Nemesis::lose_directory(NodeId node, Fault fault, raft::Random& random) {
  if (!world_.running(node) || !is_sound(node)) return false;
  const CrashKind kind = chance(random, 500) ? CrashKind::kProcess : CrashKind::kPower;
  if (fault == Fault::kRolledBack && !before_boot_.contains(node)) {
    // A copy is made and the node restarted; soon afterwards the copy takes the directory's place.
    before_boot_[node] = {world_.disk(node).image(), 0, world_.life_of(node), 0, 0};
    world_.crash(node, CrashKind::kProcess);
    roll_back_soon(node, kLooks);
    return true;
  }
  // Only if every other node knows this boot: else nobody could tell.
  if (!all_know(world_.life_of(node), node)) return false;
  const auto groups = world_.node(node).groups();
  if (groups.empty()) return false;
  lost_[node] = groups.front().member;
  lost_in_[node] = world_.life_of(node);
  for (auto& [life, heard] : heard_) heard.erase(node);  // it forgets whom it knew
  told(fault, node, {});
  world_.crash(node, kind);
  world_.disk(node).load(fault == Fault::kWiped ? wal::MemoryFileSystem::Image{}
                                                : before_boot_.at(node).image);
  return true;
}

/// A directory that was lost has no voice: what it knows is older than what its member promised.
void Nemesis::watch_for_return(const FrameSent& event) {
  const auto lost = lost_.find(event.from);
  const auto in = lost_in_.find(event.from);
  if (lost == lost_.end() || in == lost_in_.end() || event.life <= in->second) return;
  if (member_at(world_.node(event.from)) != lost->second) return;
  world_.fail("LOST: node " + std::to_string(event.from) +
              " speaks as the member whose directory was lost");
}

void Nemesis::roll_back_soon(NodeId node, int looks) {
  world_.at(world_.now() + kLookAgain, [this, node, looks] {
    if (ended_ || looks == 0 || dead_.contains(node)) return;
    raft::Random random = stream(plan_.request.seed, "roll-back", world_.events());
    if (!lose_directory(node, Fault::kRolledBack, random)) roll_back_soon(node, looks - 1);
  });
}

/// All members but the node itself have heard of this boot of it.
bool Nemesis::all_know(LifeId life, NodeId node) {
  const std::set<NodeId>& heard = heard_[life];
  const Roster roster = newest_roster(world_);
  return roster.nodes.contains(node) &&
         std::all_of(roster.nodes.begin(), roster.nodes.end(),
                     [&](NodeId id) { return id == node || heard.contains(id); });
}

}  // namespace cairn::kv::sim
