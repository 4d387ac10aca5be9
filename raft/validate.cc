// The shape of a message, before anything else looks at it. Peers may send anything.
#include <type_traits>

#include "raft/impl.h"

namespace cairn::raft {

namespace {

// Far beyond any log; keeps index arithmetic away from overflow.
constexpr Index kIndexMax = Index{1} << 62;
constexpr Term kTermMax = Term{1} << 62;

// (index, term) of a log position: the position before the log has term 0, and only it.
bool position_ok(Index index, Term term, Term term_max) {
  return index <= kIndexMax && term <= term_max && (index == 0) == (term == 0);
}

bool kind_ok(const Entry& entry) {
  if (entry.kind == EntryKind::kNoop || entry.kind == EntryKind::kCommand) return true;
  if (entry.kind != EntryKind::kConfig || !entry.data) return false;
  const std::optional<Configuration> config = decode_configuration(*entry.data);
  return config && is_legal(*config);
}

bool ok(const VoteRequest& m, Term term) {
  return position_ok(m.last_index, m.last_term, term - 1);
}

bool ok(const AppendRequest& m, Term term) {
  if (!position_ok(m.prev_index, m.prev_term, term)) return false;
  Index index = m.prev_index;
  Term last = m.prev_term;
  for (const Entry& e : m.entries) {
    if (e.index != ++index || e.term < last || e.term == 0 || e.term > term) return false;
    if (!kind_ok(e)) return false;
    last = e.term;
  }
  return true;
}

bool ok(const AppendReply& m, Term) {
  if (m.index > kIndexMax || m.hint_index > kIndexMax || m.hint_term > kTermMax) return false;
  return !m.rejected || m.hint_index <= m.index;
}

bool ok(const Heartbeat& m, Term) {
  return m.commit <= kIndexMax;
}
bool ok(const ReadIndexReply& m, Term) {
  return m.index <= kIndexMax;
}

template <typename Other>
bool ok(const Other&, Term) {
  return true;
}

}  // namespace

bool Core::Impl::well_formed(const Message& m) const {
  if (m.to != id_ || m.from == kNobody || m.from == id_) return false;
  if (m.term == 0 || m.term > kTermMax) return false;
  return std::visit([&](const auto& body) { return ok(body, m.term); }, m.body);
}

/// Our configuration may be older than the sender's: what a leader or a candidate says counts
/// whoever it is (4.1, 4.2.3). Answers and questions count from members alone (hazard M10).
bool Core::Impl::of_a_member(const Message& m) const {
  return std::holds_alternative<AppendRequest>(m.body) ||
         std::holds_alternative<Heartbeat>(m.body) || std::holds_alternative<VoteRequest>(m.body) ||
         contains(peers_, m.from) ||
         (m.from == leader_ && std::holds_alternative<TimeoutNow>(m.body)) ||
         (m.from == leader_ && std::holds_alternative<ReadIndexReply>(m.body));
}

}  // namespace cairn::raft
