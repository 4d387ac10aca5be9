// What cores say to each other. One struct a message; `Message` adds the envelope. The group id is
// the host's business: a core knows only its own group.
#pragma once

#include <variant>
#include <vector>

#include "raft/types.h"

namespace cairn::raft {

/// RequestVote (3.4), or its trial run that changes no state (PreVote, dissertation 9.6).
/// `last_index`/`last_term` name the candidate's last *durable* entry (hazard R3).
struct VoteRequest {
  bool pre_vote = false;
  bool leader_transfer = false;  // vote even though a leader was heard lately; sent on TimeoutNow
  Index last_index = 0;
  Term last_term = 0;
};

struct VoteReply {
  bool pre_vote = false;
  bool granted = false;
};

/// AppendEntries (3.5). Empty `entries` probe for the follower's match.
struct AppendRequest {
  Index prev_index = 0;
  Term prev_term = 0;
  Index commit = 0;
  std::vector<Entry> entries;
};

/// `rejected`: `index` repeats the request's prev_index and (hint_index, hint_term) is the largest
/// entry of the follower's log that could still match. Otherwise `index` is the highest index now
/// *durable* on the follower and known to match the leader's log. `needs_snapshot`: rejected by a
/// member without a configuration, which begins with a snapshot.
struct AppendReply {
  bool rejected = false;
  Index index = 0;
  Index hint_index = 0;
  Term hint_term = 0;
  bool needs_snapshot = false;
};

/// Keeps followers quiet, carries the commit index (never past what the follower is known to
/// match) and the newest read round (0 = none): ReadIndex, dissertation 6.4. `quiet`: nothing is
/// to come; who holds and has committed exactly `commit` may stop waiting for heartbeats.
struct Heartbeat {
  Index commit = 0;
  std::uint64_t read_round = 0;
  bool quiet = false;
};

/// `promise_us`: for so long from now on the sender votes for nobody else (leases; 0: no promise).
struct HeartbeatReply {
  std::uint64_t read_round = 0;
  bool quiet = false;  // it has gone quiet
  std::uint64_t promise_us = 0;
};

/// A follower asks the leader for a read index; `request` is unique on the asking node.
struct ReadIndexRequest {
  std::uint64_t request = 0;
};

/// `index` 0: the leader can't say (it has not committed in its term, or is none): ask again.
struct ReadIndexReply {
  std::uint64_t request = 0;
  Index index = 0;
};

/// "Start an election at once" (3.10): a leader says it to the one that shall take over.
struct TimeoutNow {};

using Body = std::variant<VoteRequest, VoteReply, AppendRequest, AppendReply, Heartbeat,
                          HeartbeatReply, ReadIndexRequest, ReadIndexReply, TimeoutNow>;

struct Message {
  NodeId from = kNobody;
  NodeId to = kNobody;
  Term term = 0;  // of the sender; a pre-vote request carries the term it would campaign in
  Body body;
};

}  // namespace cairn::raft
