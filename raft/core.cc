#include "raft/core.h"

#include <algorithm>
#include <utility>

#include "raft/impl.h"

namespace cairn::raft {

namespace {

void check_options(const CoreOptions& o) {
  require(o.id != kNobody, "options: id is 0");
  require(o.heartbeat_ticks >= 1, "options: heartbeat_ticks below 1");
  require(o.election_ticks_min > o.heartbeat_ticks, "options: election below heartbeat");
  require(o.election_ticks_max >= o.election_ticks_min, "options: election range is empty");
  require(o.inflight_messages_max >= 1, "options: inflight_messages_max is 0");
  require(o.priority >= 0 && o.priority <= 100, "options: priority outside 0..100");
  require(o.drift_ppm < 500'000 && o.tick_us > 0 && o.tick_us < 1'000'000'000,
          "options: no such clock");
  require((!o.lease && !o.quiet) || (o.pre_vote && o.check_quorum),
          "options: lease and quiet need pre_vote and check_quorum");
}

void check_configs(const Restored& r) {
  require(is_empty(r.config) || is_legal(r.config), "restored: an illegal configuration");
  require(r.config_index <= r.applied, "restored: configuration past what is applied");
  for (const ConfigEntry& entry : r.config_entries) {
    require(is_legal(entry.config), "restored: an illegal configuration in the log");
    require(entry.index <= r.last_index, "restored: configuration past the log");
  }
}

}  // namespace

Core::Impl::Impl(const CoreOptions& options, Restored restored)
    : options_(options),
      id_(options.id),
      random_(options.seed * 0x2545f4914f6cdd1dull + options.id),
      configs_(restored.config_index, restored.config, restored.config_entries),
      config_(configs_.effective().config),
      term_(restored.hard_state.term),
      vote_(restored.hard_state.vote),
      handed_hard_(restored.hard_state),
      durable_hard_(restored.hard_state),
      log_(restored.start_index, restored.start_term, restored.last_index, restored.last_term,
           std::move(restored.tail)),
      applied_(restored.applied) {
  check_options(options_);
  check_configs(restored);
  require(restored.start_index <= applied_ && applied_ <= restored.last_index,
          "restored: applied is outside the log");
  require(restored.last_term <= term_, "restored: log is newer than the term");
  peers_ = members_of(config_);
  peers_.erase(std::remove(peers_.begin(), peers_.end(), id_), peers_.end());
  // The stored commit index is a hint; what is applied was committed.
  commit_ = std::max(applied_, std::min(restored.hard_state.commit, log_.last()));
  handing_ = applied_;
  role_ = passive_role();
  batch_ = random_.next();
  // Before this boot a leader may have been promised something.
  if (term_ > 0) heard_ = now_;
  restart_election_timer();
  log_.trim_tail(options_.tail_bytes_max);
  discover_terms();
}

void Core::Impl::tick(std::uint64_t skipped) {
  phase_ += skipped + 1;
  if (stopped_ || quiet_) return;
  ++now_;
  if (role_ == Role::kLeader) check_quorum_contact();
  if (role_ == Role::kLeader) check_disk();
  if (role_ == Role::kLeader) tick_transfer();
  if (role_ == Role::kLeader) {
    tick_followers();
    tick_idle();
  } else {
    tick_election();
  }
  expire_reads();
  // The host owes an answer to a LogRead; if it lost one (an error, a restart of its disk), ask
  // anew.
  if ((apply_read_ || term_read_) &&
      now_ - host_read_since_ > static_cast<std::uint64_t>(options_.election_ticks_max)) {
    apply_read_.reset();
    term_read_.reset();
    discover_terms();
  }
}

Status Core::Impl::status() const {
  Status s;
  s.id = id_;
  s.role = role_;
  s.term = term_;
  s.vote = vote_;
  s.leader = leader_;
  s.start = log_.start();
  s.last = log_.last();
  s.durable = log_.durable();
  s.commit = commit_;
  s.applied = applied_;
  s.own_term_committed = role_ == Role::kLeader && commit_ >= own_first_;
  s.config = config_;
  s.config_index = configs_.effective().index;
  if (const ConfigEntry* committed = configs_.at(commit_)) {
    s.committed_config = committed->config;
    s.committed_config_index = committed->index;
  }
  s.transferee = transferee_;
  s.quiet = quiet_;
  for (const Progress& p : followers_) {
    s.peers.push_back(PeerStatus{p.id, p.learner, p.state, p.match, p.next, heard_lately(p)});
  }
  return s;
}

Core::Core(const CoreOptions& options, Restored restored)
    : impl_(std::make_unique<Impl>(options, std::move(restored))) {}
Core::~Core() = default;
Core::Core(Core&&) noexcept = default;
Core& Core::operator=(Core&&) noexcept = default;

void Core::tick(std::uint64_t skipped) {
  impl_->tick(skipped);
}
bool Core::quiet() const {
  return impl_->quiet_;
}
void Core::clock(std::uint64_t now_us) {
  impl_->clock_us_ = std::max(impl_->clock_us_, now_us);
}
std::optional<Index> Core::lease_read(std::uint64_t now_us) const {
  return impl_->lease_read(now_us);
}
void Core::step(Message message) {
  impl_->step(std::move(message));
}
Proposed Core::propose(std::vector<std::shared_ptr<const std::string>> payloads) {
  return impl_->propose(std::move(payloads));
}
Changed Core::change_membership(const Configuration& wanted) {
  return impl_->change_membership(wanted);
}
TransferOutcome Core::transfer_leadership(NodeId to) {
  return impl_->transfer_leadership(to);
}
ReadOutcome Core::read_index(std::uint64_t request) {
  return impl_->read_index(request);
}
void Core::persisted(PersistToken token) {
  impl_->persisted(token);
}
void Core::applied(Index index) {
  impl_->applied(index);
}
void Core::log_read(const LogRead& read, std::vector<Entry> entries) {
  impl_->log_read(read, std::move(entries));
}
void Core::compacted(Index index, Term term) {
  impl_->compacted(index, term);
}
bool Core::wants_snapshot(NodeId from, Term term, const SnapshotMeta& meta) {
  return impl_->wants_snapshot(from, term, meta);
}
void Core::snapshot_installed(NodeId from, const SnapshotMeta& meta) {
  impl_->snapshot_installed(from, meta);
}
void Core::snapshot_sent(NodeId peer, bool ok, Index index) {
  impl_->snapshot_sent(peer, ok, index);
}
void Core::unreachable(NodeId peer) {
  impl_->unreachable(peer);
}
void Core::campaign() {
  impl_->wake();
  if (impl_->role_ != Role::kLeader) impl_->want_campaign(false);
}
void Core::resign(bool forever) {
  impl_->resign(forever);
}
void Core::stand_aside(bool on) {
  impl_->aside_ = on;
  if (on) impl_->resign(/*forever=*/false);
}
bool Core::has_ready() const {
  return impl_->has_ready();
}
Ready Core::take_ready() {
  return impl_->take_ready();
}
Status Core::status() const {
  return impl_->status();
}
Role Core::role() const {
  return impl_->role_;
}
Term Core::term() const {
  return impl_->term_;
}
NodeId Core::leader() const {
  return impl_->leader_;
}
Index Core::commit() const {
  return impl_->commit_;
}
Index Core::last_index() const {
  return impl_->log_.last();
}
const Configuration& Core::config() const {
  return impl_->config_;
}
std::optional<ConfigEntry> Core::config_at(Index index) const {
  const ConfigEntry* entry = index <= impl_->log_.last() ? impl_->configs_.at(index) : nullptr;
  return entry == nullptr ? std::nullopt : std::optional<ConfigEntry>(*entry);
}
std::optional<Term> Core::term_at(Index index) const {
  return impl_->log_.term_at(index);
}

}  // namespace cairn::raft
