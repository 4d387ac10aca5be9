// Time and turns: the tick that drives every timer, and the pump that carries out what the
// replicas' cores ask for, with one commit of the log and one frame a peer for all of them.
#include <algorithm>
#include <utility>

#include "kv/node/node_impl.h"

namespace cairn::kv {
namespace {

constexpr Micros kTick = std::chrono::milliseconds{10};
constexpr std::uint64_t kTicksPerExpiry = 2;
constexpr std::uint64_t kTicksPerUpkeep = 20;
constexpr std::uint64_t kTicksPerGossip = 100;
constexpr std::uint64_t kTicksPerDiskLook = 5;
constexpr std::uint64_t kEntriesKeptWhenLow = 100;
constexpr std::uint64_t kLowFlushBytes = 256u << 10;
constexpr Micros kDiskFullRetry = std::chrono::milliseconds{250};
constexpr int kPassesMax = 8;
constexpr std::uint64_t kUnflushedBytesMax = 24ull << 20;
/// A flush for the sake of a cut: when the log is this many times what is to be kept of it. Each
/// makes a table file, which costs LevelDB as much again when it is merged.
constexpr std::uint64_t kCutsPerFlush = 6;
constexpr std::uint64_t kPinnedLogFactor = 4;  // of log_bytes_kept, for an installer's sake

std::uint64_t bytes_in(wal::FileSystem& files, const std::string& directory) {
  std::uint64_t bytes = 0;
  if (const auto names = files.list(directory)) {
    for (const std::string& name : *names) {
      if (const auto size = files.file_size(directory + '/' + name)) bytes += *size;
    }
  }
  return bytes;
}

}  // namespace

Micros NodeImpl::now() const {
  return seams_.clock->monotonic();
}

void NodeImpl::arm_tick() {
  seams_.clock->call_after(kTick, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->tick();
  });
}

void NodeImpl::tick() {
  if (state_ == State::kStopped) return;
  arm_tick();
  ++ticks_;
  if (failed_) {  // a core that threw must not be used again
    if (state_ == State::kStopping) stop_step();
    return;
  }
  for (auto& [group, replica] : replicas_) replica->tick();
  if (apply_) apply_->kick(true);
  beat();
  if (ticks_ % kTicksPerExpiry == 0) {
    for (auto& [group, replica] : replicas_) replica->expire();
    forwarder_.tick();
    reads_.tick();
    expire_requests();
  }
  if (state_ == State::kServing && ticks_ % kTicksPerDiskLook == 0) look_at_disk();
  if (ticks_ % kTicksPerExpiry == 0) admin_tick();
  if (state_ == State::kServing && ticks_ % kTicksPerUpkeep == 0) upkeep();
  if (state_ == State::kServing && (gossip_due_ || ticks_ % kTicksPerGossip == 0)) gossip();
  if (founding_ && ticks_ % kTicksPerGossip == 0)
    for (const auto& [peer, facts] : peer_facts_) say_founding(peer);
  if (state_ == State::kStopping) stop_step();
  if (peers_) peers_->flush();
}

/// In step with the groups' heartbeats. Who has been silent for an election timeout is lost to the
/// quiet groups; the others have noticed by themselves.
void NodeImpl::beat() {
  if (!peers_ || state_ != State::kServing) return;
  const auto every = std::max<std::uint64_t>(1, options_.heartbeat / kTick);
  if (ticks_ % every != 0) return;
  say_states();
  const bool quiet = std::any_of(replicas_.begin(), replicas_.end(),
                                 [](const auto& r) { return r.second->core().quiet(); });
  if (quiet) {
    net::RaftBatch here;
    here.wall_ms = seams_.clock->wall_ms();
    for (const auto& [peer, facts] : peer_facts_)
      if (peers_->up(peer, net::Channel::kControl))
        (void)peers_->send(peer, net::Channel::kControl, net::PeerMessage(here));
  }
  for (const NodeNumber peer : beats_.gone_silent(now(), options_.election_timeout))
    for (auto& [group, r] : replicas_)
      if (r->core().quiet() && member_of(peer) != raft::kNobody) r->unreachable(member_of(peer));
}

void NodeImpl::mark_dirty(Replica& replica) {
  char& flag = is_dirty_[replica.group()];
  if (flag == 0) {
    flag = 1;
    dirty_.push_back(&replica);
  }
  schedule_pump();
}

void NodeImpl::schedule_pump() {
  if (pump_scheduled_) return;
  pump_scheduled_ = true;
  seams_.home->post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->pump();
  });
}

void NodeImpl::pump() {
  if (failed_ || state_ == State::kStopped) return;
  pump_scheduled_ = true;  // what becomes dirty meanwhile is a further pass, not a further task
  std::vector<PersistUnderWay> persists;
  for (int pass = 0; pass < kPassesMax && !dirty_.empty(); ++pass) {
    for (Replica* replica : std::exchange(dirty_, {})) {
      is_dirty_[replica->group()] = 0;
      replica->pump(persists);
    }
  }
  pump_scheduled_ = false;
  if (!dirty_.empty()) schedule_pump();
  if (!persists.empty() && !fenced_) {
    auto shared = std::make_shared<std::vector<PersistUnderWay>>(std::move(persists));
    commit_log([this, shared] { log_committed(std::move(*shared)); });
  }
  if (peers_) peers_->flush();
  if (apply_) apply_->kick(std::exchange(apply_hurried_, false));
}

/// Runs `durable` once all that was added to the log so far is on disk. A full disk only delays it;
/// any other failure fences the node.
void NodeImpl::commit_log(std::function<void()> durable) {
  wal_->commit([weak = weak_from_this(),
                durable = std::move(durable)](const wal::Result<void>& result) mutable {
    const auto self = weak.lock();
    if (!self || self->fenced_ || self->failed_ || self->state_ == State::kStopped) return;
    if (!result && result.error() == boost::system::errc::no_space_on_device &&
        !self->wal_->fenced()) {
      self->wait_for_space(std::move(durable));
    } else if (!result) {
      self->fence("the log could not be written: " + result.error().message());
    } else {
      if (std::exchange(self->disk_full_, false))
        self->log_line(LogLine::Level::kInfo, "the disk has space again");
      durable();
    }
  });
}

/// Nothing of it was written: it stays in the log's queue, and new writes are refused meanwhile.
void NodeImpl::wait_for_space(std::function<void()> durable) {
  if (!std::exchange(disk_full_, true))
    log_line(LogLine::Level::kError, "the disk is full: writes wait for space");
  seams_.clock->call_after(kDiskFullRetry, [weak = weak_from_this(), durable]() mutable {
    const auto self = weak.lock();
    if (self && !self->fenced_ && !self->failed_ && self->state_ != State::kStopped)
      self->commit_log(std::move(durable));
  });
}

void NodeImpl::look_at_disk() {
  if (!seams_.disk_space || !engine_ || std::exchange(looking_at_disk_, true)) return;
  seams_.log->post([weak = weak_from_this(), home = seams_.home, files = seams_.files,
                    look = seams_.disk_space, engine = options_.data_dir + "/engine"] {
    const auto space = look();
    const std::uint64_t tables =
        space && !DiskGuard::ample(*space) ? bytes_in(*files, engine) : std::uint64_t{0};
    home->post([weak, space, tables] {
      const auto self = weak.lock();
      if (!self) return;
      self->looking_at_disk_ = false;
      if (space && self->state_ == State::kServing && !self->failed_)
        self->disk_seen(*space, tables);
    });
  });
}

void NodeImpl::disk_seen(const DiskSpace& space, std::uint64_t table_bytes) {
  disk_.seen(space, engine_->metrics().unflushed_bytes, table_bytes);
  // So that the log can be cut; again and again, as long as it helps.
  if (disk_.low() && !fenced_ && engine_->metrics().unflushed_bytes > kLowFlushBytes) start_flush();
  if (disk_.low() == disk_was_low_) return;
  disk_was_low_ = disk_.low();
  if (disk_.low())
    log_line(LogLine::Level::kError,
             "the disk is nearly full: writes are refused, deletes are not");
  else
    log_line(LogLine::Level::kInfo, "the disk has space again");
}

void NodeImpl::log_committed(std::vector<PersistUnderWay> persists) {
  for (PersistUnderWay& p : persists)  // one that retires promises nothing any more
    if (replica(p.replica->group()) == p.replica)
      p.replica->persisted(p.token, std::move(p.messages_after));
  pump();
}

void NodeImpl::write_log(raft::GroupId group, const raft::Persist& persist) {
  if (fenced_) return;
  // The term first: of a batch that a power cut tore, a beginning is left, and a log must never be
  // newer than its term. (A commit index past the log's end is a hint that the core cuts.)
  if (persist.hard_state) {
    const raft::HardState& h = *persist.hard_state;
    wal_->set_hard_state(group, {h.term, h.vote, h.commit});
  }
  for (const raft::Entry& entry : persist.entries)
    wal_->append(group, entry.index, entry.term, static_cast<std::uint8_t>(entry.kind),
                 entry.data ? std::string_view(*entry.data) : std::string_view());
}

void NodeImpl::apply(raft::GroupId group, std::vector<raft::Entry> entries) {
  if (seams_.witness != nullptr) seams_.witness->committed(group, entries);
  apply_->add(group, std::move(entries));
}

void NodeImpl::entries_applied(std::vector<ApplyResult> results) {
  if (failed_ || state_ == State::kStopped) return;
  if (seams_.witness != nullptr) seams_.witness->applied(results);
  std::vector<Replica*> touched;
  for (const ApplyResult& result : results) {
    Replica* r = replica(result.group);
    if (r == nullptr) continue;
    r->was_applied(result);
    if (touched.empty() || touched.back() != r) touched.push_back(r);
  }
  for (Replica* r : touched) r->batch_applied();
  pump();
}

void NodeImpl::read_log(Replica& replica, const raft::LogRead& read) {
  wal_->read(replica.group(), read.from, read.to, read.max_bytes,
             [weak = weak_from_this(), group = replica.group(),
              read](wal::Result<std::vector<wal::LogEntry>> result) {
               const auto self = weak.lock();
               Replica* r = self ? self->replica(group) : nullptr;
               if (r == nullptr || self->failed_) return;
               std::vector<raft::Entry> entries;
               if (result) {
                 entries.reserve(result->size());
                 for (wal::LogEntry& e : *result)
                   entries.push_back({e.index, e.term, static_cast<raft::EntryKind>(e.kind),
                                      std::make_shared<const std::string>(std::move(e.data))});
               } else if (result.error() == wal::WalError::kCorrupt) {
                 self->damaged(self->wal_->damage(), true);
                 return;
               } else if (result.error() != boost::system::errc::result_out_of_range) {
                 self->fence("the log could not be read: " + result.error().message());
                 return;
               }
               r->log_was_read(read, std::move(entries));
             });
}

void NodeImpl::upkeep() {
  outbox_.tick();
  inbox_.tick();
  backups_.tick();
  state_views_.tick();
  state_repair_.tick();
  if (!engine_ || fenced_ || engine_damaged()) return;
  for (auto& [group, r] : replicas_) trim(*r);
  if (engine_->metrics().unflushed_bytes > kUnflushedBytesMax) start_flush();
  if (Replica* metadata = replica(kMetadataGroup)) propose_founding(*metadata);
  campaign_first();
  reconcile();
  watch_refusal();
  forget_departed();
  create_wanted();
  scrubber_.tick(now());
  tend_scrub_find();
  forget_states();
  if (maintenance_under_way_) return;
  maintenance_under_way_ = true;
  apply_->run<boost::system::result<bool>>(
      [](Engine& engine) { return engine.maintain(); },
      [this](boost::system::result<bool>) { maintenance_under_way_ = false; });
}

/// Leaders are spread by the ring: the first replica of a group asks for votes first, once a
/// majority is within reach. Wherever there is a leader already, nothing changes.
void NodeImpl::campaign_first() {
  for (auto it = first_campaign_due_.begin(); it != first_campaign_due_.end();) {
    Replica* r = replica(*it);
    const auto& members = routes_.members(*it);
    const auto reachable = static_cast<std::size_t>(
        std::count_if(members.begin(), members.end(), [this](raft::NodeId member) {
          return member == self_ || (peers_ && peers_->up(member, net::Channel::kControl));
        }));
    const bool led = r->core().leader() != raft::kNobody;
    const bool majority = reachable * 2 > members.size();
    if (majority && !led) r->campaign();
    it = led || majority ? first_campaign_due_.erase(it) : std::next(it);
  }
}

void NodeImpl::trim(Replica& replica) {
  const raft::Status status = replica.core().status();
  const raft::Index applied = replica.applied();
  std::uint64_t keep = options_.log_entries_kept;
  if (disk_.low()) keep = std::min(keep, kEntriesKeptWhenLow);  // the log is what can go at once
  const std::uint64_t entries = status.last - status.start;
  const std::uint64_t bytes = wal_->live_bytes(replica.group());
  if (bytes > options_.log_bytes_kept && entries > 0)
    keep = std::min(keep, options_.log_bytes_kept / (bytes / entries + 1));
  if (applied <= keep) return;
  raft::Index to = applied - keep;
  // What an installer will need next stays, but not for ever: a stream slower than the log's growth
  // would fill the disk (hazard Z11).
  const auto pinned = outbox_.pinned(replica.group());
  if (pinned && bytes <= kPinnedLogFactor * options_.log_bytes_kept) to = std::min(to, *pinned);
  // A tenth of slack: small, frequent cuts would only make work.
  if (to <= status.start + keep / 10) return;
  const auto flushed = flushed_.find(replica.group());
  const raft::Index on_disk = flushed == flushed_.end() ? 0 : flushed->second;
  if (on_disk < to && (entries > kCutsPerFlush * keep || disk_.low())) start_flush();
  to = std::min(to, on_disk);
  if (to <= status.start) return;
  const auto term = wal_->term_at(replica.group(), to);
  if (!term) return;
  // The log names the configuration that it begins with.
  if (const auto config = replica.core().config_at(to); config && config->index > status.start)
    wal_->set_config(replica.group(), raft::encode_configuration(config->config));
  wal_->trim(replica.group(), to, *term);
  replica.compacted(to, *term);
}

void NodeImpl::start_flush() {
  // One that finds no room ends the database; the log holds what is not flushed.
  if (flush_under_way_ || disk_.exhausted()) return;
  flush_engine([](bool) {});
}

void NodeImpl::flush_engine(std::function<void(bool)> done) {
  flush_under_way_ = true;
  using Point = boost::system::result<FlushPoint>;
  seams_.apply->post([weak = weak_from_this(), engine = engine_, home = seams_.home, done] {
    engine->flush([weak, home, done](Point point) {
      home->post([weak, done, point = std::move(point)] {
        const auto self = weak.lock();
        if (!self || self->state_ == State::kStopped) return;
        self->flush_under_way_ = false;
        if (point) {
          for (const auto& [group, index] : point->applied)
            self->flushed_[group] = std::max(self->flushed_[group], index);
        } else if (!self->engine_damaged()) {
          self->fence("the engine could not be flushed: " + point.error().message());
        }
        done(point.has_value());
      });
    });
  });
}

void NodeImpl::reset_log(raft::GroupId group, const raft::SnapshotMeta& meta,
                         std::function<void()> done) {
  wal_->reset(group, meta.index, meta.term, raft::encode_configuration(meta.config));
  commit_log([this, group, meta, done = std::move(done)] {
    if (seams_.witness != nullptr) seams_.witness->installed(group, meta);
    done();
  });
}

void NodeImpl::on_read(std::function<void()> work, std::function<void()> done) {
  seams_.read->post([weak = weak_from_this(), home = seams_.home, work = std::move(work),
                     done = std::move(done)] {
    work();
    home->post([weak, done] {
      const auto self = weak.lock();
      if (self && !self->failed_ && self->state_ != State::kStopped) done();
    });
  });
}

/// For installs: what a comparison holds back of a group must be applied before its state goes.
void NodeImpl::on_apply(std::function<void(Engine&)> work, std::function<void()> done) {
  state_repair_.stop(Error(Errc::kTimeout, "the group's state is replaced by a snapshot"));
  on_engine(std::move(work), std::move(done));
}

void NodeImpl::on_engine(std::function<void(Engine&)> work, std::function<void()> done) {
  apply_->run<bool>(
      [work = std::move(work)](Engine& engine) {
        work(engine);
        return true;
      },
      [done = std::move(done)](bool) { done(); });
}

std::uint64_t NodeImpl::bounded_wall_ms(const std::vector<raft::NodeId>& voters) const {
  std::vector<raft::NodeId> nodes;
  nodes.reserve(voters.size());
  for (const raft::NodeId member : voters) nodes.push_back(node_of(member));
  return clocks_.bounded_now(self_, nodes);
}

Replica* NodeImpl::replica(raft::GroupId group) {
  return group < by_group_.size() ? by_group_[group] : nullptr;
}

}  // namespace cairn::kv
