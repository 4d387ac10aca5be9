// A cluster of cores in one thread: each with a disk that can be slow or lose what is not synced, a
// state machine, and a network that is a list of packets in flight. Nothing happens by itself:
// tests say what is ticked, delivered, written and crashed.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "raft/core.h"
#include "raft/describe.h"
#include "raft/invariants.h"

namespace cairn::raft::test {

/// What a member's log and hard state look like on disk.
struct Disk {
  HardState hard_state;
  Configuration config;  // as of `start`
  Index start = 0;
  Term start_term = 0;
  std::vector<Entry> entries;

  Index last() const { return start + entries.size(); }
  Term term_at(Index index) const;  // 0 when outside
  void write(const Persist& persist);
  /// In force at `index`, with the index of its entry (or of the start).
  ConfigEntry config_at(Index index) const;
};

/// In flight: a message of the core, or the host's own snapshot stream and its end.
struct Packet {
  enum class Kind { kMessage, kSnapshot, kSnapshotDone } kind = Kind::kMessage;
  Message message;  // from, to and term always stand here
  SnapshotMeta meta;
  std::vector<Entry> state = {};  // of a snapshot: what it stands for
  bool ok = false;
};
std::string describe(const Packet& packet);

struct Member {
  NodeId id = kNobody;
  std::unique_ptr<Core> core;  // null: down
  int boots = 0;
  Disk durable;                          // survives a crash
  Disk written;                          // everything handed out, durable or not
  std::deque<Persist> writing;           // handed out, not durable
  std::deque<PersistToken> unconfirmed;  // durable, the core does not know yet
  std::vector<Entry> applied;            // the state machine: entry i+1 stands at [i]
  std::vector<Entry> unapplied;          // handed out while applying is slow
  std::vector<ReadState> reads;
  std::vector<ReadFailure> failed_reads;
  InvariantWatch watch;
};

class Cluster {
 public:
  /// Members 1..voters vote, the next `learners` learn.
  explicit Cluster(int voters, int learners = 0, CoreOptions options = {});
  virtual ~Cluster() = default;
  Cluster(Cluster&&) = default;
  Cluster& operator=(Cluster&&) = default;

  // --- settings
  bool slow_disks = false;     // writes wait for write_one()
  NodeId hung_disk = kNobody;  // this one's writes do not end at all
  bool slow_apply = false;     // committed entries wait for apply_one()
  std::uint64_t seed = 1;
  std::function<void(Member&, const Ready&)> on_ready;
  std::function<void(Member&, const Entry&)> on_apply;
  std::function<void(const Packet&)> on_send;

  // --- time and calls, each followed by draining the Readys of that member
  void tick(NodeId id, int times = 1);
  void tick_all(int times = 1);
  void campaign(NodeId id);
  Proposed propose(NodeId id, const std::string& text);
  ReadOutcome read(NodeId id, std::uint64_t request);
  Changed change(NodeId id, const Configuration& wanted);
  TransferOutcome transfer(NodeId id, NodeId to);
  void compact(NodeId id, Index index);
  void resign(NodeId id, bool forever = false);
  void snapshot_failed(NodeId leader, NodeId peer);

  // --- disk
  bool write_one(NodeId id);    // the oldest write becomes durable, its messages go
  bool confirm_one(NodeId id);  // the core hears of it
  void flush(NodeId id);        // all of both
  void apply_one(NodeId id);

  // --- faults
  void crash(NodeId id);
  /// A new member with nothing at all, not even a configuration.
  void join(NodeId id);
  void restart(NodeId id, std::size_t tail_entries = SIZE_MAX, Index applied = UINT64_MAX);
  /// Replaces a member's disk and restarts it.
  void given(NodeId id, const std::vector<Term>& terms, Term term, Index commit = 0);
  void cut(NodeId from, NodeId to) { cuts_[{from, to}] = true; }
  void isolate(NodeId id);
  void heal() { cuts_.clear(); }
  bool cut_between(NodeId from, NodeId to) const { return cuts_.count({from, to}) != 0; }

  // --- network
  std::deque<Packet> network;
  void deliver(const Packet& packet);
  /// Delivers everything, and what comes of it, in order; false when it does not come to rest.
  bool deliver_all(int limit = 100000);
  /// deliver_all and slow disks flushed until nothing is left to do.
  bool settle(int limit = 100000);
  /// So many times: a tick for all, then settle.
  bool run(int turns);

  // --- questions
  Member& member(NodeId id) { return *members_.at(id); }
  Core& core(NodeId id) { return *member(id).core; }
  bool up(NodeId id) { return member(id).core != nullptr; }
  const std::vector<NodeId>& ids() const { return ids_; }
  NodeId leader();                              // the live leader of the highest term, or nobody
  std::vector<std::string> applied(NodeId id);  // commands only
  Term log_term(NodeId id, Index index);        // as written
  NodeId elect(NodeId id);                      // campaign and settle; the leader that results

  void drain(NodeId id);

 private:
  Core make_core(Member& m, std::size_t tail_entries, Index applied);
  void carry_out(Member& m, Ready ready);
  void answer(Member& m, const LogRead& read);
  void send(Packet packet);
  void apply(Member& m, std::vector<Entry> entries);
  void receive_snapshot(Member& m, const Packet& packet);

  CoreOptions options_;
  Configuration config_;
  std::vector<NodeId> ids_;
  std::map<NodeId, std::unique_ptr<Member>> members_;
  std::map<std::pair<NodeId, NodeId>, bool> cuts_;
};

}  // namespace cairn::raft::test
