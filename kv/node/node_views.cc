// What people and probes see of a node: readiness, the cluster, the ring, metrics.
#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <utility>

#include "kv/node/node_impl.h"

namespace cairn::kv {
namespace {

std::string hex(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

const char* state_name(raft::PeerStatus::State state) {
  switch (state) {
    case raft::PeerStatus::State::kProbe:
      return "probe";
    case raft::PeerStatus::State::kReplicate:
      return "follower";
    case raft::PeerStatus::State::kSnapshot:
      return "snapshot";
  }
  return "unknown";
}

/// Collects samples under one family of help texts.
class Samples {
 public:
  void add(const char* name, const char* help, Sample::Type type, double value,
           std::string labels = {}) {
    samples_.push_back({name, std::move(labels), value, type, help, {}});
  }
  void counter(const char* name, const char* help, std::uint64_t value, std::string labels = {}) {
    add(name, help, Sample::Type::kCounter, static_cast<double>(value), std::move(labels));
  }
  void gauge(const char* name, const char* help, double value, std::string labels = {}) {
    add(name, help, Sample::Type::kGauge, value, std::move(labels));
  }
  void part(const char* family, const char* suffix, const char* help, double value,
            std::string labels) {
    samples_.push_back({std::string(family) + suffix, std::move(labels), value,
                        Sample::Type::kHistogramPart, help, family});
  }
  std::vector<Sample> take() { return std::move(samples_); }

 private:
  std::vector<Sample> samples_;
};

std::string label(const char* key, std::uint64_t value) {
  return std::string(key) + "=\"" + std::to_string(value) + '"';
}

std::string label(const char* key, const std::string& value) {
  return std::string(key) + "=\"" + value + '"';
}

}  // namespace

std::vector<std::string> NodeImpl::not_ready_reasons() const {
  std::vector<std::string> reasons;
  if (failed_) reasons.push_back("this node has stopped serving");
  if (fenced_) reasons.push_back("fenced: " + fenced_why_);
  if (disk_full_ || disk_.low()) reasons.push_back("the disk is full");
  if (refused_as_ && state_ != State::kUnfounded)
    reasons.push_back(std::string("its peers refuse this node: ") + refusal_text(*refused_as_));
  if (state_ == State::kStopping || state_ == State::kStopped) reasons.push_back("stopping");
  if (state_ == State::kUnfounded) reasons.push_back(joining_reason());
  if (removed_)
    reasons.push_back("this node was removed from the cluster: stop it, its directory may go");
  const auto name_of = [](raft::GroupId group) {
    return group == kMetadataGroup ? std::string("the metadata group")
                                   : "partition " + std::to_string(partition_of_group(group));
  };
  for (raft::GroupId group = 0; state_ == State::kServing && group < record_.groups.size(); ++group)
    if (record_.wants(group, member_) && replicas_.count(group) == 0)
      reasons.push_back(name_of(group) + " has no replica here yet");
  for (const auto& [group, differs] : state_differs_) reasons.push_back(differs.what);
  for (const auto& [group, r] : replicas_)
    if (r->odd())
      reasons.push_back(name_of(group) +
                        " is quarantined: its state here is not the others' (index " +
                        std::to_string(r->odd_at()) + "); see kvctl diff, kvctl heal");
  for (const auto& [group, r] : replicas_) {
    const std::string name = name_of(group);
    if (r->core().leader() == raft::kNobody)
      reasons.push_back(name + " has no leader");
    else if (!r->caught_up())
      reasons.push_back(name + " has not caught up");
  }
  return reasons;
}

namespace {

const char* membership_name(ClusterNode::State state) {
  switch (state) {
    case ClusterNode::State::kJoining:
      return "joining";
    case ClusterNode::State::kActive:
      return "active";
    case ClusterNode::State::kLeaving:
      return "leaving";
  }
  return "";
}

void add_replicas(const raft::Configuration& config, const raft::Status& status, raft::NodeId self,
                  PartitionView& out) {
  std::map<raft::NodeId, const char*> roles;
  for (const raft::NodeId m : config.voters_outgoing) roles[m] = "leaving";
  for (const raft::NodeId m : config.learners) roles.emplace(m, "learner");
  for (const raft::NodeId m : config.voters) roles[m] = "voter";
  for (const auto& [member, role] : roles) {
    ReplicaView replica{node_of(member), 0, "unknown", role};
    if (member == self) replica.match = status.durable;
    if (member == status.leader)
      replica.state = "leader";
    else if (member == self)
      replica.state = "follower";
    for (const raft::PeerStatus& peer : status.peers) {
      if (peer.id != member || member == self) continue;
      replica.match = peer.match;
      replica.state = state_name(peer.state);
    }
    out.replicas.push_back(std::move(replica));
  }
}

}  // namespace

NodeView NodeImpl::node_view(NodeNumber id) const {
  NodeView view;
  view.id = id;
  const ClusterNode* known = (record_.epoch != 0 ? record_ : candidate_).node(id);
  if (known != nullptr) {
    view.membership = membership_name(known->state);
    view.learner = known->learner;
  } else if (record_.epoch != 0) {
    view.membership = "removed";
  }
  if (id == self_) {
    view.http = options_.http;
    view.client = options_.client;
    view.peer = options_.peer;
    view.state = "self";
    return view;
  }
  const auto facts = peer_facts_.find(id);
  if (facts != peer_facts_.end()) {
    view.http = facts->second.http;
    view.client = facts->second.client;
    view.peer = facts->second.address;
  }
  const bool up = peers_ && peers_->up(id, net::Channel::kControl);
  view.state = facts != peer_facts_.end() && facts->second.refused ? "refused" : up ? "up" : "down";
  return view;
}

PartitionView NodeImpl::partition_view(std::uint32_t partition) const {
  const raft::GroupId group = group_of_partition(partition);
  PartitionView view;
  view.id = partition;
  view.leader = routes_.leader(group);
  view.wanted = routes_.members(group);
  const auto it = replicas_.find(group);
  if (it != replicas_.end() && it->second->has_state()) {
    const raft::Status status = it->second->core().status();
    view.leader = node_of(status.leader);
    view.term = status.term;
    view.commit = it->second->commit();
    view.applied = it->second->applied();
    view.joint = !status.config.voters_outgoing.empty();
    add_replicas(status.config, status, member_, view);
    for (ReplicaView& replica : view.replicas) replica.diverged = diverged(group, replica.node);
  } else {
    for (const NodeNumber node : view.wanted)
      view.replicas.push_back({node, 0, node == view.leader ? "leader" : "unknown", "voter"});
  }
  return view;
}

ClusterView NodeImpl::cluster() const {
  ClusterView view;
  const std::uint64_t id = identity_ ? identity_->founding().cluster_id : 0;
  view.cluster_id = hex(id != 0 ? id : joining_.cluster_id);
  view.node = self_;
  view.epoch = record_.epoch;
  view.change_under_way = record_.epoch != 0 && !record_.settled();
  std::set<NodeNumber> ids{self_};
  for (const auto& [peer, facts] : peer_facts_) ids.insert(peer);
  for (const ClusterNode& node : record_.nodes) ids.insert(node.id);
  for (const NodeNumber node : ids) view.nodes.push_back(node_view(node));
  for (std::uint32_t p = 0; p < routes_.partitions(); ++p)
    view.partitions.push_back(partition_view(p));
  return view;
}

RingView NodeImpl::ring(std::string_view key) const {
  RingView view;
  if (routes_.partitions() == 0) return view;
  const raft::GroupId group = routes_.group_of(key);
  view.partition = partition_of_group(group);
  const auto it = replicas_.find(group);
  view.leader = it != replicas_.end() && it->second->has_state()
                    ? node_of(it->second->core().leader())
                    : routes_.leader(group);
  view.nodes = routes_.members(group);
  return view;
}

std::vector<Node::GroupStatus> NodeImpl::groups() const {
  std::vector<GroupStatus> all;
  for (const auto& [group, r] : replicas_) {
    const raft::Status s = r->core().status();
    all.push_back({group, s.leader, s.term, r->commit(), r->applied(), s.start, r->last(),
                   r->leads(), r->serves(), member_, r->odd()});
  }
  return all;
}

void NodeImpl::glance(std::vector<GroupGlance>& out) const {
  out.clear();
  for (const auto& [group, r] : replicas_) {
    const raft::Core& core = r->core();
    out.push_back(
        {group, core.role(), core.term(), core.leader(), r->commit(), r->applied(), r->last()});
  }
}

namespace {

void add_lag_metrics(const Replica& replica, std::uint64_t self, Samples& out) {
  if (!replica.leads()) return;
  for (const raft::PeerStatus& peer : replica.core().status().peers) {
    if (node_of(peer.id) == self) continue;
    const double seconds = static_cast<double>(replica.behind_since(peer.match).count()) / 1e6;
    out.gauge("replication_lag_seconds", "how long a replica has been behind its leader's log",
              seconds,
              label("shard", partition_of_group(replica.group())) + ',' +
                  label("replica", node_of(peer.id)));
  }
}

void add_round_metrics(const Durations& rounds, std::uint64_t node, Samples& out) {
  const char* family = "consensus_round_duration_seconds";
  const char* help = "from proposal to applied";
  std::uint64_t total = 0;
  for (std::size_t i = 0; i <= Durations::kBoundsMicros.size(); ++i) {
    total += rounds.count(i);
    std::string bound = "+Inf";
    if (i < Durations::kBoundsMicros.size()) {
      char text[24];
      std::snprintf(text, sizeof text, "%g",
                    static_cast<double>(Durations::kBoundsMicros[i]) / 1e6);
      bound = text;
    }
    out.part(family, "_bucket", help, static_cast<double>(total),
             label("node_id", node) + ',' + label("le", bound));
  }
  out.part(family, "_sum", help, rounds.sum_seconds(), label("node_id", node));
  out.part(family, "_count", help, static_cast<double>(total), label("node_id", node));
}

void add_log_metrics(const wal::WalMetrics& log, std::uint64_t node, Samples& out) {
  out.counter("cairn_wal_syncs_total", "fdatasync calls of the write-ahead log", log.syncs);
  out.counter("cairn_wal_bytes_total", "bytes written to the write-ahead log", log.bytes);
  out.counter("cairn_wal_batches_total", "batches of the write-ahead log", log.batches);
  out.gauge("cairn_wal_segments", "segments of the write-ahead log", double(log.segments));
  out.gauge("cairn_wal_fenced", "1 once a write or sync of the log has failed", log.fenced);
  out.counter("raft_log_entries_total", "records appended to the log", log.records,
              label("node_id", node));
  out.gauge("cairn_memory_bytes", "memory in use, by part", double(log.pending_bytes),
            label("part", std::string("wal_pending")));
}

void add_engine_metrics(const EngineMetrics& engine, Samples& out) {
  out.counter("cairn_applied_entries_total", "entries applied", engine.applied_entries);
  out.counter("cairn_apply_batches_total", "write batches of the engine", engine.batches);
  out.counter("cairn_engine_flushes_total", "flushes of the engine", engine.flushes);
  out.gauge("cairn_engine_failed", "1 once the engine has failed", engine.failed);
  out.gauge("cairn_engine_level0_files", "tables in level 0", double(engine.level0_files));
  out.gauge("cairn_sessions", "sessions open in the partitions here", double(engine.sessions));
  out.gauge("cairn_idempotency_records", "answers kept for idempotency keys",
            double(engine.idempotency_records));
  out.counter("cairn_metadata_table_misses_total", "metadata looked up in LevelDB",
              engine.metadata_table_misses);
  out.gauge("cairn_memory_bytes", "memory in use, by part", double(engine.metadata_table_bytes),
            label("part", std::string("metadata_table")));
  out.gauge("cairn_memory_bytes", "memory in use, by part", double(engine.unflushed_bytes),
            label("part", std::string("engine_unflushed")));
}

void add_peer_metrics(const net::PeerMetrics& peers, Samples& out) {
  out.counter("cairn_peer_frames_sent_total", "frames sent to peers", peers.frames_sent);
  out.counter("cairn_peer_frames_received_total", "frames received from peers",
              peers.frames_received);
  out.counter("cairn_peer_bytes_sent_total", "bytes sent to peers", peers.bytes_sent);
  out.counter("cairn_peer_bytes_received_total", "bytes received from peers", peers.bytes_received);
  out.counter("cairn_peer_messages_dropped_total", "messages dropped: peer down or queue full",
              peers.messages_dropped);
  std::map<std::string, std::uint64_t> rejected = peers.frames_rejected;
  for (const char* reason : {"garbage", "too_large", "checksum"}) rejected[reason];  // shown from 0
  for (const auto& [reason, count] : rejected)
    out.counter("cairn_peer_frames_rejected_total", "frames or connections refused, by reason",
                count, label("reason", reason));
}

}  // namespace

std::vector<Sample> NodeImpl::metrics() const {
  Samples out;
  for (const auto& [group, r] : replicas_) {
    if (group == kMetadataGroup) continue;
    const std::uint32_t partition = partition_of_group(group);
    out.gauge("cairn_is_leader", "1 where this node leads the partition", r->leads(),
              label("partition", partition));
  }
  for (const auto& [group, r] : replicas_) {
    if (group == kMetadataGroup) continue;
    out.gauge("cairn_applied_index", "newest applied entry, by partition", double(r->applied()),
              label("partition", partition_of_group(group)));
  }
  for (const auto& [group, r] : replicas_)
    if (group != kMetadataGroup) add_lag_metrics(*r, self_, out);
  add_round_metrics(rounds_, self_, out);
  if (wal_) add_log_metrics(wal_->metrics(), self_, out);
  if (engine_) add_engine_metrics(engine_->metrics(), out);
  out.counter("cairn_state_comparisons_total", "hashes of replicas' states compared with the own",
              state_watch_.compared());
  out.gauge("cairn_state_divergence", "replicas whose state differs from their leader's, this node",
            double(state_watch_.differing().size()));
  out.gauge("cairn_state_quarantined", "replicas here that are quarantined: their state is odd",
            double(std::count_if(replicas_.begin(), replicas_.end(),
                                 [](const auto& r) { return r.second->odd(); })));
  const ScrubCounters& scrub = scrubber_.counters();
  out.counter("cairn_scrub_bytes_total", "bytes read again to find rot", scrub.bytes);
  out.counter("cairn_scrub_passes_total", "passes through log and tables", scrub.passes);
  out.counter("cairn_scrub_finds_total", "damaged places that were found so", scrub.finds);
  out.gauge("cairn_quarantines", "folders of damaged or outdated data that were set aside",
            double(quarantined_));
  if (peers_) add_peer_metrics(peers_->metrics(), out);
  out.counter("cairn_snapshots_installed_total", "snapshots installed from leaders",
              inbox_.counters().installed);
  out.counter("cairn_snapshots_sent_total", "snapshots sent to followers", outbox_.counters().sent);
  out.counter("cairn_snapshots_failed_total", "snapshot streams that failed, either way",
              inbox_.counters().install_failed + outbox_.counters().send_failed);
  for (const char* queue : {"log", "proposals"}) {
    const auto it = refused_.find(queue);
    out.counter("cairn_queue_refused_total", "requests refused because a queue was full, by queue",
                it == refused_.end() ? 0 : it->second, label("queue", std::string(queue)));
  }
  out.gauge("cairn_forwarded_writes_waiting", "writes under way to other nodes",
            double(forwarder_.waiting()));
  return out.take();
}

}  // namespace cairn::kv
