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

bool ok(const VoteRequest& m, Term term) {
  return position_ok(m.last_index, m.last_term, term - 1);
}

bool ok(const AppendRequest& m, Term term) {
  if (!position_ok(m.prev_index, m.prev_term, term)) return false;
  Index index = m.prev_index;
  Term last = m.prev_term;
  for (const Entry& e : m.entries) {
    if (e.index != ++index || e.term < last || e.term == 0 || e.term > term) return false;
    // Nobody of this version proposes a configuration; one that comes cannot be honoured.
    if (e.kind != EntryKind::kNoop && e.kind != EntryKind::kCommand) return false;
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
  // A node that joins knows no members yet and believes whoever the host lets through.
  if (!peers_.empty() && !contains(peers_, m.from)) return false;
  if (peers_.empty() && is_voter(config_, id_)) return false;
  return std::visit([&](const auto& body) { return ok(body, m.term); }, m.body);
}

}  // namespace cairn::raft
