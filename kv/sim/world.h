// A world: the real nodes on seeded disks and a seeded network, one thread, virtual time. The same
// options give the same run, to the last byte that is sent; trace_hash() says so.
//
// The world is driven from outside: start, cut, crash, call, and let time pass. Nothing happens but
// in run_for() and run_until(). Faults and calls may also be put on its own calendar with at().
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cairn/kv/store.h"
#include "kv/node/node.h"
#include "kv/sim/event_queue.h"
#include "kv/sim/executor.h"
#include "kv/sim/network.h"
#include "kv/sim/observer.h"
#include "kv/sim/trace.h"
#include "wal/memory_file_system.h"

namespace cairn::kv::sim {

struct WorldOptions {
  std::uint64_t seed = 1;
  std::size_t nodes = 3;  // ids 1 .. nodes; all are founders. 1: a node alone, without network
  std::function<void(Options&)> adjust;  // each node's options, before every start
  NetworkLaw network;
  Cost home{Time(1), Time(15), 1, Time(3'000)};
  Cost log{Time(40), Time(600), 5, Time(30'000)};
  Cost apply{Time(10), Time(200), 3, Time(20'000)};
  Cost read{Time(10), Time(400), 3, Time(20'000)};
  std::int64_t wall_offset_ms_max = 2'000;  // each node's clock is off by up to this, both ways
  /// Options need not be within what validate() allows: so that limits can be tiny.
  bool unchecked_options = false;
};

/// What became of a call. A crash of the node that held it leaves the outcome unknown.
template <class T>
struct Call {
  NodeId at = 0;
  Time invoked{0};
  Time answered{0};
  std::optional<Result<T>> answer;
  std::function<void(Call<T>&)> then;  // runs once, when `answer` is there

  [[nodiscard]] bool done() const { return answer.has_value(); }
  [[nodiscard]] bool ok() const { return answer && answer->has_value(); }
};
template <class T>
using CallPtr = std::shared_ptr<Call<T>>;

enum class CrashKind {
  kProcess,       // killed: no byte is lost, the system closes the connections
  kPower,         // unsynced sectors and names survive at random, peers hear nothing
  kPowerTorn,     // likewise, and sectors may be torn
  kLoseUnsynced,  // the least that sync promised
};

class World {
 public:
  explicit World(WorldOptions options);
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();

  // --- nodes ------------------------------------------------------------------------------------
  /// Opens the node over its disk and starts it. The error is Node::open's or Node::start's.
  [[nodiscard]] Result<void> start(NodeId id);
  /// Was it a power cut that ended the start? Then the disk is as that left it.
  [[nodiscard]] static bool was_power_cut(const Error& error);
  void start_all();  // a refused start is a failure of the world
  /// One more machine, that no founder knows: it waits to be added to the cluster. Its id.
  NodeId add_node();
  /// Whom its options list as members, from its next start on.
  void list_members(NodeId id, const std::set<NodeId>& members);
  [[nodiscard]] bool running(NodeId id) const;
  [[nodiscard]] std::vector<NodeId> running() const;
  [[nodiscard]] std::size_t nodes() const { return members_.size(); }
  [[nodiscard]] Node& node(NodeId id);
  [[nodiscard]] wal::MemoryFileSystem& disk(NodeId id);
  [[nodiscard]] const Options& options_of(NodeId id) const;
  /// In order; time passes until it is done. False: not within `limit` (then it is killed).
  bool stop(NodeId id, Time limit = Time(5'000'000));
  /// Likewise, without waiting: `then` hears whether it stopped within `limit`.
  void stop_later(NodeId id, Time limit, std::function<void(bool in_time)> then);
  void crash(NodeId id, CrashKind kind);
  /// Loses power at the k-th change of the disk from now on, if it comes to that.
  void crash_at_change(NodeId id, std::uint64_t kth, CrashKind kind);
  /// The k-th task of its executors from now on, or the k-th that a task hands to one of them,
  /// finds no memory: the node ends there.
  enum class Starved { kTask, kPost };
  void starve(NodeId id, std::uint64_t kth, Starved where);
  /// Takes a power cut, or a task without memory, that has not come yet off again.
  void disarm(NodeId id);
  /// Empties the disk of a node that does not run.
  void wipe(NodeId id);
  /// All its executors stand still until then (what was queued before goes on).
  void stall(NodeId id, Time span);
  /// Nothing of it runs until then: what is due meanwhile comes afterwards, in order.
  void pause(NodeId id, Time span);
  /// Its tasks cost so many times as much, until its life ends or it is told otherwise.
  enum class Part { kAll, kLog };
  void slow_down(NodeId id, Part part, std::int64_t factor);
  /// The executor of its log stands still for so long.
  void hang_disk(NodeId id, Time span);
  void set_wall_offset(NodeId id, std::int64_t ms);
  /// The monotonic clock runs too fast by `ppm` from now on, and jumps ahead.
  void set_clock_rate(NodeId id, std::int64_t ppm, Time ahead = Time(0));
  /// What it shows now. Only while the node does not run.
  void set_monotonic(NodeId id, Time shows);

  // --- network ----------------------------------------------------------------------------------
  [[nodiscard]] Network& network() { return network_; }
  /// Both ways between this node and all others.
  void isolate(NodeId id);
  void rejoin(NodeId id);

  // --- time -------------------------------------------------------------------------------------
  [[nodiscard]] Time now() const { return queue_.now(); }
  void at(Time when, std::function<void()> act) { queue_.at(when, 0, "act", std::move(act)); }
  void run_for(Time span);
  /// False: `predicate` did not come true within `span`. Looked at after each event.
  bool run_until(const std::function<bool()>& predicate, Time span);
  [[nodiscard]] std::uint64_t trace_hash() const { return trace_.hash(); }
  [[nodiscard]] std::uint64_t events() const { return events_; }
  /// A stream of chance for a test's own use.
  [[nodiscard]] raft::Random random(std::string_view name) const {
    return stream(options_.seed, name);
  }

  // --- calls ------------------------------------------------------------------------------------
  // Each arrives at the node as an event of its own; a node that does not run refuses.
  CallPtr<PutResult> put(NodeId at, std::string key, std::string value, WriteOptions options = {});
  CallPtr<RemoveResult> remove(NodeId at, std::string key, WriteOptions options = {});
  CallPtr<BatchResult> write(NodeId at, WriteBatch batch, WriteOptions options = {});
  CallPtr<RemovePrefixResult> remove_prefix(NodeId at, std::string prefix,
                                            RemovePrefixOptions options = {});
  CallPtr<ReadResult> get(NodeId at, std::string key, ReadOptions options = {});
  CallPtr<ScanResult> scan(NodeId at, ScanOptions options);
  /// Any call: `begin` runs on the node's home executor and must call its argument once.
  template <class T>
  CallPtr<T> call(NodeId at, std::function<void(Node&, Callback<T>)> begin);

  // --- what is seen -----------------------------------------------------------------------------
  /// Every running node says it is ready.
  [[nodiscard]] bool all_ready() const;
  /// The running node that leads the group and serves, as the nodes see it; 0: none or several.
  [[nodiscard]] NodeId leader(raft::GroupId group = 1) const;
  /// Applied index and digest of a group's state as the engine has it; nullopt: none, or it cannot
  /// be read.
  struct State {
    raft::Index applied = 0;
    std::string digest;
  };
  [[nodiscard]] std::optional<State> state_of(NodeId id, raft::GroupId group);
  /// Digest of a group on a running node, "" if it has none.
  [[nodiscard]] std::string digest(NodeId id, raft::GroupId group = 1);
  /// The running nodes have applied the same index of every group and their states are equal.
  [[nodiscard]] bool converged();
  /// Broken promises seen so far: two leaders of a term, an answer twice or never, an exception, a
  /// node that outlives its life, on_failure while not allowed.
  [[nodiscard]] const std::vector<std::string>& failures() const { return failures_; }
  void allow_failure(NodeId id, bool allowed = true) { members_.at(id).failure_allowed = allowed; }
  /// The last log lines of all nodes, oldest first.
  [[nodiscard]] std::string recent_log() const;
  void fail(std::string what);
  /// It is told of everything from now on, and outlives the world.
  void observe(Observer* observer) { observers_.push_back(observer); }
  [[nodiscard]] const std::vector<Observer*>& observers() const { return observers_; }
  [[nodiscard]] LifeId life_of(NodeId id) const;

 private:
  static constexpr const char* kPowerWentText = "the power went during the start";

  struct Life;
  class Witness;
  struct Member {
    Options options;   // as every start begins from
    Options adjusted;  // as the last start had them
    wal::MemoryFileSystem disk;
    MachineClocks clocks;
    std::unique_ptr<Life> life;
    std::uint64_t power_cut_at = 0;  // disk().changes() at which it comes; 0: none
    CrashKind power_cut = CrashKind::kPower;
    bool failure_allowed = false;
  };

  struct Pending;
  template <class T>
  struct PendingCall;

  void step();
  [[nodiscard]] NodeSeams seams_of(Member& member);
  [[nodiscard]] Result<void> open_node(Member& member, const Options& options);
  [[nodiscard]] Options options_for(NodeId id);
  [[nodiscard]] static bool power_is_gone(const Member& member);
  /// True if a power cut came, and was carried out.
  bool look_for_power_cut(NodeId id);
  void watch_leaders();
  void watch_groups(NodeId id);
  void run_task(Event& event);
  /// True: the event waits for the end of a pause.
  [[nodiscard]] bool put_off(Event& event);
  void tell(NodeEvent::Kind kind, NodeId id, std::string_view detail, Time until = Time(0));
  void stopped(NodeId id, bool in_time);
  void end_life(NodeId id, bool silent);
  /// The node wants to be opened anew over its directory.
  void reopen(LifeId life);
  void not_opened_anew(NodeId id, const Error& error);
  Member& make_member(NodeId id);
  [[nodiscard]] NodeId node_of(LifeId life) const;
  [[nodiscard]] Life* alive(LifeId life) const;
  [[nodiscard]] raft::Random chance_of(std::string_view name, LifeId life) const {
    return stream(options_.seed, name, life);
  }
  void note(NodeId id, const LogLine& line);

  WorldOptions options_;
  EventQueue queue_;
  Trace trace_;
  Network network_;
  std::map<NodeId, Member> members_;
  std::vector<kv::Member> founders_;
  raft::Random clocks_;
  std::map<LifeId, NodeId> lives_;             // that run
  std::vector<std::unique_ptr<Life>> ghosts_;  // whose node did not die in time
  LifeId last_life_ = 0;
  std::uint64_t last_call_ = 0;
  std::uint64_t events_ = 0;
  Time next_watch_{0};
  std::map<std::pair<raft::GroupId, raft::Term>, NodeId> leaders_;
  std::vector<Observer*> observers_;
  std::vector<Node::GroupGlance> glances_;  // reused
  std::deque<std::string> log_;
  std::vector<std::string> failures_;
};

}  // namespace cairn::kv::sim
