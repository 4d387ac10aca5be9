// How a node ends: in order, fenced by its disk, or failed by a broken invariant. Never by exit.
#include <utility>

#include "kv/node/node_impl.h"

namespace cairn::kv {
namespace {

constexpr Micros kFarewell = std::chrono::milliseconds{20};
constexpr Micros kDrainMax = std::chrono::milliseconds{800};
constexpr Micros kHandOverMax = std::chrono::milliseconds{300};
constexpr Micros kFlushMax = std::chrono::milliseconds{900};
constexpr Micros kCloseMax = std::chrono::milliseconds{300};

}  // namespace

void NodeImpl::log_line(LogLine::Level level, std::string text) const {
  if (options_.log) options_.log({level, "node " + std::to_string(self_) + ": " + text});
}

void NodeImpl::report(const Error& error) {
  if (std::exchange(reported_, true)) return;
  log_line(LogLine::Level::kError, error.message());
  if (options_.on_failure) options_.on_failure(error);
}

void NodeImpl::end_all_calls(const Error& error) {
  for (auto& [group, r] : replicas_) r->end_all(BarrierResult::kNoLeader);
  forwarder_.end_all(error);
  reads_.end_all(error);
  state_repair_.stop(error);
  end_admin(error);
  auto requests = std::exchange(requests_, {});
  for (auto& [id, r] : requests) r.done(std::nullopt);
}

/// The log can't be trusted to take more: no ack, no vote, no retry. Leadership goes away at once,
/// eventual reads stay.
void NodeImpl::fence(const std::string& why, Errc code) {
  if (fenced_ || failed_ || state_ == State::kStopped) return;
  withdraw(why);
  report(Error(code, why));
}

void NodeImpl::withdraw(const std::string& why) {
  fenced_ = true;
  fenced_why_ = why;
  const Error error(Errc::kFenced, why);
  for (auto& [group, r] : replicas_) r->resign();
  pump();  // lets the hand-over leave; nothing is written any more
  end_all_calls(error);
  outbox_.stop();
  inbox_.stop();
  backups_.stop();
  state_views_.stop();
  // What says so leaves at the end of this turn; only then do the connections close.
  seams_.clock->call_after(kFarewell, [weak = weak_from_this()] {
    if (const auto self = weak.lock(); self && self->peers_) self->peers_->stop();
  });
}

void NodeImpl::fail(const std::string& what) {
  if (failed_ || state_ == State::kStopped) return;
  failed_ = true;
  const Error error(Errc::kInternal, what);
  if (apply_) apply_->stop();
  end_all_calls(error);
  outbox_.stop();
  inbox_.stop();
  backups_.stop();
  state_views_.stop();
  if (peers_) peers_->stop();
  report(error);
}

void NodeImpl::stop(std::function<void()> done) {
  if (state_ == State::kStopped) {
    done();
    return;
  }
  if (state_ == State::kStopping) {
    stopped_ = [first = std::move(stopped_), second = std::move(done)] {
      first();
      second();
    };
    return;
  }
  const bool founded = state_ == State::kServing;
  state_ = State::kStopping;
  stopped_ = std::move(done);
  stop_phase_ = StopPhase::kDraining;
  stop_deadline_ = now() + kDrainMax;
  state_repair_.stop(Error(Errc::kShuttingDown, "this node is stopping"));
  if (!founded || failed_) {
    finish_stop();
    return;
  }
  stop_step();
}

/// Called at each tick while stopping; every phase has its end.
void NodeImpl::stop_step() {
  if (failed_) {
    finish_stop();
    return;
  }
  const bool late = now() >= stop_deadline_;
  switch (stop_phase_) {
    case StopPhase::kDraining: {
      std::size_t waiting = forwarder_.waiting();
      for (const auto& [group, r] : replicas_) waiting += r->waiting();
      if (waiting > 0 && !late && !fenced_) return;
      stop_phase_ = StopPhase::kHandingOver;
      stop_deadline_ = now() + kHandOverMax;
      for (auto& [group, r] : replicas_) r->resign();
      pump();
      return;
    }
    case StopPhase::kHandingOver: {
      if (!apply_->idle() && !late) return;
      end_all_calls(Error(Errc::kShuttingDown, "this node is stopping"));
      outbox_.stop();
      inbox_.stop();
      backups_.stop();
      state_views_.stop();
      if (peers_) peers_->stop();
      stop_phase_ = StopPhase::kFlushing;
      stop_deadline_ = now() + kFlushMax;
      if (fenced_) {
        finish_stop();
        return;
      }
      if (disk_.exhausted())
        close_log();  // the next start replays what could not be flushed
      else
        flush_engine([this](bool) { close_log(); });
      return;
    }
    case StopPhase::kFlushing:
    case StopPhase::kClosing:
      if (late) finish_stop();  // the mark is missing: the next start recovers as after a crash
      return;
  }
}

void NodeImpl::close_log() {
  if (stop_phase_ != StopPhase::kFlushing) return;
  stop_phase_ = StopPhase::kClosing;
  stop_deadline_ = now() + kCloseMax;
  wal_->close([weak = weak_from_this()](const wal::Result<void>&) {
    if (const auto self = weak.lock()) self->finish_stop();
  });
}

void NodeImpl::release() {
  peers_.reset();
  dirty_.clear();
  by_group_.assign(by_group_.size(), nullptr);
  replicas_.clear();
  retiring_.clear();
  apply_.reset();
  wal_.reset();
  engine_.reset();
  lock_.reset();
}

void NodeImpl::finish_stop() {
  if (state_ == State::kStopped) return;
  end_all_calls(Error(Errc::kShuttingDown, "this node is stopping"));
  if (apply_) apply_->stop();
  if (peers_) peers_->stop();
  state_ = State::kStopped;
  if (const auto done = std::exchange(stopped_, {})) done();
}

}  // namespace cairn::kv
