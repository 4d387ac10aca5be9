// What members send, commit and apply: logs that match, entries that agree, states that are equal.
#include "kv/sim/ledger.h"

#include "kv/engine/state_hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace cairn::kv::sim {

namespace {

std::uint64_t hash_of(const raft::Entry& entry) {
  const auto kind = static_cast<std::uint64_t>(entry.kind);
  const std::string_view bytes = entry.data ? std::string_view(*entry.data) : std::string_view();
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), kind);
}

bool same_answer(const Answer& a, const Answer& b) {
  return encode_answer(a) == encode_answer(b);
}

}  // namespace

raft::Index Ledger::commit(raft::GroupId group) const {
  const auto at = commit_.find(group);
  return at == commit_.end() ? 0 : at->second;
}

void Ledger::entries(raft::GroupId group, const raft::AppendRequest& append) {
  raft::Term previous = append.prev_term;
  for (const raft::Entry& entry : append.entries) {
    ++counts_.entries_sent;
    const SentEntry sent{hash_of(entry), previous};
    const auto [at, first] = sent_.emplace(EntryKey(group, entry.index, entry.term), sent);
    if (!first && (at->second.hash != sent.hash || at->second.previous_term != previous)) {
      fail("LOG-MATCHING: " + where(group, entry.index) + ", term " + std::to_string(entry.term) +
           ": two entries, or one after two different ones");
    }
    previous = entry.term;
  }
}

void Ledger::on_committed(const EntriesCommitted& event) {
  std::vector<CommittedEntry>& log = committed_[event.group];
  raft::Index& commit = commit_[event.group];
  for (const raft::Entry& entry : event.entries) {
    ++counts_.committed;
    const auto at = [&] { return where(event.group, entry.index) + " at " + of_node(event.node); };
    const auto next = next_.find({event.life, event.group});
    if (next != next_.end()) {
      if (entry.index != next->second) {
        fail("APPLY-ORDER: " + at() + ", expected " + std::to_string(next->second));
      }
      next->second = entry.index + 1;
    }
    commit = std::max(commit, entry.index);
    if (entry.index == log.size() + 1) {
      log.push_back({entry, std::nullopt});
      if (entry.kind == raft::EntryKind::kConfig) configuration(event.group, entry);
    } else if (entry.index > log.size()) {
      fail("COMMITTED-LOG: " + at() + " follows " + std::to_string(log.size()));
      return;
    } else if (const raft::Entry& known = log[entry.index - 1].entry;
               known.term != entry.term || hash_of(known) != hash_of(entry)) {
      fail("COMMITTED-LOG: " + at() + ": another entry was committed there in term " +
           std::to_string(known.term) + ", this one is of term " + std::to_string(entry.term));
    }
  }
}

void Ledger::on_applied(const EntriesApplied& event) {
  for (const ApplyResult& result : event.results) {
    std::vector<CommittedEntry>& log = committed_[result.group];
    if (!result.answer || result.index == 0 || result.index > log.size()) continue;
    ++counts_.answers;
    std::optional<Answer>& known = log[result.index - 1].answer;
    if (!known) {
      known = result.answer;
    } else if (!same_answer(*known, *result.answer)) {
      fail("APPLY: " + where(result.group, result.index) + " was answered differently at " +
           of_node(event.node));
    }
  }
}

void Ledger::on_installed(const SnapshotInstalled& event) {
  ++counts_.snapshots;
  next_[{event.life, event.group}] = event.index + 1;
  const std::vector<CommittedEntry>& log = committed_[event.group];
  if (event.index > log.size() || log[event.index - 1].entry.term != event.term) {
    fail("COMMITTED-LOG: " + of_node(event.node) + " installed a snapshot of " +
         where(event.group, event.index) + ", term " + std::to_string(event.term) +
         ", which was never committed");
  }
}

/// The rolling hash is what counting gives, and nobody is odd: states are equal, as digests say.
void Ledger::kept_hash(NodeId node, const Node::GroupStatus& status) {
  const auto view = world_.node(node).engine()->state_view(status.group);
  const auto page = view ? (*view)->page({}) : boost::system::result<StateView::Page>(view.error());
  if (!page || page->more) return;
  StateHash counted;
  for (const StateEntry& entry : page->entries)
    counted.toggle(StateHash::key_hash(entry.key), entry.word);
  if (counted.buckets() != (*view)->buckets())
    fail("STATE-HASH: " + where(status.group, (*view)->applied()) + ": " + of_node(node) +
         " keeps a hash that its items do not have");
  if (status.odd)
    fail("STATE-HASH: " + where(status.group, status.applied) + ": " + of_node(node) +
         " is quarantined");
}

void Ledger::compare_digests() {
  for (const NodeId node : world_.running()) {
    if (!is_sound_(node) || !world_.node(node).engine()) continue;
    for (const Node::GroupStatus& status : world_.node(node).groups()) {
      raft::Index& compared = compared_[{world_.life_of(node), status.group}];
      if (compared == status.applied) continue;
      // The engine may be further than the home executor knows: only what stands still counts.
      if (status.applied == 0 || status.applied != status.commit) continue;
      const auto state = world_.state_of(node, status.group);
      if (!state) continue;
      compared = state->applied;
      kept_hash(node, status);
      const auto [at, first] =
          digests_.emplace(std::pair(status.group, state->applied), std::pair(state->digest, node));
      if (first) continue;
      ++counts_.digests;
      if (at->second.first != state->digest) {
        fail("DIGEST: " + where(status.group, state->applied) + ": " + of_node(node) +
             " and node " + std::to_string(at->second.second) + " differ");
      }
    }
  }
}

}  // namespace cairn::kv::sim
