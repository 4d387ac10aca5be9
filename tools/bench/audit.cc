#include "tools/bench/audit.h"

#include <algorithm>

namespace cairn::tools::bench {
namespace {

std::int64_t nanoseconds(Clock::time_point t) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(t.time_since_epoch()).count();
}

}  // namespace

void Witness::ended(const Operation& operation, const Outcome& outcome, Clock::time_point now) {
  if (operation.action == Operation::Action::kScan) return;
  const bool put = operation.action == Operation::Action::kPut;
  const bool error = outcome.result == Outcome::Result::kError;
  if (error && (!put || outcome.undone)) return;  // it says nothing of the key
  Event event;
  event.key = operation.key;
  event.stamp = put ? operation.stamp : outcome.stamp;
  // An answer is timed after it came, a request before it goes: at one moment the answer was first.
  event.asked = 2 * nanoseconds(operation.asked) + 1;
  event.answered = 2 * nanoseconds(now);
  event.put = put;
  event.unknown = error;
  if (keeps_history_) note(event);
  if (keeps_writes_ && put) note_write(event);
}

void Witness::note(const Event& event) {
  if (!event_keys_.has(event.key)) return;
  events_.push_back(event);
  while (events_.size() > kEventsMax) {
    event_keys_.halve();
    std::erase_if(events_, [this](const Event& e) { return !event_keys_.has(e.key); });
  }
}

void Witness::add_write(Last& last, const Write& write) {
  std::erase_if(last.acknowledged, [&write](const Write& w) { return w.answered < write.asked; });
  const bool overtaken = std::any_of(last.acknowledged.begin(), last.acknowledged.end(),
                                     [&write](const Write& w) { return w.asked > write.answered; });
  if (!overtaken) last.acknowledged.push_back(write);
}

void Witness::note_write(const Event& event) {
  if (!write_keys_.has(event.key)) return;
  Last& last = writes_[event.key];
  if (event.unknown) {
    last.unknown.push_back(event.stamp);
  } else {
    add_write(last, {event.stamp, event.asked, event.answered});
  }
  while (writes_.size() > kKeysMax) {
    write_keys_.halve();
    std::erase_if(writes_, [this](const auto& entry) { return !write_keys_.has(entry.first); });
  }
}

Audit::Audit(bool check, bool verify, std::uint64_t nonce)
    : check_(check), verify_(verify), nonce_(nonce & 0xffffff) {}

Witness& Audit::witness(std::size_t lane) {
  std::lock_guard lock(mutex_);
  while (witnesses_.size() <= lane) {
    // 24 bits of nonce, 8 of the lane, 32 that count; never 0.
    const std::uint64_t first =
        nonce_ << 40 | static_cast<std::uint64_t>(witnesses_.size()) << 32 | 1;
    witnesses_.push_back(std::make_unique<Witness>(check_, verify_, first));
  }
  return *witnesses_[lane];
}

std::vector<Event> Audit::events(std::uint64_t* one_in) const {
  KeySample keys;
  for (const auto& witness : witnesses_) keys.narrow_to(witness->event_keys_);
  std::vector<Event> all;
  for (const auto& witness : witnesses_) {
    std::copy_if(witness->events_.begin(), witness->events_.end(), std::back_inserter(all),
                 [&keys](const Event& e) { return keys.has(e.key); });
  }
  *one_in = keys.one_in();
  return all;
}

std::vector<std::uint64_t> Audit::written_keys() {
  last_.clear();
  for (const auto& witness : witnesses_) last_keys_.narrow_to(witness->write_keys_);
  for (const auto& witness : witnesses_) {
    for (const auto& [key, theirs] : witness->writes_) {
      if (!last_keys_.has(key)) continue;
      Witness::Last& last = last_[key];
      for (const Witness::Write& write : theirs.acknowledged) Witness::add_write(last, write);
      last.unknown.insert(last.unknown.end(), theirs.unknown.begin(), theirs.unknown.end());
    }
  }
  std::vector<std::uint64_t> keys;
  for (const auto& [key, last] : last_) {
    if (!last.acknowledged.empty()) keys.push_back(key);
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

bool Audit::holds_last_write(std::uint64_t key, const Outcome& read) const {
  const auto at = last_.find(key);
  if (at == last_.end() || read.result != Outcome::Result::kOk) return false;
  const Witness::Last& last = at->second;
  return std::find(last.unknown.begin(), last.unknown.end(), read.stamp) != last.unknown.end() ||
         std::any_of(last.acknowledged.begin(), last.acknowledged.end(),
                     [&read](const Witness::Write& w) { return w.stamp == read.stamp; });
}

}  // namespace cairn::tools::bench
