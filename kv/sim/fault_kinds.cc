#include "kv/sim/fault_kinds.h"

#include <array>
#include <cstddef>

namespace cairn::kv::sim {

namespace {

constexpr std::array kInfos{
    FaultInfo{Fault::kSlowNetwork, "net-slow", false},
    FaultInfo{Fault::kDelaySpikes, "net-delay-spikes", false},
    FaultInfo{Fault::kPacketLoss, "net-loss", false},
    FaultInfo{Fault::kHold, "net-hold", false},
    FaultInfo{Fault::kReset, "net-reset", false},
    FaultInfo{Fault::kHalfOpen, "net-half-open", false},
    FaultInfo{Fault::kLateConnection, "net-late-connection", false},
    FaultInfo{Fault::kRefuseConnections, "net-refuse", false},
    FaultInfo{Fault::kCorruption, "net-bit-flips", false},
    FaultInfo{Fault::kBandwidth, "net-bandwidth", false},
    FaultInfo{Fault::kClog, "net-clog", false},
    FaultInfo{Fault::kSwizzleClog, "net-swizzle-clog", false},
    FaultInfo{Fault::kDuplicate, "net-duplicate", false},
    FaultInfo{Fault::kReorder, "net-reorder", false},
    FaultInfo{Fault::kReplay, "net-replay", false},
    FaultInfo{Fault::kCutOneWay, "link-one-way", false},
    FaultInfo{Fault::kCutBothWays, "link-cut", false},
    FaultInfo{Fault::kIsolate, "link-isolate", false},
    FaultInfo{Fault::kHalves, "link-halves", false},
    FaultInfo{Fault::kRing, "link-ring", false},
    FaultInfo{Fault::kBridge, "link-bridge", false},
    FaultInfo{Fault::kFlapping, "link-flapping", false},
    FaultInfo{Fault::kKill, "node-kill", false},
    FaultInfo{Fault::kPowerCut, "node-power-cut", false},
    FaultInfo{Fault::kPowerCutTorn, "node-power-cut-torn", false},
    FaultInfo{Fault::kPowerCutUnsynced, "node-power-cut-unsynced", false},
    FaultInfo{Fault::kPowerCutAtWrite, "node-power-cut-at-write", false},
    FaultInfo{Fault::kPowerCutAll, "node-power-cut-all", false},
    FaultInfo{Fault::kStop, "node-stop", false},
    FaultInfo{Fault::kKillWhileStopping, "node-kill-while-stopping", false},
    FaultInfo{Fault::kRestartStorm, "node-restart-storm", false},
    FaultInfo{Fault::kPause, "node-pause", false},
    FaultInfo{Fault::kSlowNode, "node-slow", false},
    FaultInfo{Fault::kClockDrift, "clock-drift", false},
    FaultInfo{Fault::kClockStep, "clock-step", false},
    FaultInfo{Fault::kSuspend, "clock-suspend", false},
    FaultInfo{Fault::kWallJump, "clock-wall-jump", false},
    FaultInfo{Fault::kWallStrobe, "clock-wall-strobe", false},
    FaultInfo{Fault::kClockEdge, "clock-edge", false},
    FaultInfo{Fault::kSlowSync, "disk-slow-sync", false},
    FaultInfo{Fault::kDiskHang, "disk-hang", false},
    FaultInfo{Fault::kDiskFull, "disk-full", false},
    FaultInfo{Fault::kSyncFailsDropped, "disk-sync-fails-dropped", false},
    FaultInfo{Fault::kSyncFailsKept, "disk-sync-fails-kept", false},
    FaultInfo{Fault::kWriteFails, "disk-write-fails", false},
    FaultInfo{Fault::kReadFails, "disk-read-fails", false},
    FaultInfo{Fault::kOpenFails, "disk-open-fails", false},
    FaultInfo{Fault::kBitRot, "disk-bit-rot", true},
    FaultInfo{Fault::kLostWrite, "disk-lost-write", true},
    FaultInfo{Fault::kStaleWrite, "disk-stale-write", true},
    FaultInfo{Fault::kMisdirectedWrite, "disk-misdirected-write", true},
    FaultInfo{Fault::kRolledBack, "disk-rolled-back", true},
    FaultInfo{Fault::kWiped, "disk-wiped", true},
    FaultInfo{Fault::kMemberAdd, "member-add", false},
    FaultInfo{Fault::kMemberRemove, "member-remove", false},
    FaultInfo{Fault::kMemberReplace, "member-replace", false},
    FaultInfo{Fault::kLeaderMove, "leader-move", false},
    FaultInfo{Fault::kLearnerAdd, "member-add-learner", false},
    FaultInfo{Fault::kPromote, "member-promote", false},
    FaultInfo{Fault::kGiveUpJoining, "member-give-up", false},
    FaultInfo{Fault::kMemberAddAgain, "member-add-again", false},
    FaultInfo{Fault::kOutOfMemory, "node-out-of-memory", false},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kInfos.size(); ++i) {
    if (static_cast<std::size_t>(kInfos[i].fault) != i) return false;
  }
  return kInfos.size() == static_cast<std::size_t>(Fault::kCount_);
}
static_assert(in_order());

}  // namespace

std::span<const FaultInfo> fault_infos() {
  return kInfos;
}

std::string_view name_of(Fault fault) {
  return kInfos[static_cast<std::size_t>(fault)].name;
}

bool damages(Fault fault) {
  return kInfos[static_cast<std::size_t>(fault)].damages;
}

std::optional<Fault> fault_named(std::string_view name) {
  for (const FaultInfo& info : kInfos) {
    if (info.name == name) return info.fault;
  }
  return std::nullopt;
}

}  // namespace cairn::kv::sim
