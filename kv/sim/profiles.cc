#include "kv/sim/profiles.h"

namespace cairn::kv::sim {

namespace {

Profile directed(std::string_view name, std::string_view what, std::vector<Fault> faults) {
  Profile p;
  p.info = {name, what};
  p.faults = std::move(faults);
  p.all_faults = true;
  p.small = true;
  p.nodes = 3;
  p.length_min = Time(1'500'000);
  p.length_max = Time(6'000'000);
  p.fault_every_min = Time(100'000);
  p.fault_every_max = Time(800'000);
  p.think_min = Time(2'000);
  p.think_max = Time(40'000);
  return p;
}

Profile with_tiny_logs(Profile p) {
  p.tiny_logs = true;
  return p;
}

Profile with_ample_logs(Profile p) {
  p.ample_logs = true;
  return p;
}

Profile with_leases(Profile p) {
  p.leases = true;
  return p;
}

/// Snapshots of several chunks.
Profile with_large_values(Profile p) {
  p.keys_min = 24;
  p.value_min = 20'000;
  p.value_max = 60'000;
  p.length_min = Time(4'000'000);
  p.length_max = Time(12'000'000);
  p.think_max = Time(12'000);
  return p;
}

Profile of_any_size(Profile p) {
  p.nodes = 0;
  p.all_faults = false;
  return p;
}

std::vector<Profile> general() {
  using enum Fault;
  std::vector<Profile> all;
  Profile swarm;
  swarm.info = {"swarm", "any size, any faults, some seeds calm: the default"};
  swarm.sometimes_calm = true;
  all.push_back(swarm);

  Profile small = swarm;
  small.info = {"small", "three nodes, one partition, a few seconds: many seeds a second"};
  small.nodes = 3;
  small.small = true;
  small.length_min = Time(1'000'000);
  small.length_max = Time(4'000'000);
  small.fault_every_max = Time(1'200'000);
  small.think_min = Time(8'000);
  all.push_back(small);

  Profile calm = swarm;
  calm.info = {"calm", "no faults at all"};
  calm.calm = true;
  all.push_back(calm);

  all.push_back(
      of_any_size(directed("network", "slow, lossy and dying connections",
                           {kSlowNetwork, kDelaySpikes, kPacketLoss, kHold, kReset, kHalfOpen,
                            kLateConnection, kRefuseConnections, kCorruption, kBandwidth, kClog,
                            kSwizzleClog, kDuplicate, kReorder, kReplay})));
  all.push_back(of_any_size(
      directed("links", "every way to cut a cluster into pieces",
               {kCutOneWay, kCutBothWays, kIsolate, kHalves, kRing, kBridge, kFlapping})));
  all.push_back(of_any_size(
      directed("crashes", "nodes that die, stop, pause and come back",
               {kKill, kPowerCut, kPowerCutTorn, kPowerCutUnsynced, kPowerCutAtWrite, kPowerCutAll,
                kStop, kKillWhileStopping, kRestartStorm, kPause, kSlowNode, kOutOfMemory})));
  all.push_back(of_any_size(
      directed("clocks", "clocks that drift, step, jump and overflow",
               {kClockDrift, kClockStep, kSuspend, kWallJump, kWallStrobe, kClockEdge, kKill})));
  all.push_back(
      of_any_size(directed("disk", "disks that fail, fill up, rot, lie and are lost",
                           {kSlowSync, kDiskHang, kDiskFull, kSyncFailsDropped, kSyncFailsKept,
                            kWriteFails, kReadFails, kOpenFails, kBitRot, kLostWrite, kStaleWrite,
                            kMisdirectedWrite, kRolledBack, kWiped, kPowerCut})));
  Profile membership = of_any_size(
      directed("membership", "nodes are added, removed, replaced and lost, leaders moved",
               {kMemberAdd, kMemberRemove, kMemberReplace, kLeaderMove, kLearnerAdd, kPromote,
                kGiveUpJoining, kMemberAddAgain, kKill, kPowerCut, kIsolate, kCutOneWay, kPause,
                kWiped, kRolledBack}));
  membership.small = false;
  membership.length_min = Time(4'000'000);
  membership.length_max = Time(20'000'000);
  membership.fault_every_min = Time(300'000);
  membership.fault_every_max = Time(2'500'000);
  all.push_back(membership);
  return all;
}

/// One for each of the worst hazards that a simulator can meet.
std::vector<Profile> by_hazard() {
  using enum Fault;
  return {
      directed("r1-ack-before-sync", "acks and votes against what power cuts leave",
               {kPowerCutUnsynced, kPowerCutAtWrite, kSlowSync, kPowerCutAll}),
      directed("r2-second-vote", "elections that are interrupted by restarts",
               {kRestartStorm, kIsolate, kPowerCutAtWrite, kReset}),
      directed("r3-unpersisted-tail", "candidates whose log is not durable yet",
               {kSlowSync, kDiskHang, kStop, kPowerCutUnsynced}),
      of_any_size(directed("r9-partial-links", "link graphs without full connection",
                           {kCutOneWay, kCutBothWays, kRing, kBridge, kFlapping, kClog})),
      directed("m5-lost-directories", "wiped and rolled-back directories",
               {kWiped, kRolledBack, kKill, kIsolate}),
      directed("q2-first-reads", "reads in the first moments of a term",
               {kIsolate, kKill, kPause, kSlowSync}),
      directed("q3-old-rounds", "read rounds that are answered late and twice",
               {kPause, kDuplicate, kReorder, kReplay, kLateConnection, kClog}),
      directed("c1-lost-answers", "writes whose answers are lost",
               {kReset, kHalfOpen, kKill, kClog, kIsolate}),
      directed("c2-unknown-outcomes", "leaders that end with proposals in flight",
               {kStop, kKillWhileStopping, kPowerCut, kCutOneWay, kPause}),
      directed("w1-failing-sync", "syncs that fail, and power cuts after them",
               {kSyncFailsDropped, kSyncFailsKept, kWriteFails, kPowerCut, kKill}),
      directed("w13-page-cache", "what was read back had never been synced",
               {kKill, kPowerCutUnsynced, kSyncFailsDropped, kRestartStorm}),
      directed("w2-corruption", "rotten logs against torn tails",
               {kBitRot, kLostWrite, kStaleWrite, kMisdirectedWrite, kPowerCutTorn, kKill}),
      directed("w9-error-paths", "each call to the disk fails now and then",
               {kWriteFails, kReadFails, kOpenFails, kSyncFailsKept, kDiskFull, kDiskHang}),
      with_tiny_logs(directed("z1-applied-index", "crashes between log and state machine",
                              {kPowerCut, kPowerCutAtWrite, kKill, kPowerCutAll})),
      directed("z2-pure-apply", "clocks that would show in the state",
               {kWallJump, kWallStrobe, kClockDrift, kClockStep, kKill}),
      with_leases(directed("q4-leases", "leaders that read under leases, and lose their place",
                           {kClockDrift, kSuspend, kPause, kIsolate, kCutOneWay, kLeaderMove})),
      with_ample_logs(with_large_values(with_tiny_logs(
          directed("z5-installs", "snapshots in several chunks, while leaders change",
                   {kIsolate, kKill, kClog, kReset, kPause, kSlowSync, kLeaderMove})))),
      with_tiny_logs(directed("z4-snapshots", "followers that need snapshots all the time",
                              {kIsolate, kKill, kPowerCutAtWrite, kClog, kReset, kPause})),
  };
}

const std::vector<Profile>& table() {
  static const std::vector<Profile> kAll = [] {
    std::vector<Profile> all = general();
    for (const Profile& p : by_hazard()) all.push_back(p);
    return all;
  }();
  return kAll;
}

}  // namespace

const Profile* profile_named(std::string_view name) {
  for (const Profile& p : table()) {
    if (p.info.name == name) return &p;
  }
  return nullptr;
}

std::span<const ProfileInfo> profiles() {
  static const std::vector<ProfileInfo> kInfos = [] {
    std::vector<ProfileInfo> infos;
    for (const Profile& p : table()) infos.push_back(p.info);
    return infos;
  }();
  return kInfos;
}

}  // namespace cairn::kv::sim
