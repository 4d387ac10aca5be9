#include "kv/node/revision_clock.h"

#include <algorithm>

namespace cairn::kv {
namespace {

constexpr std::chrono::seconds kHeardFor{10};

}  // namespace

Revision revision_at(std::uint64_t wall_ms) {
  if (wall_ms <= kRevisionEpochMs) return 0;
  return (wall_ms - kRevisionEpochMs) << kRevisionCounterBits;
}

void PeerClocks::heard(raft::NodeId peer, std::uint64_t wall_ms) {
  if (wall_ms != 0) heard_[peer] = {wall_ms, clock_.monotonic()};
}

std::uint64_t PeerClocks::bounded_now(raft::NodeId self,
                                      const std::vector<raft::NodeId>& voters) const {
  const std::uint64_t own = clock_.wall_ms();
  const auto now = clock_.monotonic();
  std::vector<std::uint64_t> clocks;
  clocks.reserve(voters.size());
  for (raft::NodeId voter : voters) {
    if (voter == self) {
      clocks.push_back(own);
      continue;
    }
    const auto it = heard_.find(voter);
    if (it == heard_.end() || now - it->second.at > kHeardFor) continue;
    const auto since =
        std::chrono::duration_cast<std::chrono::milliseconds>(now - it->second.at).count();
    clocks.push_back(it->second.wall_ms + static_cast<std::uint64_t>(since));
  }
  if (clocks.empty()) return own;
  const auto middle = clocks.begin() + static_cast<std::ptrdiff_t>((clocks.size() - 1) / 2);
  std::nth_element(clocks.begin(), middle, clocks.end());
  return std::min(own, *middle + kClockLeadMsMax);
}

void RevisionClock::start_from(Revision last, Revision ceiling) {
  last_ = std::max({last_, last, ceiling});
}

Stamp RevisionClock::next(std::uint64_t bounded_now_ms) {
  last_ = std::max(last_ + 1, revision_at(bounded_now_ms));
  Stamp stamp;
  stamp.revision = last_;
  stamp.ceiling = revision_at(bounded_now_ms + kCeilingLeadMs);
  return stamp;
}

}  // namespace cairn::kv
