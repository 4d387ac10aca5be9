// The core's state and its functions, by concern; each group lives in the file named above it.
// Private to raft/.
#pragma once

#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "raft/check.h"
#include "raft/config_log.h"
#include "raft/core.h"
#include "raft/log.h"
#include "raft/progress.h"
#include "raft/quorum.h"
#include "raft/random.h"

namespace cairn::raft {

/// A read that waits. At the leader `from` may be the follower that asks for it.
struct WaitingRead {
  std::uint64_t request = 0;
  NodeId from = kNobody;       // kNobody: asked here
  std::uint64_t deadline = 0;  // in ticks
};

/// Leader: reads that share one proof of leadership, minted after they arrived (hazard Q3).
struct ReadRound {
  std::uint64_t id = 0;
  Index index = 0;
  std::deque<WaitingRead> reads;
};

/// Follower: reads that share one question to the leader.
struct ReadBatch {
  std::uint64_t id = 0;
  std::deque<WaitingRead> reads;
};

struct Core::Impl {
  Impl(const CoreOptions& options, Restored restored);

  // --- core.cc
  void tick(std::uint64_t skipped);
  Status status() const;

  // --- validate.cc: hostile bytes end here
  bool well_formed(const Message& message) const;
  bool of_a_member(const Message& message) const;

  // --- dispatch.cc: what holds for every message: sender, shape, term
  void step(Message message);
  /// Our term after the rules of the message's term; false: the message is done with.
  bool admit(const Message& message);
  void answer_older_term(const Message& message);
  void dispatch(Message& message);

  // --- roles.cc: the only places that change role_, term_, vote_ and leader_
  void become_follower(Term term, NodeId leader);
  void become_pre_candidate();
  void become_candidate();
  void become_leader();
  void set_leader(NodeId leader);
  void restart_election_timer();
  int reluctance() const;
  bool promotable() const;
  Role passive_role() const;

  // --- election.cc
  void tick_election();
  void check_quorum_contact();
  void check_disk();
  void want_campaign(bool transfer);
  void start_wanted_campaign();
  void request_votes(bool pre_vote, bool transfer);
  void count_own_vote();
  void count_votes();
  bool hears_leader() const;
  void on_vote_request(const Message& message, const VoteRequest& request);
  void on_vote_reply(const Message& message, const VoteReply& reply);
  void on_timeout_now(const Message& message);
  void resign(bool forever);
  void step_down();
  NodeId best_successor() const;

  // --- membership.cc
  Changed change_membership(Configuration wanted);
  NodeId not_caught_up(const Configuration& wanted);
  bool heard_lately(const Progress& peer) const;
  bool heard_quorum_of(const Configuration& config);
  Index append_config(Configuration config);
  void config_changed();
  void renew_followers();
  void go_on_with_change();
  void truncate_log(Index index);
  void append_to_log(Entry entry);

  // --- lease.cc
  void start_lease_round();
  void settle_lease();
  void drop_lease();
  std::uint64_t promise_us() const;
  std::uint64_t lease_us() const;
  std::optional<Index> lease_read(std::uint64_t now_us) const;
  /// A leader that was heard so lately that it may still read under its lease.
  bool promised() const;

  // --- quiet.cc
  void wake();
  bool wakes(const Message& message) const;
  bool may_be_quiet() const;
  bool nothing_to_do() const;
  void tick_idle();
  void count_quiet();
  void fall_quiet(const Heartbeat& heartbeat);

  // --- transfer.cc
  TransferOutcome transfer_leadership(NodeId to);
  void urge_transferee();
  void tick_transfer();
  void end_transfer();
  void hand_over();

  // --- replicate.cc: the leader's side
  Proposed propose(std::vector<std::shared_ptr<const std::string>> payloads);
  Progress* progress_of(NodeId id);
  void feed_followers();
  void feed(Progress& peer);
  void send_append(Progress& peer, Term prev_term, std::vector<Entry> entries, std::size_t bytes);
  void tick_followers();
  void send_heartbeat(Progress& peer);
  void beat();
  void on_append_reply(const Message& message, const AppendReply& reply);
  void on_append_rejected(Progress& peer, const AppendReply& reply);
  void on_heartbeat_reply(const Message& message, const HeartbeatReply& reply);
  void advance_commit();
  void unreachable(NodeId id);
  void leader_unreachable();
  int turn() const;
  int turn_gap() const;
  int place_among_heirs(NodeId id) const;
  int next_turn() const;

  // --- follower.cc
  /// A word from this term's leader; false: it is not the leader we know.
  bool follow(NodeId from);
  void on_append_request(const Message& message, AppendRequest& request);
  void reject_append(const Message& message, const AppendRequest& request);
  /// Position of the first of `entries` that the log does not hold; throws on a conflict with
  /// committed entries; false in `known`: a term has to be read back first.
  std::size_t first_new(const std::vector<Entry>& entries, bool& known) const;
  void on_heartbeat(const Message& message, const Heartbeat& heartbeat);
  void commit_to(Index index);
  void acknowledge(NodeId leader, Index index);
  void discover_terms();
  void learn_terms(const LogRead& read, const std::vector<Entry>& entries);

  // --- reads.cc
  ReadOutcome read_index(std::uint64_t request);
  void start_reads();
  void start_round();
  void ask_leader();
  void settle_rounds();
  void answer_read(const WaitingRead& read, Index index);
  void fail_read(const WaitingRead& read);
  void fail_reads();
  void expire_reads();
  void expire(std::deque<WaitingRead>& reads);
  void on_read_request(const Message& message, const ReadIndexRequest& request);
  void on_read_reply(const Message& message, const ReadIndexReply& reply);

  // --- snapshot.cc: snapshots, and entries read back from the host's log
  void need_snapshot(Progress& peer);
  void on_snapshot_asked(Progress& peer);
  void request_log(Progress& peer);
  void log_read(const LogRead& read, std::vector<Entry> entries);
  void log_read_for_peer(const LogRead& read, std::vector<Entry> entries);
  void log_read_for_apply(std::vector<Entry> entries);
  bool trustworthy(const LogRead& read, const std::vector<Entry>& entries) const;
  void compacted(Index index, Term term);
  bool wants_snapshot(NodeId from, Term term, const SnapshotMeta& meta);
  void snapshot_installed(NodeId from, const SnapshotMeta& meta);
  void snapshot_sent(NodeId id, bool ok, Index index);

  // --- output.cc
  void send(NodeId to, Body body) { send_as(to, term_, std::move(body)); }
  void send_as(NodeId to, Term term, Body body);
  /// Goes out only when everything handed out so far, and what waits, is durable.
  void send_after(NodeId to, Body body);
  void event(Event::Kind kind, NodeId peer = kNobody);
  bool vote_durable() const;
  void persisted(PersistToken token);
  void applied(Index index);
  bool has_ready() const;
  Ready take_ready();
  bool wants_persist() const;
  void take_persist(Ready& ready);
  void take_committed(Ready& ready);
  Index appliable() const { return std::min(commit_, log_.durable()); }
  std::size_t apply_budget() const;
  void note_handed_to_apply(Index last, std::size_t bytes);
  bool can_hand_to_apply() const;
  bool can_start_reads() const;

  // --- invariants.cc
  void check_state() const;

  // ------------------------------------------------------------------ state
  const CoreOptions options_;
  const NodeId id_;
  Random random_;
  ConfigLog configs_;
  Configuration config_;       // the effective one of configs_
  std::vector<NodeId> peers_;  // all its members but this one, sorted

  // Persistent (figure 2); `durable_hard_` is what the host has confirmed.
  Term term_ = 0;
  NodeId vote_ = kNobody;
  HardState handed_hard_;
  HardState durable_hard_;
  Log log_;

  // Volatile, all roles.
  Role role_ = Role::kFollower;
  NodeId leader_ = kNobody;
  Index commit_ = 0;   // never falls
  Index handing_ = 0;  // handed out in Ready::committed; applied_ <= handing_ <= commit_
  Index applied_ = 0;
  Index verified_ = 0;  // follower: our log equals that of this term's leader up to here
  bool stopped_ = false;
  bool aside_ = false;  // neither stands nor leads

  // Time, in ticks.
  std::uint64_t now_ = 0;
  int election_elapsed_ = 0;  // since the leader was heard, a vote granted or a campaign begun
  int election_timeout_ = 0;
  static constexpr int kHurriedTries = 8;
  int hurried_ =
      0;  // tries left at short intervals: the transport lost the leader, nobody leads yet
  std::uint64_t phase_ = 0;       // as now_, but never stops: heartbeats of all groups in step
  std::uint64_t disk_since_ = 0;  // when the disk last got on, while something is being written

  // Candidates.
  std::map<NodeId, bool> votes_;
  bool transfer_campaign_ = false;
  enum class Wanted { kNone, kCampaign, kTransfer } wanted_ = Wanted::kNone;  // waits for the disk

  // Leader.
  std::vector<Progress> followers_;  // sorted by id
  Index own_first_ = 0;              // the no-op of this term
  Index commit_earlier_ = 0;         // as it was a heartbeat or two ago
  Index commit_sample_ = 0;          // the next commit_earlier_
  NodeId transferee_ = kNobody;      // who shall take over
  std::uint64_t transfer_deadline_ = 0;
  std::deque<std::pair<Index, std::size_t>> uncommitted_;  // last index, bytes of each proposal
  std::size_t uncommitted_bytes_ = 0;
  bool feed_due_ = false;  // something happened that may let appends go

  // Leases.
  struct LeaseRound {
    std::uint64_t id;
    std::uint64_t sent_us;
  };
  std::uint64_t clock_us_ = 0;               // as last told
  std::optional<std::uint64_t> heard_;       // follower: tick of the leader's last word, or of boot
  std::deque<LeaseRound> lease_rounds_;      // leader: not confirmed
  std::optional<std::uint64_t> lease_from_;  // leader
  bool lease_void_ = false;  // leader: somebody was told to stand, in spite of promises

  // Quiet.
  bool quiet_ = false;
  int idle_ticks_ = 0;  // leader: nothing to do for so long

  // Reads.
  std::deque<WaitingRead> reads_;  // not in a round (leader) or batch (follower) yet
  std::deque<ReadRound> rounds_;   // leader
  std::deque<ReadBatch> batches_;  // follower
  std::size_t reads_pending_ = 0;
  std::uint64_t round_ = 0;  // newest round of this leadership
  std::uint64_t batch_;      // starts at random: ids of an earlier boot do not come back

  // Snapshot install.
  std::optional<SnapshotMeta> offered_;  // what wants_snapshot said yes to, log untouched since

  // Output.
  struct HardWrite {
    PersistToken token;
    HardState state;
  };
  std::deque<HardWrite> hard_writes_;
  PersistToken token_ = 0;  // newest handed out
  PersistToken token_confirmed_ = 0;
  std::vector<Message> after_;    // for the next Persist
  Ready out_;                     // all but persist
  std::vector<Entry> read_back_;  // committed entries from a LogRead, to hand out next
  std::deque<std::pair<Index, std::size_t>> unapplied_;  // last index, bytes of each hand-out
  std::size_t unapplied_bytes_ = 0;
  std::optional<LogRead> apply_read_;
  std::optional<LogRead> term_read_;
  std::uint64_t host_read_since_ = 0;  // tick of the oldest of these two
};

}  // namespace cairn::raft
