// Which term has which index: runs of equal terms, so that terms are known long after the entries
// themselves have left memory. There may be gaps: after a restart only the ends of the log are
// known, the rest is learned as entries pass by.
#pragma once

#include <optional>
#include <vector>

#include "raft/types.h"

namespace cairn::raft {

class TermMap {
 public:
  std::optional<Term> at(Index index) const;

  /// `index` is past everything known.
  void append(Index index, Term term);
  /// Anywhere; what is known already stays as it is.
  void learn(Index index, Term term);

  void truncate_from(Index index);
  void drop_before(Index index);
  void clear() { runs_.clear(); }

  /// The largest index <= `from` whose term is at most `term`, or unknown: the newest entry that a
  /// log whose entry at `from` has `term` could share with this one (5.3's fast backing up).
  Index newest_candidate(Index from, Term term) const;

  /// The smallest index in (after, limit] whose term is not known, or 0.
  Index first_unknown(Index after, Index limit) const;

 private:
  struct Run {
    Index first;
    Index last;
    Term term;
  };
  // The first run whose last index is >= index.
  std::vector<Run>::const_iterator find(Index index) const;

  std::vector<Run> runs_;  // sorted, disjoint, terms never falling
};

}  // namespace cairn::raft
