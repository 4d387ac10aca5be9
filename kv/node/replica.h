// One group's member on this node: drives raft::Core, keeps what waits on it (proposals, reads),
// and turns Readys into work for the log, the peers and the apply stage. Home executor only.
//
// Three outcomes: a proposal ends with the answer its entry gave when applied; with "not proposed"
// when it was never in the log, or an entry of another term was committed in its place; or with
// "unknown" when neither is known by its deadline.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kv/command/command.h"
#include "kv/engine/engine.h"
#include "kv/node/revision_clock.h"
#include "raft/core.h"

namespace cairn::kv {

class Replica;

using Micros = std::chrono::microseconds;

/// A Persist of some replica that waits for the node's next commit of the log.
struct PersistUnderWay {
  Replica* replica = nullptr;
  raft::PersistToken token = 0;
  std::vector<raft::Message> messages_after;
};

/// What a replica needs of its node. Implemented by the node.
class ReplicaHost {
 public:
  virtual ~ReplicaHost() = default;
  /// The replica has work for the next pump.
  virtual void mark_dirty(Replica& replica) = 0;
  virtual void send_raft(raft::GroupId group, raft::Message message) = 0;
  /// Adds to the log what is to be persisted; durable after the next commit.
  virtual void write_log(raft::GroupId group, const raft::Persist& persist) = 0;
  virtual void apply(raft::GroupId group, std::vector<raft::Entry> entries) = 0;
  /// Somebody waits for what was given to apply(): it may not gather first.
  virtual void hurry_apply() {}
  /// Answers with Replica::log_was_read.
  virtual void read_log(Replica& replica, const raft::LogRead& read) = 0;
  virtual void send_snapshot(raft::GroupId group, raft::NodeId peer, raft::Term term) = 0;
  virtual void on_raft_event(Replica& replica, const raft::Event& event) = 0;
  [[nodiscard]] virtual Micros now() const = 0;
  /// A proposal was applied this long after it was proposed.
  virtual void round_took(Micros duration) = 0;
  /// min(own clock, median + 10 s) of these voters, in wall milliseconds.
  [[nodiscard]] virtual std::uint64_t bounded_wall_ms(
      const std::vector<raft::NodeId>& voters) const = 0;
};

struct ProposeResult {
  enum class Kind {
    kAnswer,
    kNotProposed,  // it never takes effect; `leader` may know better
    kOverloaded,   // likewise, for now
    kUnknown,
  };
  Kind kind = Kind::kNotProposed;
  Answer answer;
  raft::NodeId leader = raft::kNobody;
  std::string command;  // kNotProposed: the command back, to be sent elsewhere
};

enum class BarrierResult { kOk, kNoLeader, kTimeout, kOverloaded };

class Replica {
 public:
  using ProposeDone = std::function<void(ProposeResult)>;
  using BarrierDone = std::function<void(BarrierResult)>;

  Replica(ReplicaHost& host, raft::GroupId group, const raft::CoreOptions& options,
          raft::Restored restored, const EngineGroup& state);

  [[nodiscard]] raft::GroupId group() const { return group_; }
  [[nodiscard]] const raft::Core& core() const { return core_; }
  [[nodiscard]] bool leads() const { return core_.role() == raft::Role::kLeader; }
  /// Leads, and has applied its own no-op: it may stamp, since all of log and snapshot is applied.
  [[nodiscard]] bool serves() const { return leads() && applied_term_ == core_.term() && !odd(); }
  [[nodiscard]] raft::Index applied() const { return applied_; }
  /// A core that has resigned does not learn of a snapshot that arrived meanwhile: log and engine
  /// are past what it knows by then.
  [[nodiscard]] raft::Index commit() const { return std::max(core_.commit(), applied_); }
  [[nodiscard]] raft::Index last() const { return std::max(core_.last_index(), applied_); }
  /// A read index was reached once since this boot.
  [[nodiscard]] bool caught_up() const { return caught_up_; }
  /// False for one that has just begun, until its first snapshot: what is applied here is nothing.
  [[nodiscard]] bool has_state() const { return applied_ > 0 || !core_.config().voters.empty(); }
  /// Where a majority found that the state here is not what the log makes of it; 0: nowhere.
  [[nodiscard]] raft::Index odd_at() const { return odd_at_; }
  [[nodiscard]] bool odd() const { return odd_at_ != 0; }
  /// An odd one shows nothing and does not lead, but votes and acks; 0: it is sound again.
  void set_odd(raft::Index at);
  /// Reads may be answered from what is applied here.
  [[nodiscard]] bool may_show() const { return has_state() && !odd(); }
  [[nodiscard]] std::size_t waiting() const;
  /// For how long the log has been longer than `match` (leader; to about a tenth of a second).
  [[nodiscard]] Micros behind_since(raft::Index match) const;

  void tick();
  void step(raft::Message message);
  void unreachable(raft::NodeId peer);
  void campaign();
  [[nodiscard]] raft::Changed change_membership(const raft::Configuration& wanted);
  [[nodiscard]] raft::TransferOutcome transfer(raft::NodeId to);
  /// Never leads, votes or acks again; hands over first if it leads.
  void resign();

  /// `command` as encode_command made it. `done` runs once, never inside this call unless refused.
  void propose(const std::string& command, Micros deadline, ProposeDone done) {
    propose_entry(blank_entry(command), deadline, std::move(done));
  }
  /// As encode_entry() or blank_entry() made it.
  void propose_entry(std::string entry, Micros deadline, ProposeDone done);
  /// `done` runs when this node has applied everything committed before now.
  void barrier(Micros deadline, BarrierDone done);

  /// This node gives and may hold leases.
  [[nodiscard]] bool leases() const { return leases_; }
  /// Under a lease that holds now: what was committed before now is at or below it. For a question
  /// that is here already.
  [[nodiscard]] std::optional<raft::Index> lease_index() const;
  /// `done` runs when this node has applied up to `index`; at once if it has.
  void await_applied(raft::Index index, Micros deadline, BarrierDone done);

  /// One turn: proposes what was gathered, takes the core's Readys, and adds its Persists.
  void pump(std::vector<PersistUnderWay>& persists);
  void persisted(raft::PersistToken token, std::vector<raft::Message> messages_after);
  void was_applied(const ApplyResult& result);
  /// After the results of one batch: tells the core, and lets reads go on.
  void batch_applied();
  void log_was_read(const raft::LogRead& read, std::vector<raft::Entry> entries);
  void snapshot_sent(raft::NodeId peer, bool ok, raft::Index index);
  void compacted(raft::Index index, raft::Term term);

  [[nodiscard]] bool wants_snapshot(raft::NodeId from, raft::Term term,
                                    const raft::SnapshotMeta& meta);
  /// Between the flip of the engine and the reset of the log nothing else may happen here.
  void freeze() { frozen_ = true; }
  void thaw();
  void snapshot_installed(raft::NodeId from, const raft::SnapshotMeta& meta,
                          const EngineGroup& state);

  /// Ends what is past its deadline. Called a few times a second.
  void expire();
  /// Ends everything that waits: not proposed yet → kNotProposed, else kUnknown; reads → `reads`.
  void end_all(BarrierResult reads);

 private:
  struct Gathered {
    std::string entry;
    Micros deadline{0};
    ProposeDone done;
  };
  struct Pending {
    raft::Index index = 0;
    raft::Term term = 0;
    std::shared_ptr<const std::string> payload;  // shared with the log: costs no copy
    Micros proposed{0};
    Micros deadline{0};
    ProposeDone done;
  };
  struct Waiter {
    Micros deadline{0};
    BarrierDone done;
  };
  struct Round {
    std::uint64_t request = 0;
    std::vector<Waiter> waiters;
  };

  [[nodiscard]] bool holds_back() const;
  void propose_gathered();
  void refuse_gathered(ProposeResult::Kind kind);
  void remember(std::vector<std::shared_ptr<const std::string>> payloads, raft::Index first,
                raft::Term term);
  void resolve(Pending pending, const ApplyResult& result);
  void resolve_orphans(const ApplyResult& result);
  void seek_readiness();
  void tell_clock();
  void ask_read_index();
  void read_state(std::uint64_t request, raft::Index index);
  void read_failed(std::uint64_t request);
  void finish_reads();
  void sample_growth();
  void note_stamps(const std::vector<raft::Entry>& entries);
  void carry_out(raft::Ready ready, std::vector<PersistUnderWay>& persists);

  ReplicaHost& host_;
  const raft::GroupId group_;
  const bool leases_;
  raft::Core core_;
  RevisionClock revisions_;
  std::vector<raft::NodeId> voters_;

  raft::Index applied_ = 0;
  raft::Term applied_term_ = 0;
  raft::Index told_core_ = 0;     // applied index the core knows
  Revision newest_revision_ = 0;  // over everything handed to the apply stage
  Revision newest_ceiling_ = 0;
  raft::Term stamping_term_ = 0;  // term for which revisions_ was started
  std::uint64_t ticks_skipped_ = 0;
  raft::Index odd_at_ = 0;
  bool frozen_ = false;
  bool caught_up_ = false;
  bool seeking_readiness_ = false;
  bool resigned_ = false;
  bool ticked_ = false;  // since something was gathered

  std::vector<Gathered> gathered_;
  std::size_t gathered_bytes_ = 0;
  std::deque<Pending> pending_;   // indexes rise
  std::vector<Pending> orphans_;  // pending ones whose index was proposed anew

  struct Grown {
    raft::Index last = 0;
    Micros at{0};
  };
  std::deque<Grown> growth_;  // of the log, sampled

  std::size_t reads_ = 0;  // in any of the next three
  std::vector<Waiter> reads_gathered_;
  std::deque<Round> rounds_;                                       // asked, no index yet
  std::multimap<raft::Index, std::vector<Waiter>> reads_waiting_;  // for apply
  std::uint64_t last_request_ = 0;
};

}  // namespace cairn::kv
