// The Raft core: a pure state machine. No I/O, clock, thread, random source or log of its own.
//
// The host calls tick/step/propose/... and then, while has_ready(), takes Readys and carries them
// out by the rules of ready.h. One caller at a time. Same seed and same calls give the same Readys.
//
// Sources: Ongaro & Ousterhout, "In Search of an Understandable Consensus Algorithm" (figure 2,
// sections 5, 7, 8); Ongaro's dissertation (3, 6.4, 9.6, 10.2). Divergences: raft/README.md.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "raft/ready.h"

namespace cairn::raft {

struct CoreOptions {
  NodeId id = kNobody;
  int heartbeat_ticks = 1;
  int election_ticks_min = 6;  // a timeout is drawn from [min, max] each time
  int election_ticks_max = 12;
  std::uint64_t seed = 1;  // of jitter and of read ids: another one each boot
  bool pre_vote = true;
  bool check_quorum = true;
  std::size_t append_bytes_max = 1 << 20;    // of entries in one AppendRequest (one always goes)
  std::size_t inflight_bytes_max = 4 << 20;  // unacknowledged, per follower
  std::size_t inflight_messages_max = 256;   // likewise
  std::size_t tail_bytes_max = 8 << 20;      // of entries kept in memory past being durable
  std::size_t uncommitted_bytes_max = 32 << 20;  // a leader refuses proposals above it
  std::size_t unapplied_bytes_max = 8 << 20;     // handed out in Ready::committed, not yet applied
  std::size_t pending_reads_max = 1 << 16;
  /// 1..100: who has less waits longer before it stands, by up to one election range. 0: stands
  /// only when told to.
  int priority = 100;
  /// An idle group falls silent: no heartbeats, no timers (needs pre_vote and check_quorum). The
  /// host must then notice by itself when a peer is gone, and say unreachable().
  bool quiet = false;
  /// Lease reads (6.4.1; needs pre_vote and check_quorum). The same in every member: tick length,
  /// election_ticks_min, and the bound within which all clocks and ticks run (raft/README.md).
  bool lease = false;
  std::uint64_t tick_us = 10'000;
  std::uint32_t drift_ppm = 50'000;
};

/// A configuration and the index of the entry that brought it.
struct ConfigEntry {
  Index index = 0;
  Configuration config;
  friend bool operator==(const ConfigEntry&, const ConfigEntry&) = default;
};

/// What the host found on disk. A fresh group has a configuration and nothing else; a member that
/// is to join has not even that: it takes no entries, but asks for a snapshot that names it.
struct Restored {
  HardState hard_state;
  Configuration config;    // as of some index that is committed, like start_index or `applied`
  Index config_index = 0;  // that one, or the configuration's own; <= applied
  std::vector<ConfigEntry> config_entries;  // all that the log holds past config_index, in order
  Index start_index = 0;                    // the log begins after this one: compacted or snapshot
  Term start_term = 0;
  Index last_index = 0;  // last durable entry; == start_index: log empty
  Term last_term = 0;
  Index applied = 0;        // of the state machine; start_index <= applied <= last_index
  std::vector<Entry> tail;  // a contiguous suffix of the log ending at last_index, may be empty
};

enum class Role { kFollower, kPreCandidate, kCandidate, kLeader, kLearner };

enum class ProposeOutcome {
  kAccepted,
  kNotLeader,     // ask Status::leader
  kOverloaded,    // too many uncommitted bytes; retry later
  kFailed,        // the core was stopped by resign(forever)
  kTransferring,  // leadership is being handed over; ends within one election timeout
};

struct Proposed {
  ProposeOutcome outcome = ProposeOutcome::kNotLeader;
  Index first = 0;  // of the entries made, when accepted; they are contiguous
  Term term = 0;
};

enum class ChangeOutcome {
  kAccepted,     // its entry is in the log; joint ones are left by whoever leads then
  kNotLeader,    // ask Status::leader
  kNotReady,     // nothing of the own term is committed yet, or leadership is being handed over
  kUnderWay,     // an earlier change is not committed, or a joint configuration not left
  kNotCaughtUp,  // `node` shall vote, and is no learner that holds what is committed
  kNoQuorum,     // of the wanted voters too few were heard lately
  kInvalid,      // no voters, one twice, voter and learner at once, too many, or joint already
  kUnchanged,
  kFailed,  // the core was stopped by resign(forever)
};

struct Changed {
  ChangeOutcome outcome = ChangeOutcome::kNotLeader;
  Index index = 0;        // of the entry, when accepted
  NodeId node = kNobody;  // kNotCaughtUp: who
};

enum class TransferOutcome {
  kStarted,    // ends by a change of leader, or by kTransferFailed within one election timeout
  kNotLeader,  // ask Status::leader
  kNotVoter,
  kUnderWay,  // another transfer is
  kAlready,   // it leads
  kFailed,    // the core was stopped by resign(forever)
};

enum class ReadOutcome {
  kAccepted,  // a ReadState or ReadFailure with the request's id will follow
  kNoLeader,  // nobody to ask
  kOverloaded,
};

struct PeerStatus {
  NodeId id = kNobody;
  bool learner = false;
  enum class State { kProbe, kReplicate, kSnapshot } state = State::kProbe;
  Index match = 0;
  Index next = 0;
  bool recently_active = false;
};

struct Status {
  NodeId id = kNobody;
  Role role = Role::kFollower;
  Term term = 0;
  NodeId vote = kNobody;
  NodeId leader = kNobody;
  Index start = 0, last = 0, durable = 0, commit = 0, applied = 0;
  bool own_term_committed = false;  // leader: an entry of its own term is committed
  Configuration config;             // in force: the newest of the log, committed or not
  Index config_index = 0;
  Configuration committed_config;
  Index committed_config_index = 0;
  NodeId transferee = kNobody;  // leader: who shall take over
  bool quiet = false;
  std::vector<PeerStatus> peers;  // leader only, sorted by id
};

class Core {
 public:
  Core(const CoreOptions& options, Restored restored);
  ~Core();
  Core(Core&&) noexcept;
  Core& operator=(Core&&) noexcept;

  /// One unit of time. `skipped`: how many calls a host spared itself while quiet() held; they only
  /// keep the heartbeats of all groups in step.
  void tick(std::uint64_t skipped = 0);

  /// Nothing happens here with time until the next call.
  [[nodiscard]] bool quiet() const;

  /// For leases: the host's clock, which runs on while the machine sleeps. Told before each tick.
  void clock(std::uint64_t now_us);

  /// A message from a peer. Anything may come: what is malformed, from a stranger or stale is
  /// dropped, with an Event where it deserves one.
  void step(Message message);

  /// Leader: appends the payloads, in order, as entries of this term; all or none.
  [[nodiscard]] Proposed propose(std::vector<std::shared_ptr<const std::string>> payloads);

  /// Leader: moves the group to these voters and learners (in any order; no outgoing ones). What
  /// changes learners alone is one entry; voters change by a joint configuration (4.3), which the
  /// leader of the day leaves by itself. New voters must be learners that have caught up.
  [[nodiscard]] Changed change_membership(const Configuration& wanted);

  /// Leader: hands over to `to` once it holds the whole log (3.10). Proposals are refused
  /// meanwhile.
  [[nodiscard]] TransferOutcome transfer_leadership(NodeId to);

  /// Asks for an index to read at, linearizable with respect to now. Leader: shares the next
  /// heartbeat round with all reads that wait. Follower: asks the leader. `request` must be new.
  [[nodiscard]] ReadOutcome read_index(std::uint64_t request);

  /// The index to read at while a quorum's promises keep any other leader away; none when that is
  /// not sure: ask read_index. `now_us` is read after the question arrived.
  [[nodiscard]] std::optional<Index> lease_read(std::uint64_t now_us) const;

  /// Everything up to and with `token` is durable.
  void persisted(PersistToken token);

  /// The state machine has applied up to `index`.
  void applied(Index index);

  /// Answer to a LogRead: entries contiguous from `read.from`, or empty when they are compacted
  /// (a follower then gets a snapshot). A late answer for another state is ignored.
  void log_read(const LogRead& read, std::vector<Entry> entries);

  /// The host has dropped the log up to and with entry (index, term), index <= applied: later
  /// entries remain.
  void compacted(Index index, Term term);

  /// Would a snapshot at `meta` offered by a leader of `term` move this member forward? Counts as
  /// word from that leader. Call it before streaming in, and before installing.
  [[nodiscard]] bool wants_snapshot(NodeId from, Term term, const SnapshotMeta& meta);

  /// The host has durably installed the snapshot and emptied the log to begin at it. Replies to
  /// `from` with the new match.
  void snapshot_installed(NodeId from, const SnapshotMeta& meta);

  /// The stream for `peer` has ended: on success the follower's state is at `index` or better.
  void snapshot_sent(NodeId peer, bool ok, Index index);

  /// The transport lost `peer`: what was in flight may be gone. A follower that loses its leader so
  /// asks for votes soon; with leases on not before its promise has ended.
  void unreachable(NodeId peer);

  /// Start an election now, whatever the timers say (founding: the ring's first replica).
  void campaign();

  /// Leader: step down, tell the best follower to take over. `forever`: never vote, lead or ack
  /// again in this process (stopping, or the log is fenced).
  void resign(bool forever);

  /// Neither stands nor leads while it is on, whoever asks; votes and acks as ever. For a member
  /// whose log is sound and whose state machine may not be shown.
  void stand_aside(bool on);

  [[nodiscard]] bool has_ready() const;
  [[nodiscard]] Ready take_ready();

  [[nodiscard]] Status status() const;
  // Cheap parts of status(), for the hot path.
  [[nodiscard]] Role role() const;
  [[nodiscard]] Term term() const;
  [[nodiscard]] NodeId leader() const;
  [[nodiscard]] Index commit() const;
  [[nodiscard]] Index last_index() const;
  [[nodiscard]] const Configuration& config() const;  // in force
  /// The configuration in force at `index` (with the index of its own entry, or a later one that
  /// is committed); none if that is before all that is known.
  [[nodiscard]] std::optional<ConfigEntry> config_at(Index index) const;
  /// Term of entry `index` if the core still holds it in memory.
  [[nodiscard]] std::optional<Term> term_at(Index index) const;

 private:
  friend struct Inspector;  // raft/invariants.cc
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Most members of a configuration, in all its lists.
inline constexpr std::size_t kMembersMax = 1024;

/// May it stand in a log? Some voters, nobody twice in a list, learners and (new) voters distinct,
/// not too many.
[[nodiscard]] bool is_legal(const Configuration& config);

/// Stable byte form of a configuration, for kConfig entries, the WAL and snapshots; the decoder
/// refuses anything malformed (unsorted, duplicate, oversized).
[[nodiscard]] std::string encode_configuration(const Configuration& config);
[[nodiscard]] std::optional<Configuration> decode_configuration(std::string_view bytes);

}  // namespace cairn::raft
