#include "kv/sim/event_queue.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <tuple>
#include <utility>

namespace cairn::kv::sim {

namespace {

// Heap order: the earliest event on top.
bool later(const Event& a, const Event& b) {
  return std::tie(a.at, a.tie, a.sequence) > std::tie(b.at, b.tie, b.sequence);
}

}  // namespace

void EventQueue::at(Time when, LifeId life, const char* kind, wal::Task run) {
  Event event;
  event.at = std::max(when, now_);
  event.tie = ties_.next();
  event.sequence = ++sequence_;
  event.life = life;
  event.kind = kind;
  event.run = std::move(run);
  heap_.push_back(std::move(event));
  std::push_heap(heap_.begin(), heap_.end(), later);
}

Event EventQueue::pop() {
  if (heap_.empty()) throw std::logic_error("sim: pop from an empty event queue");
  std::pop_heap(heap_.begin(), heap_.end(), later);
  Event event = std::move(heap_.back());
  heap_.pop_back();
  now_ = event.at;
  return event;
}

void EventQueue::advance(Time to) {
  if (!heap_.empty() && to > heap_.front().at) throw std::logic_error("sim: time skips an event");
  now_ = std::max(now_, to);
}

void EventQueue::drop(LifeId life) {
  // Moved out first: a dying task may post, and so change the heap.
  const auto gone = std::stable_partition(heap_.begin(), heap_.end(),
                                          [life](const Event& e) { return e.life != life; });
  std::vector<Event> dying(std::make_move_iterator(gone), std::make_move_iterator(heap_.end()));
  heap_.erase(gone, heap_.end());
  std::make_heap(heap_.begin(), heap_.end(), later);
}

}  // namespace cairn::kv::sim
