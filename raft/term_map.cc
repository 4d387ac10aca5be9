#include "raft/term_map.h"

#include <algorithm>

namespace cairn::raft {

std::vector<TermMap::Run>::const_iterator TermMap::find(Index index) const {
  return std::lower_bound(runs_.begin(), runs_.end(), index,
                          [](const Run& run, Index i) { return run.last < i; });
}

std::optional<Term> TermMap::at(Index index) const {
  // Nearly every question is about the newest run.
  if (!runs_.empty() && runs_.back().first <= index) {
    if (index > runs_.back().last) return std::nullopt;
    return runs_.back().term;
  }
  auto it = find(index);
  if (it == runs_.end() || index < it->first) return std::nullopt;
  return it->term;
}

void TermMap::append(Index index, Term term) {
  if (!runs_.empty() && runs_.back().term == term && runs_.back().last + 1 == index) {
    runs_.back().last = index;
    return;
  }
  runs_.push_back(Run{index, index, term});
}

void TermMap::learn(Index index, Term term) {
  auto next = runs_.begin() + (find(index) - runs_.cbegin());
  if (next != runs_.end() && next->first <= index) return;
  bool joins_next = next != runs_.end() && next->first == index + 1 && next->term == term;
  bool joins_previous =
      next != runs_.begin() && std::prev(next)->last + 1 == index && std::prev(next)->term == term;
  if (joins_next && joins_previous) {
    std::prev(next)->last = next->last;
    runs_.erase(next);
  } else if (joins_next) {
    next->first = index;
  } else if (joins_previous) {
    std::prev(next)->last = index;
  } else {
    runs_.insert(next, Run{index, index, term});
  }
}

void TermMap::truncate_from(Index index) {
  while (!runs_.empty() && runs_.back().first >= index) runs_.pop_back();
  if (!runs_.empty() && runs_.back().last >= index) runs_.back().last = index - 1;
}

void TermMap::drop_before(Index index) {
  auto keep = runs_.begin() + (find(index) - runs_.cbegin());
  runs_.erase(runs_.begin(), keep);
  if (!runs_.empty() && runs_.front().first < index) runs_.front().first = index;
}

Index TermMap::newest_candidate(Index from, Term term) const {
  auto it = find(from);
  Index candidate = from;
  while (true) {
    if (it == runs_.end() || candidate < it->first) return candidate;  // unknown: may match
    if (it->term <= term) return candidate;
    candidate = it->first - 1;
    if (it == runs_.begin() || candidate == 0) return candidate;
    --it;
    if (it->last < candidate) return candidate;  // in the gap behind it
  }
}

Index TermMap::first_unknown(Index after, Index limit) const {
  Index candidate = after + 1;
  for (auto it = find(candidate); it != runs_.end() && it->first <= candidate; ++it) {
    candidate = it->last + 1;
  }
  return candidate <= limit ? candidate : 0;
}

}  // namespace cairn::raft
