// Leader leases (dissertation 6.4.1). A member that answers a heartbeat promises to vote for nobody
// else, itself included, for election_ticks_min - 1 ticks of its own (the first one may be short).
// A quorum's promises keep any other leader away, and every quorum of a next one would contain one
// of them. The leader counts from when it sent the round that they answered, on its own clock.
//
// What could break a promise, and why it does not:
//   a lost connection hastens elections   cut short is only the draw beyond the promise
//   the host says campaign()              a wish within the promise is dropped
//   the member restarts and forgets       it keeps still for as long after its boot
//   its term has moved on                 the promise holds for requests of any term
//   leadership is handed over             TimeoutNow voids the lease for the rest of the term
//   the configuration changes             the lease starts anew with the new quorums
//   a member with leases off              its answers carry no promise and are not counted
#include "raft/impl.h"

namespace cairn::raft {

namespace {

constexpr std::size_t kLeaseRoundsMax = 64;
constexpr std::uint64_t kMillion = 1'000'000;

}  // namespace

std::uint64_t Core::Impl::promise_us() const {
  if (!options_.lease) return 0;
  return static_cast<std::uint64_t>(options_.election_ticks_min - 1) * options_.tick_us;
}

/// Its ticks may be short by the drift, and our clock slow by it.
std::uint64_t Core::Impl::lease_us() const {
  return promise_us() * (kMillion - options_.drift_ppm) / (kMillion + options_.drift_ppm);
}

bool Core::Impl::promised() const {
  return options_.lease && role_ != Role::kLeader && heard_ &&
         now_ - *heard_ < static_cast<std::uint64_t>(options_.election_ticks_min);
}

void Core::Impl::start_lease_round() {
  if (!options_.lease || lease_void_ || clock_us_ == 0) return;
  lease_rounds_.push_back(LeaseRound{++round_, clock_us_});
  if (lease_rounds_.size() > kLeaseRoundsMax) lease_rounds_.pop_front();
  settle_lease();  // a single voter is its own quorum
}

void Core::Impl::settle_lease() {
  const std::uint64_t confirmed = quorum_value(config_, [&](NodeId id) -> std::uint64_t {
    if (id == id_) return round_;
    const Progress* peer = progress_of(id);
    return peer == nullptr ? 0 : peer->promised;
  });
  while (!lease_rounds_.empty() && lease_rounds_.front().id <= confirmed) {
    lease_from_ = lease_rounds_.front().sent_us;
    lease_rounds_.pop_front();
  }
}

void Core::Impl::drop_lease() {
  lease_rounds_.clear();
  lease_from_.reset();
}

std::optional<Index> Core::Impl::lease_read(std::uint64_t now_us) const {
  if (role_ != Role::kLeader || !options_.lease || lease_void_ || !lease_from_) return std::nullopt;
  if (commit_ < own_first_ || now_us >= *lease_from_ + lease_us()) return std::nullopt;
  return commit_;
}

}  // namespace cairn::raft
