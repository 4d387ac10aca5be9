// What becomes of a call whose attempt has ended: an answer, another attempt, or an error. A write
// is sent again only if it is sure that it was not proposed, or if it cannot take effect twice.
#include <utility>

#include "kv/client/core.h"

namespace cairn::kv::client {
namespace {

using std::chrono::milliseconds;

constexpr unsigned kRedirectsMax = 3;
constexpr unsigned kOverloadsMax = 4;
constexpr Micros kAvoidFor = std::chrono::seconds{1};
constexpr Micros kForeignFor = std::chrono::seconds{10};
constexpr Micros kDialPauseMax = std::chrono::seconds{1};

/// The answer is of the kind that was asked for.
bool fits(const Call& call, const door::Reply& reply) {
  if (std::holds_alternative<door::Failure>(reply.body)) return true;
  if (call.is_write()) return std::holds_alternative<door::Written>(reply.body);
  if (std::holds_alternative<door::Get>(call.request.body))
    return std::holds_alternative<ReadResult>(reply.body);
  if (std::holds_alternative<ScanOptions>(call.request.body))
    return std::holds_alternative<ScanResult>(reply.body);
  return std::holds_alternative<door::Opened>(reply.body);
}

}  // namespace

Micros Core::pause_of(const Call& call) {
  const unsigned before = call.attempts > 0 ? call.attempts - 1 : 0;
  const Micros asked = milliseconds{std::min(call.last_error.retry_after_ms, 1000u)};
  // A change of leaders takes less than the node's own advice for people.
  return std::max(budget_.pause(before),
                  call.last_error.code == Errc::kNoLeader ? Micros{0} : asked);
}

void Core::answered(Link& link, CallPtr call, door::Reply reply) {
  if (!fits(*call, reply)) {
    // Neither yes nor no: the node speaks of something else.
    return fate_unknown(call, "the node gave an answer of another kind");
  }
  if (!call->is_write()) routes_.took(link, now() - call->sent_at);
  if (auto* failure = std::get_if<door::Failure>(&reply.body))
    failed(link, call, std::move(*failure));
  else
    end(call, std::move(reply));
}

void Core::fate_unknown(const CallPtr& call, const std::string& why) {
  call->last_error = Error(call->is_write() ? Errc::kOutcomeUnknown : Errc::kTimeout, why);
  if (call->is_write()) {
    if (!call->repeatable())
      return end(call, Error(Errc::kOutcomeUnknown, why, Committed::kUnknown));
    call->maybe_done = true;
  }
  again(call, pause_of(*call));
}

void Core::session_over(const CallPtr& call) {
  numbering_.release(*call);
  if (call->maybe_done) {
    return end(call, Error(Errc::kOutcomeUnknown, "the session expired before its answer came",
                           Committed::kUnknown));
  }
  numbering_.submit(call);  // surely not carried out: under a new number
}

/// No other node would lift this refusal.
void Core::final_failure(const CallPtr& call, Error error) {
  if (call->is_write() && call->maybe_done && error.committed != Committed::kYes) {
    error = Error(Errc::kOutcomeUnknown,
                  "an earlier attempt has an unknown fate (" + error.message() + ")",
                  Committed::kUnknown);
  }
  end(call, std::move(error));
}

void Core::failed(Link& link, const CallPtr& call, door::Failure failure) {
  if (failure.session_unknown && call->numbered) {
    numbering_.lost(*call);
    return session_over(call);
  }
  Error& error = failure.error;
  call->last_error = error;
  switch (error.code) {
    case Errc::kRevisionMismatch:
    case Errc::kIdempotencyMismatch:
      // Given by applying it, and under a session the answer to its number, whoever asked.
      return call->numbered ? end(call, std::move(error)) : final_failure(call, std::move(error));
    case Errc::kOutcomeUnknown:
      return fate_unknown(call, error.detail);
    case Errc::kNoLeader:
      return no_leader(link, call, failure);
    case Errc::kShuttingDown:
    case Errc::kFenced:
      routes_.avoid(link, now() + kAvoidFor);
      return again(call, call->attempts < 3 ? Micros{0} : pause_of(*call));
    case Errc::kOverloaded:
      if (call->overloads++ >= kOverloadsMax && !call->maybe_done)
        return end(call, std::move(error));
      return again(call, pause_of(*call));
    case Errc::kTimeout:
      return again(call, pause_of(*call));
    default:
      return final_failure(call, std::move(error));
  }
}

void Core::no_leader(Link& link, const CallPtr& call, const door::Failure& failure) {
  routes_.redirected(call->partition, link.node(), failure.leader);
  const bool named = failure.leader != 0 && failure.leader != link.node();
  if (!named || call->redirects >= kRedirectsMax) return again(call, pause_of(*call));
  ++call->redirects;
  ++stats_.redirects;
  route(call);
}

// --- links -------------------------------------------------------------------------------------

std::shared_ptr<Link> Core::dial(Door& door) {
  if (stopping_) return nullptr;
  ++stats_.dials;
  door.dial_after = now() + budget_.pause(door.failures);
  schedule_tick();
  return std::make_shared<Link>(static_cast<LinkHost&>(*this), loop_.context(), number_,
                                door.address);
}

bool Core::hello(Link& link, std::uint64_t cluster, NodeNumber node, door::ServerHello hello) {
  const std::uint64_t ours = routes_.cluster_id();
  if (ours != 0 && cluster != 0 && cluster != ours) return false;
  routes_.learn_node(link, node);
  map_changed(std::move(hello.map));
  return true;
}

void Core::map_changed(ClusterMap map) {
  if (routes_.learn(std::move(map))) learned();
}

void Core::learned() {
  for (FirstNode& waiter : std::exchange(first_node_, {})) waiter.done(Result<void>());
}

void Core::caught_up(Link&) {
  route_parked();
}

void Core::link_lost(Link& link, std::vector<CallPtr> calls, const std::string& why) {
  Door* const door = routes_.door_of(link);
  if (door != nullptr) {
    routes_.avoid(link, Micros{0});
    ++door->failures;
    const bool foreign = why == "foreign_cluster";
    door->dial_after = std::max(
        door->dial_after,
        now() + (foreign ? kForeignFor : std::min(kDialPauseMax, budget_.pause(door->failures))));
    if (door->last_failure.empty() || why != "closed") door->last_failure = why;
    for (auto& one : door->links)
      if (one.get() == &link) gone_.push_back(std::move(one));
    std::erase(door->links, nullptr);
  }
  for (const CallPtr& call : calls) fate_unknown(call, "the connection was lost: " + why);
}

void Core::link_refused(Link& link, const door::Goodbye& word) {
  Door* const door = routes_.door_of(link);
  if (door == nullptr) return;
  door->last_failure = door::name(word.reason);
  if (word.reason == door::Reason::kIdle) return;
  routes_.avoid(link, now() + kAvoidFor);
  door->dial_after =
      now() + std::max(kAvoidFor, Micros{milliseconds{std::min(word.retry_after_ms, 60'000u)}});
}

std::string Core::what_doors_said() const {
  std::string text;
  for (const auto& door : const_cast<Core*>(this)->routes_.doors())
    text += "; " + door->address + ": " +
            (door->last_failure.empty() ? "no answer" : door->last_failure);
  return text;
}

void Core::await_first_node(std::function<void(Result<void>)> done) {
  loop_.post([this, done = std::move(done)]() mutable {
    if (routes_.mapped()) return done(Result<void>());
    first_node_.push_back({now() + options_.connect_timeout, std::move(done)});
    for (const auto& door : routes_.doors()) routes_.want(*door, now());
    schedule_tick();
  });
}

void Core::look(std::function<void(ClientStats)> done) {
  {
    const std::lock_guard lock(mutex_);
    if (inbox_state_ == Inbox::kClosed) return done({});
  }
  loop_.post([this, done = std::move(done)] {
    ClientStats stats = stats_;
    stats.under_way = under_way_;
    for (const auto& door : routes_.doors())
      for (const auto& link : door->links) stats.connections += link->up() ? 1 : 0;
    done(stats);
  });
}

}  // namespace cairn::kv::client
