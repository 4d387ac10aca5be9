#include "kv/node/replica.h"

#include <algorithm>
#include <utility>

namespace cairn::kv {
namespace {

constexpr std::size_t kGatheredBytesMax = 32u << 20;
constexpr std::size_t kGatheredMax = 65'536;
constexpr std::size_t kReadsMax = 65'536;  // in all states
constexpr std::size_t kGrowthSamples = 256;
/// What is gathered goes in any case when it is as much as this, or as old as a tick.
constexpr std::size_t kHeldBackBytesMax = 256u << 10;
constexpr std::size_t kRoundsMax = 2;  // read-index rounds under way; more reads share the next one

}  // namespace

Replica::Replica(ReplicaHost& host, raft::GroupId group, const raft::CoreOptions& options,
                 raft::Restored restored, const EngineGroup& state)
    : host_(host),
      group_(group),
      leases_(options.lease),
      core_(options, std::move(restored)),
      voters_(core_.config().voters),
      applied_(state.applied),
      applied_term_(state.applied_term),
      told_core_(state.applied),
      newest_revision_(state.last_revision),
      newest_ceiling_(state.ceiling) {
  odd_at_ = state.odd_at;
  if (odd()) core_.stand_aside(true);
}

std::size_t Replica::waiting() const {
  return gathered_.size() + pending_.size() + orphans_.size();
}

void Replica::tick() {
  if (frozen_) return;
  ticked_ = !gathered_.empty();
  if (core_.quiet()) {
    ++ticks_skipped_;
  } else {
    tell_clock();
    core_.tick(std::exchange(ticks_skipped_, 0));
  }
  if (core_.has_ready() || !reads_gathered_.empty() || !gathered_.empty()) host_.mark_dirty(*this);
}

void Replica::step(raft::Message message) {
  if (frozen_) return;  // as if lost: Raft sends it again
  core_.step(std::move(message));
  host_.mark_dirty(*this);
}

void Replica::unreachable(raft::NodeId peer) {
  core_.unreachable(peer);
  host_.mark_dirty(*this);
}

void Replica::campaign() {
  if (frozen_) return;
  core_.campaign();
  host_.mark_dirty(*this);
}

raft::Changed Replica::change_membership(const raft::Configuration& wanted) {
  const raft::Changed changed = core_.change_membership(wanted);
  host_.mark_dirty(*this);
  return changed;
}

raft::TransferOutcome Replica::transfer(raft::NodeId to) {
  const raft::TransferOutcome outcome = core_.transfer_leadership(to);
  host_.mark_dirty(*this);
  return outcome;
}

void Replica::resign() {
  resigned_ = true;
  core_.resign(true);
  host_.mark_dirty(*this);
}

void Replica::set_odd(raft::Index at) {
  if (std::exchange(odd_at_, at) == at) return;
  // What it would answer to those who wait comes of a state that is wrong.
  if (at != 0) end_all(BarrierResult::kNoLeader);
  core_.stand_aside(at != 0);
  host_.mark_dirty(*this);
}

void Replica::propose_entry(std::string entry, Micros deadline, ProposeDone done) {
  if (!leads()) {
    done({ProposeResult::Kind::kNotProposed, {}, core_.leader(), entry.substr(kEntryHeadBytes)});
    return;
  }
  if (gathered_.size() >= kGatheredMax || gathered_bytes_ + entry.size() > kGatheredBytesMax) {
    done({ProposeResult::Kind::kOverloaded, {}, core_.leader(), {}});
    return;
  }
  gathered_bytes_ += entry.size();
  gathered_.push_back({std::move(entry), deadline, std::move(done)});
  host_.mark_dirty(*this);
}

void Replica::barrier(Micros deadline, BarrierDone done) {
  if (reads_ >= kReadsMax) {
    done(BarrierResult::kOverloaded);
    return;
  }
  ++reads_;
  reads_gathered_.push_back({deadline, std::move(done)});
  host_.mark_dirty(*this);
}

/// A lease begins at what was told last before its round went out.
void Replica::tell_clock() {
  if (leases_) core_.clock(static_cast<std::uint64_t>(host_.now().count()));
}

std::optional<raft::Index> Replica::lease_index() const {
  if (!leases_ || frozen_ || resigned_) return std::nullopt;
  return core_.lease_read(static_cast<std::uint64_t>(host_.now().count()));
}

void Replica::await_applied(raft::Index index, Micros deadline, BarrierDone done) {
  if (index <= applied_) {
    done(BarrierResult::kOk);
  } else if (reads_ >= kReadsMax) {
    done(BarrierResult::kOverloaded);
  } else {
    ++reads_;
    reads_waiting_.emplace(index, std::vector<Waiter>{{deadline, std::move(done)}});
    host_.mark_dirty(*this);  // what it waits for may be gathering
  }
}

/// Readiness means that a read index was once reached: one is asked for though no reader waits.
void Replica::seek_readiness() {
  constexpr Micros kRound = std::chrono::seconds{1};
  if (caught_up_ || seeking_readiness_ || resigned_ || core_.leader() == raft::kNobody) return;
  seeking_readiness_ = true;
  barrier(host_.now() + kRound, [this](BarrierResult) { seeking_readiness_ = false; });
}

void Replica::refuse_gathered(ProposeResult::Kind kind) {
  gathered_bytes_ = 0;
  for (Gathered& g : std::exchange(gathered_, {}))
    g.done({kind, {}, core_.leader(), g.entry.substr(kEntryHeadBytes)});
}

/// A batch costs syncs, frames and wake-ups on every member, whatever its size: a further one waits
/// until it is as large as all that is on its way. Alone, or among few, nobody waits.
bool Replica::holds_back() const {
  const raft::Index under_way = core_.last_index() - core_.commit();
  return gathered_.size() < under_way && gathered_bytes_ < kHeldBackBytesMax && !ticked_;
}

void Replica::propose_gathered() {
  if (gathered_.empty()) return;
  if (!leads()) {
    refuse_gathered(ProposeResult::Kind::kNotProposed);
    return;
  }
  if (!serves()) return;  // until the own no-op is applied
  if (holds_back()) return;
  ticked_ = false;
  if (stamping_term_ != core_.term()) {
    revisions_.start_from(newest_revision_, newest_ceiling_);
    stamping_term_ = core_.term();
  }
  std::vector<std::shared_ptr<const std::string>> payloads;
  payloads.reserve(gathered_.size());
  const std::uint64_t wall_ms = host_.bounded_wall_ms(voters_);
  for (Gathered& g : gathered_) {
    stamp_entry(revisions_.next(wall_ms), g.entry);
    payloads.push_back(std::make_shared<const std::string>(std::move(g.entry)));
  }
  const raft::Proposed proposed = core_.propose(payloads);
  if (proposed.outcome != raft::ProposeOutcome::kAccepted) {
    std::size_t i = 0;  // they are nobody else's
    for (Gathered& g : gathered_) g.entry = *payloads[i++];
  }
  switch (proposed.outcome) {
    case raft::ProposeOutcome::kAccepted:
      gathered_bytes_ = 0;
      remember(std::move(payloads), proposed.first, proposed.term);
      return;
    case raft::ProposeOutcome::kOverloaded:
      refuse_gathered(ProposeResult::Kind::kOverloaded);
      return;
    case raft::ProposeOutcome::kTransferring:
      return;  // they wait for its end, here or with the next leader
    case raft::ProposeOutcome::kNotLeader:
    case raft::ProposeOutcome::kFailed:
      refuse_gathered(ProposeResult::Kind::kNotProposed);
      return;
  }
}

void Replica::remember(std::vector<std::shared_ptr<const std::string>> payloads, raft::Index first,
                       raft::Term term) {
  // An older pending proposal at such an index has left this log, and will not be committed any
  // more: the own no-op below it is. Its answer waits for its index all the same, so that nobody is
  // called back in the middle of this turn.
  while (!pending_.empty() && pending_.back().index >= first) {
    orphans_.push_back(std::move(pending_.back()));
    pending_.pop_back();
  }
  raft::Index index = first;
  const Micros now = host_.now();
  for (Gathered& g : gathered_) {
    pending_.push_back(
        {index, term, std::move(payloads[index - first]), now, g.deadline, std::move(g.done)});
    ++index;
  }
  gathered_.clear();
}

void Replica::resolve_orphans(const ApplyResult& result) {
  std::vector<Pending> resolved;
  std::erase_if(orphans_, [&](Pending& p) {
    if (p.index > result.index) return false;
    resolved.push_back(std::move(p));
    return true;
  });
  for (Pending& p : resolved) resolve(std::move(p), result);
}

void Replica::resolve(Pending pending, const ApplyResult& result) {
  const bool mine =
      pending.index == result.index && pending.term == result.term && result.answer.has_value();
  if (mine) {
    host_.round_took(host_.now() - pending.proposed);
    pending.done({ProposeResult::Kind::kAnswer, *result.answer, core_.leader(), {}});
    return;
  }
  if (pending.index != result.index) {
    pending.done({ProposeResult::Kind::kUnknown, {}, core_.leader(), {}});
    return;
  }
  // Another entry stands in its place, and whoever proposes the command again is its caller.
  const auto view = split_entry(*pending.payload);
  pending.done({ProposeResult::Kind::kNotProposed,
                {},
                core_.leader(),
                view ? std::string(view->command) : std::string()});
}

void Replica::was_applied(const ApplyResult& result) {
  applied_ = result.index;
  applied_term_ = result.term;
  if (!orphans_.empty()) resolve_orphans(result);
  while (!pending_.empty() && pending_.front().index <= result.index) {
    Pending p = std::move(pending_.front());
    pending_.pop_front();
    resolve(std::move(p), result);
  }
}

void Replica::batch_applied() {
  if (told_core_ == applied_) return;
  told_core_ = applied_;
  core_.applied(applied_);
  finish_reads();
  host_.mark_dirty(*this);
}

void Replica::ask_read_index() {
  if (reads_gathered_.empty() || rounds_.size() >= kRoundsMax) return;
  tell_clock();
  const std::uint64_t request = ++last_request_;
  if (core_.read_index(request) != raft::ReadOutcome::kAccepted) return;  // asked again at a tick
  rounds_.push_back({request, std::exchange(reads_gathered_, {})});
}

void Replica::read_state(std::uint64_t request, raft::Index index) {
  for (auto round = rounds_.begin(); round != rounds_.end(); ++round) {
    if (round->request != request) continue;
    reads_waiting_.emplace(index, std::move(round->waiters));
    rounds_.erase(round);
    return;
  }
}

void Replica::read_failed(std::uint64_t request) {
  for (auto round = rounds_.begin(); round != rounds_.end(); ++round) {
    if (round->request != request) continue;
    // Nothing was promised: they wait for the next round, under a new id.
    std::move(round->waiters.begin(), round->waiters.end(), std::back_inserter(reads_gathered_));
    rounds_.erase(round);
    return;
  }
}

void Replica::finish_reads() {
  while (!reads_waiting_.empty() && reads_waiting_.begin()->first <= applied_) {
    const auto ready = std::move(reads_waiting_.begin()->second);
    reads_waiting_.erase(reads_waiting_.begin());
    reads_ -= ready.size();
    caught_up_ = true;
    for (const Waiter& w : ready) w.done(BarrierResult::kOk);
  }
}

void Replica::note_stamps(const std::vector<raft::Entry>& entries) {
  for (const raft::Entry& entry : entries) {
    if (entry.kind != raft::EntryKind::kCommand || !entry.data) continue;
    if (const auto view = split_entry(*entry.data)) {
      newest_revision_ = std::max(newest_revision_, view->stamp.revision);
      newest_ceiling_ = std::max(newest_ceiling_, view->stamp.ceiling);
    }
  }
}

void Replica::pump(std::vector<PersistUnderWay>& persists) {
  if (frozen_) return;
  propose_gathered();
  seek_readiness();
  ask_read_index();
  while (core_.has_ready()) carry_out(core_.take_ready(), persists);
  finish_reads();
  if (leads() || !reads_waiting_.empty() || !caught_up_) host_.hurry_apply();
}

void Replica::carry_out(raft::Ready ready, std::vector<PersistUnderWay>& persists) {
  for (raft::Message& message : ready.messages) host_.send_raft(group_, std::move(message));
  if (ready.persist) {
    host_.write_log(group_, *ready.persist);
    persists.push_back({this, ready.persist->token, std::move(ready.persist->messages_after)});
  }
  if (!ready.committed.empty()) {
    note_stamps(ready.committed);
    host_.apply(group_, std::move(ready.committed));
  }
  for (const raft::ReadState& read : ready.reads) read_state(read.request, read.index);
  for (const raft::ReadFailure& read : ready.failed_reads) read_failed(read.request);
  for (const raft::LogRead& read : ready.log_reads) host_.read_log(*this, read);
  for (const raft::SnapshotNeeded& need : ready.snapshots)
    host_.send_snapshot(group_, need.peer, core_.term());
  for (const raft::Event& event : ready.events) {
    if (event.kind == raft::Event::Kind::kConfigChanged) voters_ = core_.config().voters;
    host_.on_raft_event(*this, event);
  }
}

void Replica::persisted(raft::PersistToken token, std::vector<raft::Message> messages_after) {
  for (raft::Message& message : messages_after) host_.send_raft(group_, std::move(message));
  core_.persisted(token);
  host_.mark_dirty(*this);
}

void Replica::log_was_read(const raft::LogRead& read, std::vector<raft::Entry> entries) {
  core_.log_read(read, std::move(entries));
  host_.mark_dirty(*this);
}

void Replica::snapshot_sent(raft::NodeId peer, bool ok, raft::Index index) {
  core_.snapshot_sent(peer, ok, index);
  host_.mark_dirty(*this);
}

void Replica::compacted(raft::Index index, raft::Term term) {
  core_.compacted(index, term);
}

bool Replica::wants_snapshot(raft::NodeId from, raft::Term term, const raft::SnapshotMeta& meta) {
  const bool wanted = !resigned_ && core_.wants_snapshot(from, term, meta);
  host_.mark_dirty(*this);
  return wanted;
}

void Replica::thaw() {
  frozen_ = false;
  host_.mark_dirty(*this);
}

void Replica::snapshot_installed(raft::NodeId from, const raft::SnapshotMeta& meta,
                                 const EngineGroup& state) {
  // A core that has resigned does not take the snapshot: what it would still hand out is behind the
  // engine, so nothing more may come from it.
  frozen_ = resigned_;
  applied_ = state.applied;
  applied_term_ = state.applied_term;
  told_core_ = applied_;
  newest_revision_ = std::max(newest_revision_, state.last_revision);
  newest_ceiling_ = std::max(newest_ceiling_, state.ceiling);
  set_odd(state.odd_at);
  core_.snapshot_installed(from, meta);
  // What was proposed here below the snapshot may or may not be in it.
  std::vector<Pending> covered;
  while (!pending_.empty() && pending_.front().index <= meta.index) {
    covered.push_back(std::move(pending_.front()));
    pending_.pop_front();
  }
  std::erase_if(orphans_, [&](Pending& p) {
    if (p.index > meta.index) return false;
    covered.push_back(std::move(p));
    return true;
  });
  for (Pending& p : covered) p.done({ProposeResult::Kind::kUnknown, {}, core_.leader(), {}});
  finish_reads();
  host_.mark_dirty(*this);
}

void Replica::sample_growth() {
  const raft::Index last = core_.last_index();
  if (growth_.empty() || growth_.back().last < last) growth_.push_back({last, host_.now()});
  if (growth_.size() > kGrowthSamples) growth_.pop_front();
}

Micros Replica::behind_since(raft::Index match) const {
  for (const Grown& sample : growth_)
    if (sample.last > match) return host_.now() - sample.at;
  return Micros{0};
}

void Replica::expire() {
  const Micros now = host_.now();
  if (leads())
    sample_growth();
  else
    growth_.clear();
  std::vector<Pending> unknown;
  const auto late = [&](Pending& p) {
    if (p.deadline > now) return false;
    unknown.push_back(std::move(p));
    return true;
  };
  std::erase_if(pending_, late);
  std::erase_if(orphans_, late);
  std::vector<Gathered> unproposed;
  std::erase_if(gathered_, [&](Gathered& g) {
    if (g.deadline > now) return false;
    gathered_bytes_ -= g.entry.size();
    unproposed.push_back(std::move(g));
    return true;
  });
  std::vector<Waiter> reads;
  const auto read_late = [&](Waiter& w) {
    if (w.deadline > now) return false;
    reads.push_back(std::move(w));
    return true;
  };
  std::erase_if(reads_gathered_, read_late);
  for (Round& round : rounds_) std::erase_if(round.waiters, read_late);
  for (auto& [index, waiters] : reads_waiting_) std::erase_if(waiters, read_late);
  std::erase_if(reads_waiting_, [](const auto& waiting) { return waiting.second.empty(); });
  reads_ -= reads.size();

  const raft::NodeId leader = core_.leader();
  for (Pending& p : unknown) p.done({ProposeResult::Kind::kUnknown, {}, leader, {}});
  for (Gathered& g : unproposed)
    g.done({ProposeResult::Kind::kNotProposed, {}, leader, g.entry.substr(kEntryHeadBytes)});
  for (Waiter& w : reads)
    w.done(leader == raft::kNobody ? BarrierResult::kNoLeader : BarrierResult::kTimeout);
}

void Replica::end_all(BarrierResult reads) {
  refuse_gathered(ProposeResult::Kind::kNotProposed);
  for (Pending& p : std::exchange(pending_, {}))
    p.done({ProposeResult::Kind::kUnknown, {}, raft::kNobody, {}});
  for (Pending& p : std::exchange(orphans_, {}))
    p.done({ProposeResult::Kind::kUnknown, {}, raft::kNobody, {}});
  std::vector<Waiter> waiters = std::exchange(reads_gathered_, {});
  for (Round& round : std::exchange(rounds_, {}))
    std::move(round.waiters.begin(), round.waiters.end(), std::back_inserter(waiters));
  for (auto& [index, waiting] : std::exchange(reads_waiting_, {}))
    std::move(waiting.begin(), waiting.end(), std::back_inserter(waiters));
  reads_ -= waiters.size();
  for (Waiter& w : waiters) w.done(reads);
}

}  // namespace cairn::kv
