// The node behind node.h: it owns the parts and joins them; each part asks it through a narrow host
// interface. Split by concern: node_open.cc (directory, recovery), node_founding.cc and
// node_joining.cc (how it gets its place among its peers), node_cluster.cc (the cluster record),
// node_groups.cc (replicas that come and go), node_reconcile.cc (groups moved to where they are
// wanted), node_admin.cc (people's changes), node_turn.cc (ticks, the pump), node_clients.cc
// (writes), node_door.cc (what the native door asks), node_reads.cc (reads), node_peers.cc (what
// peers say), node_views.cc (what people see), node_damage.cc (own data that are damaged),
// node_states.cc (a state that is not the others'),
// node_end.cc (stop, fence, failure).
//
// Raft speaks of members, everything else of nodes (kv/placement/member.h): they meet here.
#pragma once

#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kv/identity/founding.h"
#include "kv/identity/founding_record.h"
#include "kv/identity/identity.h"
#include "kv/identity/judge.h"
#include "kv/identity/quarantine.h"
#include "kv/node/admin.h"
#include "kv/node/apply_stage.h"
#include "kv/node/backups.h"
#include "kv/node/beats.h"
#include "kv/node/durations.h"
#include "kv/node/forwarder.h"
#include "kv/node/node.h"
#include "kv/node/reads.h"
#include "kv/node/replica.h"
#include "kv/node/revision_clock.h"
#include "kv/node/routes.h"
#include "kv/node/scrubber.h"
#include "kv/node/snapshot_streams.h"
#include "kv/node/state_repair.h"
#include "kv/node/state_views.h"
#include "kv/node/state_watch.h"
#include "kv/placement/cluster_change.h"
#include "net/peer_set.h"
#include "wal/wal.h"

namespace cairn::kv {

class NodeImpl final : public Node,
                       private ReplicaHost,
                       private ForwarderHost,
                       private ReadHost,
                       private SnapshotHost,
                       private BackupHost,
                       private ScrubHost,
                       private StateViewsHost,
                       private StateRepairHost,
                       private net::PeerEvents,
                       public std::enable_shared_from_this<NodeImpl> {
 public:
  NodeImpl(const NodeSeams& seams, Options options);
  ~NodeImpl() override;

  /// What Node::open does after the parts' construction.
  Result<void> open_directory();

  Result<void> start() override;
  void put(std::string key, std::string value, WriteOptions options,
           Callback<PutResult> done) override;
  void remove(std::string key, WriteOptions options, Callback<RemoveResult> done) override;
  void write(WriteBatch batch, WriteOptions options, Callback<BatchResult> done) override;
  void remove_prefix(std::string prefix, RemovePrefixOptions options,
                     Callback<RemovePrefixResult> done) override;
  void get(std::string key, ReadOptions options, Callback<ReadResult> done) override;
  void scan(ScanOptions options, Callback<ScanResult> done) override;
  void client_command(Command command, std::uint32_t partition, std::chrono::milliseconds timeout,
                      std::function<void(Result<Answer>)> done) override;
  void view(ReadOptions options, Callback<std::shared_ptr<const PartitionsView>> done) override;
  void backup(Callback<std::uint64_t> done) override;
  void backup_next(std::uint64_t handle, Callback<std::optional<std::string>> done) override;
  void backup_end(std::uint64_t handle) override { backups_.end(handle); }
  void compare_states(const StateComparison& wish, Callback<StateReport> done) override;
  void change_members(MemberChange change, Callback<MemberPlan> done) override;
  void promote(std::uint64_t node, std::chrono::milliseconds timeout,
               Callback<MemberPlan> done) override;
  void move_leader(std::uint32_t partition, std::uint64_t to, std::chrono::milliseconds timeout,
                   Callback<std::uint64_t> done) override;
  std::vector<std::string> not_ready_reasons() const override;
  ClusterView cluster() const override;
  ClusterMap cluster_map() const override;
  raft::NodeId leader_of_partition(std::uint32_t partition) const override {
    return routes_.leader(group_of_partition(partition));
  }
  RingView ring(std::string_view key) const override;
  std::vector<Sample> metrics() const override;
  std::uint64_t id() const override { return self_; }
  void stop(std::function<void()> done) override;
  void release() override;
  void fail(const std::string& what) override;
  Engine* engine() override { return engine_.get(); }
  std::vector<GroupStatus> groups() const override;
  void glance(std::vector<GroupGlance>& out) const override;

 private:
  enum class State { kUnfounded, kServing, kStopping, kStopped };
  /// What the log keeps as the configuration of a group whose replica is on its way out.
  static constexpr std::string_view kRetiredConfig = "retired";

  // --- node_open.cc
  Result<void> found_alone();
  Result<void> open_data();
  Result<void> open_log(std::string* detail);
  Result<void> open_engine(std::string* detail);
  Result<void> create_groups();
  Result<void> create_group(raft::GroupId group, const wal::RecoveredGroup* log);
  Result<void> recover_groups();
  Result<raft::Restored> restore(const EngineGroup& state, const wal::RecoveredGroup* log);
  Result<void> restore_entries(raft::GroupId group, raft::Restored& r);
  raft::CoreOptions core_options(raft::GroupId group);
  void begin_serving();
  void add_peers();

  // --- node_turn.cc
  void arm_tick();
  void tick();
  void beat();
  void schedule_pump();
  void pump();
  void commit_log(std::function<void()> durable);
  void wait_for_space(std::function<void()> durable);
  void look_at_disk();
  void disk_seen(const DiskSpace& space, std::uint64_t table_bytes);
  void log_committed(std::vector<PersistUnderWay> persists);
  void entries_applied(std::vector<ApplyResult> results);
  void upkeep();
  void trim(Replica& replica);
  void start_flush();
  void campaign_first();

  // --- node_clients.cc
  [[nodiscard]] std::optional<Error> refuse_write() const;
  [[nodiscard]] std::optional<Error> refuse_for_space(const Command& command);
  [[nodiscard]] std::optional<Error> check_key(std::string_view key) const;
  [[nodiscard]] Micros deadline_of(std::chrono::milliseconds timeout) const;
  void submit(raft::GroupId group, Command command, Micros deadline,
              std::function<void(Result<Answer>)> done);
  void not_proposed(raft::GroupId group, Micros deadline, const ProposeResult& result,
                    const std::function<void(Result<Answer>)>& done);
  void write_command(Command command, Micros deadline, std::function<void(Result<Answer>)> done);

  // --- node_door.cc
  void relay(raft::GroupId group, const Command& command, Micros deadline,
             const std::function<void(Result<Answer>)>& done);

  // --- node_reads.cc
  [[nodiscard]] Result<Freshness> freshness(const ReadOptions& options) const;

  // --- node_peers.cc
  void handle_request(raft::NodeId from, net::Channel channel, net::Request request);
  void handle_write(raft::NodeId from, const net::Request& request);
  void reply(raft::NodeId to, net::Channel channel, std::uint64_t id, const RpcReply& reply);
  void handle_reply(raft::NodeId from, net::Reply reply);
  void fail_requests(raft::NodeId peer, net::Channel channel);
  void expire_requests();
  void gossip();

  // --- node_cluster.cc
  void use_record(const ClusterRecord& record);
  void learn_record(const ClusterRecord& record);
  void record_changed(const ClusterRecord& before);
  void update_peers();
  const ClusterRecord& first_record();
  void look_at_record();
  void ask_record(NodeNumber peer, std::uint64_t epoch);
  void heard_record(std::string_view bytes);
  void heard_gossip(NodeNumber from, const net::Gossip& word);
  void handle_record_request(NodeNumber from, net::Channel channel, std::uint64_t id);
  [[nodiscard]] Replica* leading_metadata();
  void propose_record(const ClusterRecord& next, Callback<std::uint64_t> done);
  void tend_record();
  void forget_departed();
  /// The member that `node` is, by the record; nobody: none, or not met.
  [[nodiscard]] raft::NodeId member_of(NodeNumber node) const;
  /// What goes to this member may go to its node.
  [[nodiscard]] bool is_member(raft::NodeId member) const;

  // --- node_groups.cc
  void create_wanted();
  void create_replica(raft::GroupId group);
  void replica_created(raft::GroupId group, const EngineGroup& state);
  void retire_unwanted(const net::Gossip& word);
  void retire(raft::GroupId group);
  void finish_retirement(raft::GroupId group);
  void adopt_replica(raft::GroupId group, raft::Restored restored, const EngineGroup& state);

  // --- node_reconcile.cc
  void reconcile();
  [[nodiscard]] bool record_is_current();
  void reconcile_group(Replica& replica);
  [[nodiscard]] bool hand_over_first(Replica& replica, const raft::Status& status,
                                     const WantedGroup& wanted);
  [[nodiscard]] bool caught_up(raft::GroupId group, const raft::Status& status,
                               const WantedGroup& wanted);
  void change_group(Replica& replica, const raft::Configuration& to);
  [[nodiscard]] bool reached_everywhere() const;

  // --- node_admin.cc
  struct AdminCall;
  void ask_admin(RequestKind kind, raft::GroupId group, std::string body, Micros deadline,
                 Callback<std::string> done);
  void attempt_admin(const std::shared_ptr<AdminCall>& call);
  void admin_tick();
  void end_admin(const Error& error);
  bool handle_admin(RequestKind kind, std::string_view body, Micros deadline,
                    const std::function<void(Result<std::string>, raft::NodeId)>& done);
  void do_change(MemberChange change, Callback<std::string> done);
  void propose_change(const ClusterRecord& next, bool dry_run, Callback<std::string> done);
  void do_promote(NodeNumber node, Callback<std::string> done);
  void do_rejoin(const RejoinRequest& request, Callback<std::string> done);
  void do_move(const MoveLeaderRequest& request, Micros deadline, Callback<std::string> done);
  void watch_transfers();
  [[nodiscard]] PlanFacts plan_facts();
  [[nodiscard]] std::uint64_t bytes_of(raft::GroupId group);

  // --- node_joining.cc
  void begin_join(const net::FoundingRecord& founding);
  void join_by(const ClusterRecord& record);
  void begin_return();
  void consider_rejoin(const net::Hello& hello,
                       const std::function<void(net::HelloReply::Verdict)>& verdict);
  void watch_refusal();
  void come_back_anew(Distrust what, const std::string& why);
  [[nodiscard]] std::string joining_reason() const;

  // --- node_states.cc
  [[nodiscard]] bool handle_states(NodeNumber from, net::Channel channel,
                                   const net::Request& request, Micros deadline);
  void say_states();
  void hear_states(NodeNumber leader, std::string_view body);
  [[nodiscard]] std::string judge_states(NodeNumber from, const std::vector<StateWord>& words);
  void forget_states();
  void quarantine(Replica& replica, raft::Index index, const std::string& why);
  void compare_here(const StateComparison& wish, Callback<StateReport> done);
  [[nodiscard]] bool diverged(raft::GroupId group, NodeNumber node) const;

  // --- node_damage.cc
  [[nodiscard]] bool others_suffice() const;
  [[nodiscard]] FormerLife life_that_ends(const std::string& why) const;
  void show_distrust(Distrust what, const std::string& why) const;
  [[nodiscard]] Error damaged_at_start(const Error& found);
  [[nodiscard]] Result<void> rebuild_engine(const std::string& why);
  [[nodiscard]] bool log_has_all() const;
  /// `what` names the file, or the database is looked through for it.
  void damaged(const std::string& what, bool names_file = false);
  /// True: it is, and what is to be done about it has begun.
  bool engine_damaged();
  [[nodiscard]] bool is_well(const ClusterNode& node) const;
  [[nodiscard]] bool others_are_well() const;
  void tend_scrub_find();
  void lead_nothing();

  // --- node_founding.cc
  [[nodiscard]] FoundingPlan founding_plan() const;
  [[nodiscard]] std::vector<KnownMember> known_members() const;
  void change_identity(std::function<Result<void>(Identity&)> work,
                       std::function<void(Result<void>)> done);
  void next_identity_change();
  [[nodiscard]] static const char* refusal_text(net::HelloReply::Verdict verdict);
  void try_founding();
  void say_founding(raft::NodeId peer);
  void heard_founding(raft::NodeId from, const net::FoundingWord& word);
  void founded(const Result<void>& recorded);
  void propose_founding(Replica& metadata);

  // --- node_views.cc
  [[nodiscard]] NodeView node_view(NodeNumber id) const;
  [[nodiscard]] PartitionView partition_view(std::uint32_t partition) const;

  // --- node_end.cc
  void fence(const std::string& why, Errc code = Errc::kFenced);
  void withdraw(const std::string& why);
  void end_all_calls(const Error& error);
  void stop_step();
  void close_log();
  void finish_stop();
  void log_line(LogLine::Level level, std::string text) const;
  void report(const Error& error);

  // --- hosts of the parts
  void mark_dirty(Replica& replica) override;
  void send_raft(raft::GroupId group, raft::Message message) override;
  void write_log(raft::GroupId group, const raft::Persist& persist) override;
  void apply(raft::GroupId group, std::vector<raft::Entry> entries) override;
  void hurry_apply() override { apply_hurried_ = true; }
  void read_log(Replica& replica, const raft::LogRead& read) override;
  void send_snapshot(raft::GroupId group, raft::NodeId peer, raft::Term term) override;
  void on_raft_event(Replica& replica, const raft::Event& event) override;
  Micros now() const override;
  void round_took(Micros duration) override { rounds_.add(duration); }
  std::uint64_t bounded_wall_ms(const std::vector<raft::NodeId>& voters) const override;
  std::uint64_t random() override { return seams_.random(); }
  raft::NodeId leader_of(raft::GroupId group) const override { return routes_.leader(group); }
  bool left_behind(raft::GroupId group) const override;
  raft::NodeId any_member(raft::GroupId group, unsigned attempt) const override;
  void redirected(raft::GroupId group, raft::NodeId node, raft::NodeId leader) override;
  bool send_write(raft::NodeId to, raft::GroupId group, const std::string& command, Micros deadline,
                  std::function<void(Result<Answer>, raft::NodeId)> done) override;
  Replica* replica(raft::GroupId group) override;
  std::shared_ptr<Engine> shared_engine() override { return engine_; }
  bool fenced() const override { return fenced_; }
  void on_read(std::function<void()> work, std::function<void()> done) override;
  void request(raft::NodeId to, net::Channel channel, RequestKind kind, std::string body,
               Micros deadline, std::function<void(std::optional<RpcReply>)> done) override;
  /// False: not sent, and `done` is not kept.
  bool try_request(raft::NodeId to, net::Channel channel, RequestKind kind, std::string body,
                   Micros deadline, std::function<void(std::optional<RpcReply>)> done);
  bool send_bulk(raft::NodeId member, const net::PeerMessage& message) override;
  bool bulk_has_room(raft::NodeId member) const override;
  void on_apply(std::function<void(Engine&)> work, std::function<void()> done) override;
  void flush_engine(std::function<void(bool)> done) override;
  void reset_log(raft::GroupId group, const raft::SnapshotMeta& meta,
                 std::function<void()> done) override;

  std::vector<Stretch> log_stretches() const override;
  void read_log_again(raft::GroupId group, raft::Index from, raft::Index to, std::size_t bytes_max,
                      wal::Wal::ReadDone done) override;
  void on_scrub(std::function<void()> work, std::function<void()> done) override;
  void between_tables(std::function<void()> work, std::function<void()> done) override;
  void scrub_at(wal::Executor& where, std::function<void()> work, std::function<void()> done);
  void scrub_found(const std::string& what) override;

  void on_engine(std::function<void(Engine&)> work, std::function<void()> done) override;
  raft::Index hold_apply(raft::GroupId group) override;
  void raise_apply(raft::GroupId group, raft::Index index) override { apply_->raise(group, index); }
  void release_apply(raft::GroupId group) override { apply_->release(group); }
  void state_healed(raft::GroupId group) override;

  BackupHeader backup_header() override;
  void await_newest(raft::GroupId group, Micros deadline,
                    std::function<void(std::optional<Error>)> done) override;

  // --- net::PeerEvents
  net::Hello make_hello(raft::NodeId to, net::Channel channel) override;
  void on_hello(const net::Hello& hello,
                std::function<void(net::HelloReply::Verdict)> verdict) override;
  void on_refused(raft::NodeId peer, net::HelloReply::Verdict verdict) override;
  void on_up(raft::NodeId peer, net::Channel channel, const net::Hello& hello) override;
  void on_down(raft::NodeId peer, net::Channel channel) override;
  void on_message(raft::NodeId from, net::Channel channel, net::PeerMessage message) override;

  struct OutstandingRequest {
    raft::NodeId to = 0;
    net::Channel channel = net::Channel::kControl;
    Micros deadline{0};
    std::function<void(std::optional<RpcReply>)> done;
  };
  struct PeerFacts {
    std::string address, http, client;
    bool refused = false;
    std::uint64_t incarnation = 0;   // of the directory that is connected, or was last
    std::uint64_t record_epoch = 0;  // that it said it has
    bool founded = false;            // so was that directory when it said hello
    bool asked = false;              // for its record; the answer is under way
  };

  const NodeSeams seams_;
  const Options options_;
  const raft::NodeId self_;
  State state_ = State::kUnfounded;
  bool fenced_ = false;
  bool disk_full_ = false;
  DiskGuard disk_;
  bool disk_was_low_ = false;
  bool looking_at_disk_ = false;
  bool failed_ = false, reported_ = false;
  std::string fenced_why_;
  std::optional<net::HelloReply::Verdict> refused_as_;  // by a peer: wiped or foreign
  NodeNumber refused_by_ = 0;                           // that peer

  std::unique_ptr<wal::FileLock> lock_;
  std::shared_ptr<Identity> identity_;
  std::unique_ptr<Founding> founding_;  // until the cluster is founded
  bool founding_under_way_ = false;

  // The cluster.
  ClusterRecord record_;         // the newest that is durable here; epoch 0: unfounded
  std::uint64_t learning_ = 0;   // epoch that is being made durable
  ClusterRecord first_record_;   // as founded; cluster_id 0: not made yet
  ClusterRecord state_record_;   // the metadata group's, as applied here; epoch 0: no replica
  Revision state_revision_ = 0;  // at which that was read
  raft::NodeId member_ = 0;      // that this node is in every group
  bool removed_ = false;         // the record has no place for this node
  std::map<NodeNumber, Micros> departed_;  // not in the record any more: connected until then
  NodeNumber metadata_voice_ = 0;          // that last spoke as the metadata group's leader
  std::uint64_t metadata_voice_epoch_ = 0;
  Micros metadata_voice_at_{0};
  bool proposing_record_ = false;
  struct Reached {
    std::uint64_t epoch = 0;
    raft::Term term = 0;
    std::uint64_t bytes = 0;
  };
  std::vector<Reached> reached_;  // by group: what its leader says
  bool gossip_due_ = false;       // there is news that should not wait for the next round

  // Joining: a founded cluster, its newest record, and this directory's wish to come back.
  net::FoundingRecord joining_;
  ClusterRecord candidate_;
  bool rejoin_ = false;
  std::optional<FormerLife> former_;  // while unfounded: it must not found, and whom it knew
  std::size_t quarantined_ = 0;       // folders of data set aside
  std::string scrub_find_;            // damage that nothing has been done about yet
  Micros scrub_found_at_{0};
  bool leaving_for_good_ = false;          // the host was asked to open this node anew
  std::map<NodeNumber, Micros> wiped_by_;  // who says that this directory is not what it was, since
  std::map<NodeNumber, Micros> rejoin_asked_;

  // Replicas that come and go.
  std::set<raft::GroupId> creating_;
  std::map<raft::GroupId, std::unique_ptr<Replica>> retiring_;  // null: found half retired
  std::map<raft::GroupId, wal::LogHardState> promises_;         // of groups without a replica here
  struct Catching {
    raft::Term term = 0;
    int rounds = 0;  // all wanted voters held all that was committed, one look after another
  };
  std::map<raft::GroupId, Catching> catching_;
  std::map<raft::GroupId, Micros> handed_over_;   // last attempt
  std::map<raft::GroupId, std::string> stalled_;  // why a group does not move on, for people

  std::list<std::shared_ptr<AdminCall>> admin_calls_;
  struct Transfer {
    raft::GroupId group = 0;
    raft::NodeId to = 0;
    raft::Term term = 0;
    Micros deadline{0};
    Callback<std::string> done;
  };
  std::list<Transfer> transfers_;
  struct IdentityChange {
    std::function<Result<void>(Identity&)> work;
    std::function<void(Result<void>)> done;
  };
  std::deque<IdentityChange> identity_changes_;  // the first one is under way
  raft::Term metadata_proposed_in_ = 0;
  std::unique_ptr<wal::Wal> wal_;
  std::shared_ptr<Engine> engine_;
  std::shared_ptr<ApplyStage> apply_;
  std::unique_ptr<net::PeerSet> peers_;
  Routes routes_;
  PeerClocks clocks_;
  Beats beats_;
  Forwarder forwarder_;
  Reads reads_;
  SnapshotOutbox outbox_;
  SnapshotInbox inbox_;
  Backups backups_;
  Scrubber scrubber_;
  StateWatch state_watch_;  // of groups led here
  StateViews state_views_;
  StateRepair state_repair_;
  struct StateSaid {
    StateMark mark;
    NodeNumber leader = 0;
    Micros at{0};
  };
  std::map<raft::GroupId, StateSaid> states_said_;  // and found equal
  struct StateDiffers {
    NodeNumber leader = 0;
    std::string what;
  };
  std::map<raft::GroupId, StateDiffers> state_differs_;  // and nobody is known to be odd
  std::set<NodeNumber> words_under_way_;

  std::map<raft::GroupId, std::unique_ptr<Replica>> replicas_;
  std::vector<Replica*> by_group_;  // index = group id, null where none is here
  std::vector<Replica*> dirty_;
  std::vector<char> is_dirty_;  // by group id
  bool pump_scheduled_ = false;
  bool apply_hurried_ = false;  // for the end of this turn
  std::map<raft::NodeId, PeerFacts> peer_facts_;
  std::set<raft::GroupId> first_campaign_due_;

  std::uint64_t last_request_ = 0;
  std::map<std::uint64_t, OutstandingRequest> requests_;
  std::uint64_t ticks_ = 0;
  bool flush_under_way_ = false;
  bool maintenance_under_way_ = false;
  std::map<raft::GroupId, raft::Index> flushed_;  // applied index that is on disk

  std::function<void()> stopped_;
  Micros stop_deadline_{0};
  enum class StopPhase { kDraining, kHandingOver, kFlushing, kClosing } stop_phase_{};

  Durations rounds_;
  std::map<std::string, std::uint64_t> refused_;  // by queue
};

}  // namespace cairn::kv
