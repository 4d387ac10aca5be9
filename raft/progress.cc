#include "raft/progress.h"

#include <algorithm>

namespace cairn::raft {

void Inflights::add(Index last, std::size_t bytes) {
  if (count_ == ring_.size()) {
    std::vector<Sent> bigger;
    bigger.reserve(std::max<std::size_t>(8, ring_.size() * 2));
    for (std::size_t i = 0; i < count_; ++i) bigger.push_back(ring_[(first_ + i) % ring_.size()]);
    bigger.resize(bigger.capacity());
    ring_ = std::move(bigger);
    first_ = 0;
  }
  ring_[(first_ + count_) % ring_.size()] = Sent{last, bytes};
  ++count_;
  bytes_ += bytes;
}

void Inflights::release(Index index) {
  while (count_ > 0 && ring_[first_].last <= index) {
    bytes_ -= ring_[first_].bytes;
    first_ = (first_ + 1) % ring_.size();
    --count_;
  }
}

void Inflights::clear() {
  first_ = 0;
  count_ = 0;
  bytes_ = 0;
}

bool Progress::may_send() const {
  if (reading_from != 0 || snapshot_due) return false;
  switch (state) {
    case State::kProbe:
      return !probe_sent;
    case State::kReplicate:
      return !inflights.full();
    case State::kSnapshot:
      return false;
  }
  return false;
}

bool Progress::waits() const {
  switch (state) {
    case State::kProbe:
      return probe_sent || reading_from != 0;
    case State::kReplicate:
      return !inflights.empty() || reading_from != 0;
    case State::kSnapshot:
      return true;
  }
  return true;
}

void Progress::become_probe(Index next_index, bool bare) {
  state = State::kProbe;
  next = std::max(next_index, match + 1);
  probe_sent = false;
  snapshot_due = false;
  probe_bare = bare;
  reading_from = 0;
  waited = 0;
  inflights.clear();
}

void Progress::become_replicate() {
  state = State::kReplicate;
  next = match + 1;
  probe_sent = false;
  snapshot_due = false;
  probe_bare = false;
  reading_from = 0;
  waited = 0;
  inflights.clear();
}

void Progress::become_snapshot() {
  state = State::kSnapshot;
  stream_ended = false;
  snapshot_due = false;
  probe_sent = false;
  reading_from = 0;
  waited = 0;
  inflights.clear();
}

bool Progress::advance(Index index) {
  inflights.release(index);
  next = std::max(next, index + 1);
  if (index <= match) return false;
  match = index;
  waited = 0;
  return true;
}

}  // namespace cairn::raft
