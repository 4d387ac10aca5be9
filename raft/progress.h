// What a leader knows of one follower, and how fast it may be fed (etcd calls it Progress).
//
//   kProbe      match unknown or in doubt: one message at a time until the follower answers
//   kReplicate  match known: a pipeline, bounded by messages and bytes, `next` runs ahead
//   kSnapshot   the log no longer reaches back to the follower: the host streams a snapshot
//
// Every state has a way out that a timer opens (hazard R12): the leader counts ticks in `waited`.
#pragma once

#include <cstdint>
#include <vector>

#include "raft/core.h"
#include "raft/types.h"

namespace cairn::raft {

/// Appends sent and not yet answered: the last index and size of each, oldest first.
class Inflights {
 public:
  Inflights(std::size_t messages_max, std::size_t bytes_max)
      : messages_max_(messages_max), bytes_max_(bytes_max) {}

  bool full() const { return count_ >= messages_max_ || (count_ > 0 && bytes_ >= bytes_max_); }
  bool empty() const { return count_ == 0; }
  std::size_t count() const { return count_; }
  std::size_t bytes() const { return bytes_; }

  void add(Index last, std::size_t bytes);
  /// Everything up to `index` has been answered.
  void release(Index index);
  void clear();

 private:
  struct Sent {
    Index last = 0;
    std::size_t bytes = 0;
  };
  std::size_t messages_max_;
  std::size_t bytes_max_;
  std::vector<Sent> ring_;  // grows by doubling up to messages_max_
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

struct Progress {
  using State = PeerStatus::State;

  Progress(NodeId peer, bool is_learner, const CoreOptions& options)
      : id(peer),
        learner(is_learner),
        inflights(options.inflight_messages_max, options.inflight_bytes_max) {}

  NodeId id;
  bool learner;
  State state = State::kProbe;
  Index match = 0;  // durable there and equal to our log; match < next
  Index next = 1;   // first entry not sent (kReplicate) or in doubt (kProbe)

  bool probe_sent = false;    // kProbe: wait for the answer
  bool probe_bare = false;    // kProbe: ask without entries, the guess may be wrong
  Index member_since = 0;     // every configuration from here on names it
  bool snapshot_due = false;  // wanted, but ours would not name it yet
  bool stream_ended = false;  // kSnapshot: failed; wait a little, then begin anew
  Index reading_from = 0;     // a LogRead for this follower is under way; 0: none
  std::uint64_t waited = 0;   // ticks without the answer that the state waits for

  std::uint64_t last_active = 0;  // tick of the last message in our term
  Index commit_told = 0;          // highest commit index that it can know from us
  Index commit_wanted = 0;        // a read of its waits for this commit index
  std::uint64_t round_acked = 0;  // newest read round it has answered
  std::uint64_t promised = 0;     // newest one that it answered with a promise
  bool quiet = false;             // it went quiet, and nothing was sent since
  Inflights inflights;

  /// May an append go out now?
  bool may_send() const;
  /// Is it waiting for anything that a lost message could withhold?
  bool waits() const;

  void become_probe(Index next_index, bool bare);
  void become_replicate();
  void become_snapshot();

  /// A success: true if it says something new.
  bool advance(Index index);
};

}  // namespace cairn::raft
