// The core's view of the log: the host's durable part, of which a byte-bounded tail stays in
// memory, and behind it what is not durable yet. Holds no file; what is older is read back by
// LogRead.
//
//   start <= durable <= handed <= last          start: compacted up to here, 0 at first
//   [tail_first, last] is in memory; everything past `durable` always is
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "raft/ready.h"
#include "raft/term_map.h"
#include "raft/types.h"

namespace cairn::raft {

class Log {
 public:
  /// `tail` is a contiguous suffix that ends at `last`; all of it is durable.
  Log(Index start, Term start_term, Index last, Term last_term, std::vector<Entry> tail);

  Index start() const { return start_; }
  Index last() const { return last_; }
  Term last_term() const { return terms_.at(last_).value_or(0); }
  Index durable() const { return durable_; }
  Term durable_term() const { return terms_.at(durable_).value_or(0); }
  bool all_durable() const { return durable_ == last_; }
  /// An entry is waiting for the next Persist.
  bool has_unhanded() const { return handed_ < last_; }

  std::optional<Term> term_at(Index index) const;
  const TermMap& terms() const { return terms_; }
  void learn(Index index, Term term);

  Index tail_first() const { return last_ + 1 - (tail_.size() - head_); }
  bool in_memory(Index index) const { return index >= tail_first() && index <= last_; }
  std::size_t bytes_at(Index index) const { return entry(index).bytes(); }  // in_memory(index)
  std::size_t tail_bytes() const { return tail_bytes_; }

  /// Entry last() + 1.
  void append(Entry entry);
  /// Drops [index, last]: a conflict. Completions of earlier writes no longer vouch for these
  /// indexes, whatever is written there next (hazard R5).
  void truncate_from(Index index);

  /// A copy (of the shared pointers) of in-memory entries [from, to], up to max_bytes but at least
  /// one; `bytes` is set to their size.
  std::vector<Entry> slice(Index from, Index to, std::size_t max_bytes, std::size_t& bytes) const;

  /// Everything not handed out yet, now part of the write `token`.
  std::vector<Entry> hand_out(PersistToken token);
  /// All writes up to and with `token` are durable.
  void persisted(PersistToken token);

  /// Drops the oldest durable entries from memory until at most `max_bytes` remain.
  void trim_tail(std::size_t max_bytes);
  /// The host has dropped [.., index] for good.
  void compact(Index index);
  /// A snapshot took the log's place: it is empty and begins after (index, term).
  void reset(Index index, Term term);

 private:
  struct Write {
    PersistToken token;
    Index last;  // what its completion makes durable; lowered when a truncation overtakes it
  };

  const Entry& entry(Index index) const { return tail_[head_ + (index - tail_first())]; }
  void drop_head();
  void shrink();

  Index start_;
  Index last_;
  Index durable_;
  Index handed_;
  TermMap terms_;
  // A vector with a moving head: contiguous for copies, and dropped in amortised constant time.
  std::vector<Entry> tail_;
  std::size_t head_ = 0;
  std::size_t tail_bytes_ = 0;
  std::deque<Write> writes_;
};

}  // namespace cairn::raft
