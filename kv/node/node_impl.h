// The node behind node.h: it owns the parts and joins them; each part asks it through a narrow host
// interface. Split by concern: node_open.cc (directory, recovery), node_turn.cc (ticks, the pump),
// node_clients.cc (writes), node_reads.cc (reads), node_peers.cc (what peers say), node_views.cc
// (what people see), node_end.cc (stop, fence, failure).
#pragma once

#include <deque>
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
#include "kv/node/apply_stage.h"
#include "kv/node/backups.h"
#include "kv/node/durations.h"
#include "kv/node/forwarder.h"
#include "kv/node/node.h"
#include "kv/node/reads.h"
#include "kv/node/replica.h"
#include "kv/node/revision_clock.h"
#include "kv/node/routes.h"
#include "kv/node/snapshot_streams.h"
#include "net/peer_set.h"
#include "wal/wal.h"

namespace cairn::kv {

class NodeImpl final : public Node,
                       private ReplicaHost,
                       private ForwarderHost,
                       private ReadHost,
                       private SnapshotHost,
                       private BackupHost,
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
  void view(ReadOptions options, Callback<std::shared_ptr<const PartitionsView>> done) override;
  void backup(Callback<std::uint64_t> done) override;
  void backup_next(std::uint64_t handle, Callback<std::optional<std::string>> done) override;
  void backup_end(std::uint64_t handle) override { backups_.end(handle); }
  std::vector<std::string> not_ready_reasons() const override;
  ClusterView cluster() const override;
  RingView ring(std::string_view key) const override;
  std::vector<Sample> metrics() const override;
  std::uint64_t id() const override { return self_; }
  void stop(std::function<void()> done) override;
  void fail(const std::string& what) override;
  Engine* engine() override { return engine_.get(); }
  std::vector<GroupStatus> groups() const override;

 private:
  enum class State { kUnfounded, kServing, kStopping, kStopped };

  // --- node_open.cc
  Result<void> found_alone();
  Result<void> open_data();
  Result<void> open_log(std::string* detail);
  Result<void> open_engine(std::string* detail);
  Result<void> create_groups();
  Result<void> recover_groups();
  Result<raft::Restored> restore(const EngineGroup& state, const wal::RecoveredGroup* log);
  raft::CoreOptions core_options(raft::GroupId group);
  void add_peers();

  // --- node_turn.cc
  void arm_tick();
  void tick();
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

  // --- node_founding.cc
  [[nodiscard]] FoundingPlan founding_plan() const;
  [[nodiscard]] std::vector<std::uint64_t> member_ids() const;
  void change_identity(std::function<Result<void>(Identity&)> work,
                       std::function<void(Result<void>)> done);
  void next_identity_change();
  [[nodiscard]] static const char* refusal_text(net::HelloReply::Verdict verdict);
  void try_founding();
  void founded(const Result<void>& recorded);
  void propose_founding(Replica& metadata);

  // --- node_end.cc
  void fence(const std::string& why);
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
  void read_log(Replica& replica, const raft::LogRead& read) override;
  void send_snapshot(raft::GroupId group, raft::NodeId peer, raft::Term term) override;
  void on_raft_event(Replica& replica, const raft::Event& event) override;
  Micros now() const override;
  void round_took(Micros duration) override { rounds_.add(duration); }
  std::uint64_t bounded_wall_ms(const std::vector<raft::NodeId>& voters) const override;
  std::uint64_t random() override { return seams_.random(); }
  raft::NodeId leader_of(raft::GroupId group) const override { return routes_.leader(group); }
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
  bool send_bulk(raft::NodeId to, const net::PeerMessage& message) override;
  bool bulk_has_room(raft::NodeId to) const override;
  void on_apply(std::function<void(Engine&)> work, std::function<void()> done) override;
  void flush_engine(std::function<void(bool)> done) override;
  void reset_log(raft::GroupId group, const raft::SnapshotMeta& meta,
                 std::function<void()> done) override;

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
    std::string address, http;
    bool refused = false;
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
  bool failed_ = false;
  bool reported_ = false;
  std::string fenced_why_;
  std::optional<net::HelloReply::Verdict> refused_as_;  // by a peer: wiped or foreign

  std::unique_ptr<wal::FileLock> lock_;
  std::shared_ptr<Identity> identity_;
  std::unique_ptr<Founding> founding_;  // until the cluster is founded
  bool founding_under_way_ = false;
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
  Forwarder forwarder_;
  Reads reads_;
  SnapshotOutbox outbox_;
  SnapshotInbox inbox_;
  Backups backups_;

  std::map<raft::GroupId, std::unique_ptr<Replica>> replicas_;
  std::vector<Replica*> by_group_;  // index = group id, null where none is here
  std::vector<Replica*> dirty_;
  std::vector<char> is_dirty_;  // by group id
  bool pump_scheduled_ = false;
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
