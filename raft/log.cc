#include "raft/log.h"

#include <algorithm>
#include <utility>

#include "raft/check.h"

namespace cairn::raft {

Log::Log(Index start, Term start_term, Index last, Term last_term, std::vector<Entry> tail)
    : start_(start), last_(last), durable_(last), handed_(last), tail_(std::move(tail)) {
  require(start <= last, "log ends before it starts");
  require(start != last || start_term == last_term, "empty log with two terms");
  require(tail_.size() <= last - start, "log tail is longer than the log");
  terms_.learn(start, start_term);
  Index expected = last - tail_.size();
  for (const Entry& e : tail_) {
    require(e.index == ++expected, "log tail is not contiguous");
    terms_.learn(e.index, e.term);
    tail_bytes_ += e.bytes();
  }
  require(tail_.empty() || tail_.back().term == last_term, "log tail ends with another term");
  if (last > 0) terms_.learn(last, last_term);
}

std::optional<Term> Log::term_at(Index index) const {
  if (index < start_ || index > last_) return std::nullopt;
  return terms_.at(index);
}

void Log::learn(Index index, Term term) {
  if (index > start_ && index <= last_) terms_.learn(index, term);
}

void Log::append(Entry entry) {
  require(entry.index == last_ + 1, "append leaves a hole");
  tail_bytes_ += entry.bytes();
  terms_.append(entry.index, entry.term);
  tail_.push_back(std::move(entry));
  ++last_;
}

void Log::truncate_from(Index index) {
  require(index > start_ && index <= last_, "truncation outside the log");
  while (last_ >= index) {
    if (tail_.size() > head_) {
      tail_bytes_ -= tail_.back().bytes();
      tail_.pop_back();
    }
    --last_;
  }
  shrink();
  terms_.truncate_from(index);
  durable_ = std::min(durable_, last_);
  handed_ = std::min(handed_, last_);
  for (Write& write : writes_) write.last = std::min(write.last, last_);
}

std::vector<Entry> Log::slice(Index from, Index to, std::size_t max_bytes,
                              std::size_t& bytes) const {
  require(in_memory(from) && to <= last_, "slice outside memory");
  auto first = tail_.begin() + static_cast<std::ptrdiff_t>(head_ + (from - tail_first()));
  auto limit = first + static_cast<std::ptrdiff_t>(to + 1 - from);
  auto end = first;
  bytes = 0;
  do {
    bytes += end->bytes();
    ++end;
  } while (end != limit && bytes + end->bytes() <= max_bytes);
  return std::vector<Entry>(first, end);
}

std::vector<Entry> Log::hand_out(PersistToken token) {
  std::vector<Entry> entries;
  if (handed_ < last_) {
    entries.assign(tail_.end() - static_cast<std::ptrdiff_t>(last_ - handed_), tail_.end());
    handed_ = last_;
  }
  writes_.push_back(Write{token, last_});
  return entries;
}

void Log::persisted(PersistToken token) {
  while (!writes_.empty() && writes_.front().token <= token) {
    durable_ = std::max(durable_, writes_.front().last);
    writes_.pop_front();
  }
}

void Log::trim_tail(std::size_t max_bytes) {
  while (tail_bytes_ > max_bytes && tail_first() <= durable_) drop_head();
  shrink();
}

void Log::compact(Index index) {
  if (index <= start_) return;
  require(index <= durable_, "compaction of what is not durable");
  while (tail_.size() > head_ && tail_first() <= index) drop_head();
  shrink();
  start_ = index;
  terms_.drop_before(index);
}

void Log::reset(Index index, Term term) {
  tail_.clear();
  head_ = 0;
  tail_bytes_ = 0;
  terms_.clear();
  terms_.learn(index, term);
  start_ = last_ = durable_ = handed_ = index;
  // Writes under way are behind the new start: they vouch for nothing any more.
  for (Write& write : writes_) write.last = 0;
}

void Log::drop_head() {
  tail_bytes_ -= tail_[head_].bytes();
  tail_[head_].data.reset();
  ++head_;
}

void Log::shrink() {
  if (head_ == tail_.size()) {
    tail_.clear();
    head_ = 0;
  } else if (head_ > 64 && head_ > tail_.size() / 2) {
    tail_.erase(tail_.begin(), tail_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

}  // namespace cairn::raft
