// What a run shows to whoever watches it: oracles, the report, a trace. Typed events in the order
// of virtual time; a watcher changes nothing, so a run with one is the same run.
//
// References are good during the call only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "kv/engine/engine.h"
#include "kv/node/node.h"
#include "kv/sim/event_queue.h"
#include "net/wire.h"
#include "raft/core.h"

namespace cairn::kv::sim {

/// A node's coming and going.
struct NodeEvent {
  enum class Kind {
    kStarted,
    kRefused,    // it did not start: `detail` says why
    kStopped,    // in order
    kCrashed,    // `detail`: "process", "power", ...
    kPaused,     // until `until`
    kFailed,     // it says that it serves no more: `detail`
    kDistrusts,  // data of its own, as `distrust` says: `detail`
  };
  Kind kind = Kind::kStarted;
  Time at{0};
  NodeId node = 0;
  LifeId life = 0;
  Time until{0};
  std::string_view detail;
  Distrust distrust = Distrust::kSetsAside;
};

/// A group's member changed: role, term, leader, commit, applied or last. `before` is zero when it
/// is seen for the first time in this life.
struct GroupEvent {
  struct State {
    raft::Role role = raft::Role::kFollower;
    raft::Term term = 0;
    NodeId leader = 0;
    raft::Index commit = 0, applied = 0, last = 0;
    friend bool operator==(const State&, const State&) = default;
  };
  Time at{0};
  NodeId node = 0;
  LifeId life = 0;
  raft::GroupId group = 0;
  State before, now;
};

/// Raft messages that left a node together, in one frame. `frame` is unique in a run.
struct FrameSent {
  std::uint64_t frame = 0;
  Time at{0};
  NodeId from = 0, to = 0;
  LifeId life = 0;  // of the sender
  std::span<const net::GroupMessage> messages;
};

/// The end of such a frame.
struct FrameEnded {
  std::uint64_t frame = 0;
  Time at{0};
  NodeId from = 0, to = 0;
  bool delivered = false;  // else it died with its connection
};

/// Committed entries handed to a node's apply stage, contiguous.
struct EntriesCommitted {
  Time at{0};
  NodeId node = 0;
  LifeId life = 0;
  raft::GroupId group = 0;
  std::span<const raft::Entry> entries;
};

/// What applying them answered; the node has just learnt it. Results of a crashed node are never
/// seen here.
struct EntriesApplied {
  Time at{0};
  NodeId node = 0;
  LifeId life = 0;
  std::span<const ApplyResult> results;
};

/// A snapshot became a node's state.
struct SnapshotInstalled {
  Time at{0};
  NodeId node = 0;
  LifeId life = 0;
  raft::GroupId group = 0;
  raft::Index index = 0;
  raft::Term term = 0;
};

/// One call of a client, at its begin and at its end.
struct ClientEvent {
  enum class Kind { kBegin, kOk, kRefused, kUnknown };
  Kind kind = Kind::kBegin;
  Time at{0};
  std::uint64_t call = 0;  // unique in a run
  NodeId node = 0;         // that it was made at
  std::string_view what;   // "put", "get", ...
  std::string_view key;
  std::string_view detail;  // of a refusal
};

/// A fault, at its begin and at its end. What ends at once (a crash, a flipped bit) has a begin
/// only.
struct FaultEvent {
  Time at{0};
  std::uint64_t fault = 0;  // unique in a run, ties end to begin
  std::string_view kind;    // as --list-faults names it
  bool begin = true;
  NodeId node = 0;          // 0: the network, or several nodes
  std::string_view detail;  // for people
};

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_node(const NodeEvent&) {}
  virtual void on_group(const GroupEvent&) {}
  virtual void on_sent(const FrameSent&) {}
  virtual void on_ended(const FrameEnded&) {}
  virtual void on_committed(const EntriesCommitted&) {}
  virtual void on_applied(const EntriesApplied&) {}
  virtual void on_installed(const SnapshotInstalled&) {}
  virtual void on_client(const ClientEvent&) {}
  virtual void on_fault(const FaultEvent&) {}
  /// An oracle saw a broken promise: "ORACLE: ...".
  virtual void on_failure(Time, std::string_view) {}
};

}  // namespace cairn::kv::sim
