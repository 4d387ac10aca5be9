// The faults that a run may draw, and what each does to the promises that are left.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace cairn::kv::sim {

enum class Fault {
  // The network, in the way of a byte stream: nothing on a living connection is lost or turned.
  kSlowNetwork,
  kDelaySpikes,
  kPacketLoss,
  kHold,
  kReset,
  kHalfOpen,
  kLateConnection,
  kRefuseConnections,
  kCorruption,
  kBandwidth,
  kClog,
  kSwizzleClog,
  kDuplicate,
  kReorder,
  kReplay,
  // Links.
  kCutOneWay,
  kCutBothWays,
  kIsolate,
  kHalves,
  kRing,
  kBridge,
  kFlapping,
  // Processes.
  kKill,
  kPowerCut,
  kPowerCutTorn,
  kPowerCutUnsynced,
  kPowerCutAtWrite,
  kPowerCutAll,
  kStop,
  kKillWhileStopping,
  kRestartStorm,
  kPause,
  kSlowNode,
  // Clocks.
  kClockDrift,
  kClockStep,
  kSuspend,
  kWallJump,
  kWallStrobe,
  kClockEdge,
  // Disks that say so.
  kSlowSync,
  kDiskHang,
  kDiskFull,
  kSyncFailsDropped,
  kSyncFailsKept,
  kWriteFails,
  kReadFails,
  kOpenFails,
  // Disks that do not: the replica counts as failed.
  kBitRot,
  kLostWrite,
  kStaleWrite,
  kMisdirectedWrite,
  kRolledBack,
  kWiped,
  // People who change the cluster. New kinds come last: each has a stream of chance by its number.
  kMemberAdd,
  kMemberRemove,
  kMemberReplace,
  kLeaderMove,
  kLearnerAdd,
  kPromote,
  kGiveUpJoining,
  kMemberAddAgain,
  // A task that finds no memory ends its node.
  kOutOfMemory,
  kCount_,
};

struct FaultInfo {
  Fault fault;
  std::string_view name;  // what --list-faults prints
  bool damages;           // the replica counts as failed from then on
};

/// All, in order.
[[nodiscard]] std::span<const FaultInfo> fault_infos();
[[nodiscard]] std::string_view name_of(Fault fault);
[[nodiscard]] bool damages(Fault fault);
[[nodiscard]] std::optional<Fault> fault_named(std::string_view name);

}  // namespace cairn::kv::sim
