// How a node begins: its directory, then log and engine, and what they say of each group.
#include <algorithm>
#include <utility>

#include "kv/engine/table_check.h"
#include "kv/node/node_impl.h"

namespace cairn::kv {
namespace {

constexpr std::size_t kTailBytes = 1u << 20;  // of the log read back into memory at the start
constexpr int kTickMs = 10;
/// Of the log's files, in all: what a quiet group holds is moved on beyond that. A start reads all.
constexpr std::uint64_t kLogFilesBytes = 256ull << 20;

Error data_error(const boost::system::error_code& code, const std::string& detail) {
  const std::string text = detail.empty() ? code.message() : detail;
  if (code == wal::WalError::kCorrupt || code == EngineError::kCorrupt)
    return Error(Errc::kCorrupt, text);
  if (code == wal::WalError::kNewerFormat || code == EngineError::kNewerFormat)
    return Error(Errc::kNewerFormat, text);
  if (code == wal::WalError::kForeign || code == EngineError::kForeign)
    return Error(Errc::kForeign, text);
  return Error(Errc::kIo, text);
}

}  // namespace

Result<std::shared_ptr<Node>> Node::open(const NodeSeams& seams, Options options) {
  auto node = std::make_shared<NodeImpl>(seams, std::move(options));
  if (auto opened = node->open_directory(); !opened) return opened.error();
  return std::shared_ptr<Node>(std::move(node));
}

NodeImpl::NodeImpl(const NodeSeams& seams, Options options)
    : seams_(seams),
      options_(std::move(options)),
      self_(options_.node_id == 0 ? 1 : options_.node_id),
      disk_(options_.segment_bytes),
      clocks_(*seams_.clock),
      forwarder_(*this),
      reads_(*this),
      outbox_(*this),
      inbox_(*this),
      backups_(*this),
      scrubber_(*this, *seams_.files, options_.data_dir + "/engine",
                options_.scrub_bytes_per_second),
      state_views_(*this),
      state_repair_(*this) {}

NodeImpl::~NodeImpl() {
  if (peers_) peers_->stop();
}

Result<void> NodeImpl::open_directory() {
  const std::string& dir = options_.data_dir;
  if (const auto made = seams_.files->create_directories(dir); !made)
    return Error(Errc::kIo, dir + ": " + made.error().message());
  auto lock = seams_.files->lock(dir + "/LOCK");
  if (!lock) {
    if (lock.error() == boost::system::errc::resource_unavailable_try_again)
      return Error(Errc::kLocked, dir + " is open in another process or store");
    return Error(Errc::kIo, dir + "/LOCK: " + lock.error().message());
  }
  lock_ = std::move(*lock);
  const auto aside = set_aside_if_marked(*seams_.files, dir);
  if (!aside) return aside.error();
  if (!aside->empty())
    log_line(LogLine::Level::kWarning, "its data of an earlier life were moved to " + *aside);
  quarantined_ = quarantines(*seams_.files, dir);
  auto identity = Identity::open(*seams_.files, dir, self_, seams_.random);
  if (!identity) {
    Error error = identity.error();
    if (error.code == Errc::kCorrupt)
      error.detail +=
          "; without it nobody knows whose data these are: move the directory away, and in a "
          "cluster the node comes back from its peers (alone: kvctl restore of a backup)";
    return error;
  }
  identity_ = std::make_shared<Identity>(std::move(*identity));
  if (identity_->founded()) {
    const std::uint32_t founded = identity_->founding().partitions;
    if (options_.partitions != 0 && options_.partitions != founded)
      return Error(Errc::kConfiguration, "partitions: the cluster was founded with " +
                                             std::to_string(founded) + ", and that is for good");
    auto opened = open_data();
    if (!opened && opened.error().code == Errc::kCorrupt) return damaged_at_start(opened.error());
    return opened;
  }
  auto former = read_former_life(*seams_.files, dir);
  if (!former) return former.error();
  former_ = std::move(*former);
  return options_.cluster.empty() && !former_ ? found_alone() : Result<void>();
}

Result<void> NodeImpl::found_alone() {
  net::FoundingRecord record;
  record.partitions = std::max<std::uint32_t>(options_.partitions, 1);
  record.replicas = options_.replicas;  // as soon as there are so many nodes
  record.hash_id = kHashXxh3;
  record.founders = {{self_, options_.peer, identity_->incarnation()}};
  record.cluster_id = compute_cluster_id(record);
  if (auto recorded = identity_->record_founding(record); !recorded) return recorded;
  return open_data();
}

Result<void> NodeImpl::open_data() {
  const bool changed = identity_->cluster().epoch != 0;
  use_record(changed ? identity_->cluster() : first_record());
  const ClusterNode* me = record_.node(self_);
  const bool mine = me != nullptr && me->incarnation == identity_->incarnation();
  member_ = mine ? me->member() : member_id(self_, identity_->generation());
  removed_ = !mine;  // it has no place, or another directory has
  std::string detail;
  if (auto opened = open_log(&detail); !opened) return opened;
  if (auto opened = open_engine(&detail); !opened) {
    if (opened.error().code != Errc::kCorrupt || !log_has_all()) return opened;
    if (auto rebuilt = rebuild_engine(opened.error().detail); !rebuilt) return rebuilt;
  }
  apply_ = std::make_shared<ApplyStage>(
      engine_, *seams_.home, *seams_.apply,
      ApplyStage::Events{
          [this](std::vector<ApplyResult> results) { entries_applied(std::move(results)); },
          [this](boost::system::error_code code) {
            if (code == EngineError::kUnknownCommand)
              fail("the log holds a command of a newer version: upgrade this node");
            else if (!engine_damaged())
              fence("the engine could not be written: " + code.message());
          }});
  is_dirty_.assign(routes_.partitions() + 1, 0);
  by_group_.assign(routes_.partitions() + 1, nullptr);
  if (auto created = create_groups(); !created) return created;
  if (auto recovered = recover_groups(); !recovered) return recovered;
  state_ = State::kServing;
  return {};
}

Result<void> NodeImpl::open_log(std::string* detail) {
  wal::WalOptions wal_options;
  wal_options.cluster_id = identity_->founding().cluster_id;
  wal_options.node_id = self_;
  wal_options.segment_bytes = options_.segment_bytes;
  wal_options.total_bytes_max = std::max(kLogFilesBytes, 4 * options_.segment_bytes);
  auto log = wal::Wal::open(*seams_.files, options_.data_dir + "/wal", wal_options, *seams_.home,
                            *seams_.log, detail);
  if (!log) return data_error(log.error(), *detail);
  wal_ = std::move(*log);
  return {};
}

Result<void> NodeImpl::open_engine(std::string* detail) {
  EngineOptions engine_options;
  engine_options.write_buffer_bytes =
      std::clamp<std::size_t>(options_.memory_bytes / 8, 64u << 10, 64u << 20);
  engine_options.block_cache_bytes = options_.memory_bytes / 4;
  engine_options.metadata_table_bytes = options_.memory_bytes / 8;
  auto engine =
      Engine::open(*seams_.files, options_.data_dir + "/engine", identity_->founding().cluster_id,
                   self_, engine_options, seams_.background, detail);
  if (!engine) {
    if (engine.error() == EngineError::kCorrupt)
      if (const std::string at = find_damage(*seams_.files, options_.data_dir + "/engine");
          !at.empty())
        *detail = at;
    return data_error(engine.error(), *detail);
  }
  engine_ = std::move(*engine);
  return {};
}

/// Engine and log may each lack what the other has: the engine's newest groups were not flushed
/// when the power went, or a replica was on its way out.
Result<void> NodeImpl::create_groups() {
  std::map<raft::GroupId, const wal::RecoveredGroup*> logs;
  for (const wal::RecoveredGroup& log : wal_->recovered()) logs[log.group] = &log;
  for (raft::GroupId group = 0; group < record_.groups.size(); ++group) {
    const auto log = logs.find(group);
    if (auto made = create_group(group, log == logs.end() ? nullptr : log->second); !made)
      return made;
  }
  return {};
}

Result<void> NodeImpl::create_group(raft::GroupId group, const wal::RecoveredGroup* log) {
  const bool empty = log == nullptr || (log->config.empty() && log->last_index == 0);
  raft::Configuration config;
  if (log != nullptr && log->config == kRetiredConfig) {
    promises_[group] = {log->hard_state.term, log->hard_state.vote, 0};
    retiring_[group] = nullptr;  // goes on once the node runs
    return {};
  }
  if (!empty) {
    // Without a log only promises may be left, of a replica that went.
    const auto known = raft::decode_configuration(log->config);
    if (known) config = *known;
  } else if (record_.epoch == 1 && !removed_ && record_.wants(group, member_)) {
    for (const NodeNumber node : routes_.members(group)) config.voters.push_back(node);
    std::sort(config.voters.begin(), config.voters.end());
    if (routes_.members(group).front() == self_) first_campaign_due_.insert(group);
  } else {
    // Wanted since: begun empty, once the node runs. A promise made earlier is kept.
    if (log != nullptr) promises_[group] = {log->hard_state.term, log->hard_state.vote, 0};
    return {};
  }
  if (const auto made = engine_->create_group(group, config, routes_.epoch()); !made)
    return data_error(made.error(), "the engine could not make group " + std::to_string(group));
  return {};
}

Result<void> NodeImpl::recover_groups() {
  std::map<raft::GroupId, const wal::RecoveredGroup*> logs;
  for (const wal::RecoveredGroup& log : wal_->recovered()) logs[log.group] = &log;
  for (const EngineGroup& state : engine_->groups()) {
    if (state.group >= by_group_.size() || retiring_.count(state.group) != 0) continue;
    const auto log = logs.find(state.group);
    auto restored = restore(state, log == logs.end() ? nullptr : log->second);
    if (!restored) return restored.error();
    promises_.erase(state.group);
    adopt_replica(state.group, std::move(*restored), state);
  }
  return {};
}

/// What the core starts from, once log and engine are found to fit each other.
Result<raft::Restored> NodeImpl::restore(const EngineGroup& state, const wal::RecoveredGroup* log) {
  raft::Restored r;
  r.config = state.config;
  r.config_index = state.config_index == 0 ? state.applied : state.config_index;
  r.applied = state.applied;
  const std::string where = "group " + std::to_string(state.group);
  if (log == nullptr) {
    if (state.applied > 0 && state.installed_index != state.applied)
      return Error(Errc::kCorrupt,
                   where + ": the engine holds applied entries, the log knows none");
    wal_->set_config(state.group, raft::encode_configuration(state.config));
  } else {
    r.hard_state = {log->hard_state.term, log->hard_state.vote, log->hard_state.commit};
    r.start_index = log->start_index;
    r.start_term = log->start_term;
    r.last_index = log->last_index;
    r.last_term = log->last_term;
  }
  // A log of an older leader may reach past the snapshot that took its place.
  const bool replaced = state.installed_index == state.applied && state.applied > r.start_index &&
                        state.applied <= r.last_index &&
                        wal_->term_at(state.group, state.applied) != state.applied_term;
  if (state.applied > r.last_index || replaced) {
    // The flip of an installed snapshot was the last thing before the stop: complete its reset.
    if (state.installed_index != state.applied)
      return Error(Errc::kCorrupt, where + ": the engine is ahead of the log, at " +
                                       std::to_string(state.applied) + " against " +
                                       std::to_string(r.last_index));
    r.start_index = r.last_index = state.applied;
    r.start_term = r.last_term = state.applied_term;
    // The leader's term may not have become durable before its snapshot: no vote was cast in it. It
    // goes to the log before the reset: a log must never be newer than its term, and the core takes
    // what it begins with for durable and does not say it again.
    if (r.hard_state.term < r.last_term) {
      r.hard_state.term = r.last_term;
      r.hard_state.vote = raft::kNobody;
      wal_->set_hard_state(state.group, {r.last_term, raft::kNobody, r.hard_state.commit});
    }
    r.hard_state.commit = state.applied;
    wal_->reset(state.group, state.applied, state.applied_term,
                raft::encode_configuration(state.config));
    return r;
  }
  if (state.applied < r.start_index)
    return Error(Errc::kCorrupt, where + ": the log begins at " + std::to_string(r.start_index) +
                                     ", the engine ends at " + std::to_string(state.applied));
  r.hard_state.commit = std::max(r.hard_state.commit, state.applied);
  if (auto read = restore_entries(state.group, r); !read) return read.error();
  return r;
}

/// A bounded suffix comes back into memory, older entries are read when they are asked for. But
/// all that is not applied is looked through now: a configuration in it is in force already.
Result<void> NodeImpl::restore_entries(raft::GroupId group, raft::Restored& r) {
  if (r.last_index == r.start_index) return {};
  const std::string where = "group " + std::to_string(group);
  const std::uint64_t entries = r.last_index - r.start_index;
  const std::uint64_t mean = wal_->live_bytes(group) / entries + 1;
  const std::uint64_t tail = r.last_index - std::min(entries, kTailBytes / mean + 1) + 1;
  for (raft::Index next = std::min(tail, r.applied + 1); next <= r.last_index;) {
    auto part = wal_->read_now(group, next, r.last_index, kTailBytes);
    if (!part) return data_error(part.error(), where + ": its log could not be read");
    if (part->empty()) return Error(Errc::kCorrupt, where + ": its log ends too early");
    for (wal::LogEntry& e : *part) {
      const auto kind = static_cast<raft::EntryKind>(e.kind);
      if (kind == raft::EntryKind::kConfig && e.index > r.applied) {
        auto config = raft::decode_configuration(e.data);
        if (!config || !raft::is_legal(*config))
          return Error(Errc::kCorrupt, where + ": its log holds a configuration that is none");
        r.config_entries.push_back({e.index, std::move(*config)});
      }
      next = e.index + 1;
      if (e.index < tail) continue;
      r.tail.push_back(
          {e.index, e.term, kind, std::make_shared<const std::string>(std::move(e.data))});
    }
  }
  return {};
}

raft::CoreOptions NodeImpl::core_options(raft::GroupId group) {
  raft::CoreOptions o;
  o.id = member_;
  o.heartbeat_ticks = std::max(1, static_cast<int>(options_.heartbeat.count() / kTickMs));
  o.election_ticks_min = std::max(4 * o.heartbeat_ticks,
                                  static_cast<int>(options_.election_timeout.count() / kTickMs));
  o.election_ticks_max = 2 * o.election_ticks_min;
  o.quiet = true;
  o.lease = options_.lease_drift_ppm != 0;
  if (o.lease) o.drift_ppm = options_.lease_drift_ppm;
  o.tick_us = std::uint64_t{kTickMs} * 1000;
  o.seed = seams_.random() ^ (static_cast<std::uint64_t>(group) << 32);
  const std::size_t share = options_.memory_bytes / 8 / (routes_.partitions() + 1);
  o.tail_bytes_max = std::clamp<std::size_t>(share, 256u << 10, 8u << 20);
  return o;
}

Result<void> NodeImpl::start() {
  if (seams_.transport != nullptr && !options_.peer.empty()) {
    net::PeerSetOptions peer_options;
    peer_options.self = self_;
    net::PeerEvents& events = *this;
    peers_ = std::make_unique<net::PeerSet>(*seams_.transport, *seams_.clock, *seams_.home, events,
                                            peer_options);
    peers_->set_cluster_id(identity_->founding().cluster_id);
    add_peers();
    if (former_) begin_return();
    if (const auto started = peers_->start(); !started) {
      if (started.error() == boost::system::errc::address_in_use)
        return Error(Errc::kAddressInUse, "peer address " + options_.peer + " is in use");
      return Error(Errc::kIo, "peer address " + options_.peer + ": " + started.error().message());
    }
  }
  if (state_ == State::kUnfounded)
    founding_ = std::make_unique<Founding>(self_, identity_->incarnation(), founding_plan(),
                                           identity_->boot());
  if (state_ == State::kServing) begin_serving();
  arm_tick();
  schedule_pump();
  try_founding();
  return {};
}

void NodeImpl::begin_serving() {
  if (removed_ && record_.node(self_) != nullptr)
    come_back_anew(Distrust::kReplaced, "another directory has taken its place");
  look_at_record();
  // Nobody else can lead what this member alone votes in: no waiting for an election timeout.
  for (const auto& [group, r] : replicas_)
    if (r->core().config().voters == std::vector<raft::NodeId>{member_} &&
        r->core().config().voters_outgoing.empty())
      first_campaign_due_.insert(group);
  campaign_first();
  std::vector<raft::GroupId> half_retired;
  for (const auto& [group, replica] : retiring_) half_retired.push_back(group);
  for (const raft::GroupId group : half_retired) finish_retirement(group);
  create_wanted();
}

/// The cluster record knows the nodes once there is one; until then the options do.
void NodeImpl::add_peers() {
  if (identity_->founded()) {
    update_peers();
    return;
  }
  for (const Member& m : options_.cluster) {
    if (m.id == self_) continue;
    peer_facts_[m.id].address = m.peer;
    peers_->add_peer(m.id, m.peer);
  }
}

}  // namespace cairn::kv
