// Stamps revisions: hybrid logical clocks of one partition's leader (docs in kv/FORMAT.md).
//
//   revision = max(last + 1, min(own clock, median of the voters' clocks + 10 s))
//
// One bad clock poisons nothing: the median bounds it. Clocks not heard lately are left out; of an
// even number the lower middle counts. Order never rests on clocks agreeing.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <vector>

#include "cairn/kv/store.h"
#include "kv/command/command.h"
#include "net/clock.h"
#include "raft/types.h"

namespace cairn::kv {

/// 2024-01-01 00:00:00 UTC in milliseconds since 1970.
inline constexpr std::uint64_t kRevisionEpochMs = 1'704'067'200'000;
inline constexpr int kRevisionCounterBits = 13;
inline constexpr std::uint64_t kClockLeadMsMax = 10'000;  // over the voters' median
inline constexpr std::uint64_t kCeilingLeadMs = 3'000;    // over the bounded clock
inline constexpr std::uint64_t kMinRevisionLeadMs =
    20'000;  // a read's wish further ahead is a mistake

/// The revision that begins the given millisecond; times before the epoch are 0.
[[nodiscard]] Revision revision_at(std::uint64_t wall_ms);

/// What this node last heard of its peers' wall clocks. Home executor.
class PeerClocks {
 public:
  explicit PeerClocks(const net::Clock& clock) : clock_(clock) {}
  void heard(raft::NodeId peer, std::uint64_t wall_ms);
  /// min(own clock, median of the voters' + 10 s), in wall milliseconds.
  [[nodiscard]] std::uint64_t bounded_now(raft::NodeId self,
                                          const std::vector<raft::NodeId>& voters) const;

 private:
  struct Heard {
    std::uint64_t wall_ms = 0;
    std::chrono::microseconds at{0};
  };
  const net::Clock& clock_;
  std::map<raft::NodeId, Heard> heard_;
};

/// One partition's stamps. `last` starts from the applied state, which a leader has brought up to
/// its own no-op before it proposes: so every stamp is above all of snapshot and log.
class RevisionClock {
 public:
  void start_from(Revision last, Revision ceiling);
  [[nodiscard]] Stamp next(std::uint64_t bounded_now_ms);
  [[nodiscard]] Revision last() const { return last_; }

 private:
  Revision last_ = 0;
};

}  // namespace cairn::kv
