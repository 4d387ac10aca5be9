// What a core asks of its host. The contract that keeps promises behind durability stands here.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "raft/message.h"
#include "raft/types.h"

namespace cairn::raft {

/// Names one Persist. Tokens rise by one per Persist; confirming token t confirms all before it.
using PersistToken = std::uint64_t;

/// To be made durable, in the order the Readys were taken; several may be under way at once.
/// `entries` are contiguous; if the first one's index is not past the last index handed out
/// before, it replaces the suffix from there on (a term conflict, 3.5).
struct Persist {
  PersistToken token = 0;
  std::optional<HardState> hard_state;  // only if it changed
  std::vector<Entry> entries;
  /// Messages that promise something about this Persist (votes, append acks): to be sent only
  /// after it, and all before it, is durable (hazards R1, R2). The host keeps them until then.
  std::vector<Message> messages_after;
};

/// A linearizable read may be answered from a state that has applied `index`.
struct ReadState {
  std::uint64_t request = 0;
  Index index = 0;
};

/// A read that this core will not answer; nothing was promised, ask again (a retry takes a new id).
struct ReadFailure {
  std::uint64_t request = 0;
};

/// Entries [from, to] are wanted back from the host's log, for follower `peer` or for applying
/// (peer = kNobody), at most about `max_bytes`, at least one entry. The answer is Core::log_read.
struct LogRead {
  NodeId peer = kNobody;
  Index from = 0;
  Index to = 0;
  std::size_t max_bytes = 0;
};

/// `peer` needs entries that the log no longer holds: send it a snapshot, then call
/// Core::snapshot_sent. Said once for each attempt.
struct SnapshotNeeded {
  NodeId peer = kNobody;
};

/// For logs and metrics, and for the host to react on role changes.
struct Event {
  enum class Kind {
    kBecameFollower,
    kBecameCandidate,
    kBecameLeader,     // elected; the no-op is proposed
    kLeaderChanged,    // `peer` leads `term` now (kNobody: unknown)
    kSteppedDown,      // was leader; lost quorum contact, its disk hangs, is removed, or told to
    kMessageRejected,  // malformed, or against the rules
    kConfigChanged,    // another configuration is in force (a truncation may bring an older back)
    kTransferFailed,   // `peer` did not take over in time: this leader goes on
  };
  Kind kind;
  Term term = 0;
  NodeId peer = kNobody;
};

/// One turn's worth of work. Fields are independent but for the order rules told at each.
struct Ready {
  /// May be sent at once, side by side with the Persist: a leader's appends need no durability of
  /// the leader's own (dissertation 10.2.1).
  std::vector<Message> messages;
  std::optional<Persist> persist;
  /// Committed, locally durable, contiguous with what was handed out before; to apply in order,
  /// then Core::applied(last index).
  std::vector<Entry> committed;
  std::vector<ReadState> reads;
  std::vector<ReadFailure> failed_reads;
  std::vector<LogRead> log_reads;
  std::vector<SnapshotNeeded> snapshots;
  std::vector<Event> events;
};

}  // namespace cairn::raft
