#include "tests/raft/oracles.h"

#include <algorithm>
#include <stdexcept>

#include "raft/quorum.h"

namespace cairn::raft::test {

namespace {

void must(bool holds, const std::string& story) {
  if (!holds) throw std::runtime_error(story);
}

std::string text(const Entry& entry) {
  return std::to_string(static_cast<int>(entry.kind)) + (entry.data ? *entry.data : "");
}

// Has every quorum of one a member in common with every quorum of the other? No set may be a quorum
// of one while the rest is a quorum of the other.
bool quorums_intersect(const Configuration& one, const Configuration& other) {
  std::vector<NodeId> all = members_of(one);
  for (NodeId id : members_of(other)) {
    if (std::find(all.begin(), all.end(), id) == all.end()) all.push_back(id);
  }
  for (std::uint32_t set = 0; set < (1u << all.size()); ++set) {
    auto inside = [&](NodeId id) {
      return (set >> (std::find(all.begin(), all.end(), id) - all.begin()) & 1) != 0;
    };
    if (quorum_present(one, inside) &&
        quorum_present(other, [&](NodeId id) { return !inside(id); })) {
      return false;
    }
  }
  return true;
}

}  // namespace

Oracles::Oracles(Cluster& cluster) : cluster_(cluster) {
  cluster.on_ready = [this](Member& m, const Ready& ready) { on_ready(m, ready); };
  cluster.on_send = [this](const Packet& packet) { on_send(packet); };
  cluster.on_apply = [this](Member& m, const Entry& entry) { on_apply(m, entry); };
}

void Oracles::read_asked(NodeId id, std::uint64_t request) {
  reads_[{id, request}] = committed_;
}

void Oracles::crashed(NodeId id) {
  for (auto it = reads_.begin(); it != reads_.end();) {
    it = it->first.first == id ? reads_.erase(it) : std::next(it);
  }
}

void Oracles::on_ready(Member& m, const Ready& ready) {
  for (const Event& event : ready.events) {
    must(event.kind != Event::Kind::kMessageRejected,
         std::to_string(m.id) + " rejected a message of an honest peer");
    if (event.kind == Event::Kind::kBecameLeader) check_new_leader(m, event.term);
  }
  if (ready.persist) check_entries(ready.persist->entries);
  if (ready.persist) check_configs(m, ready.persist->entries);
  committed_ = std::max(committed_, m.core->commit());
  for (const Entry& entry : ready.committed) {
    must(m.durable.term_at(entry.index) == entry.term,
         std::to_string(m.id) + " was given " + describe(entry) + " that is not durable there");
  }
  for (const ReadState& read : ready.reads) {
    auto asked = reads_.find({m.id, read.request});
    must(asked != reads_.end(), "a read was answered twice, or never asked");
    must(read.index >= asked->second, "stale read at " + std::to_string(m.id) + ": index " +
                                          std::to_string(read.index) + ", committed when asked " +
                                          std::to_string(asked->second));
    reads_.erase(asked);
  }
  for (const ReadFailure& read : ready.failed_reads) {
    must(reads_.erase({m.id, read.request}) == 1, "a read failed twice, or was never asked");
  }
}

void Oracles::check_new_leader(Member& m, Term term) {
  auto [it, fresh] = leaders_.emplace(term, m.id);
  must(fresh || it->second == m.id, "election safety: two leaders in term " + std::to_string(term));
  check_votes(Message{m.id, m.id, term, VoteReply{}}, true, m.id);
  for (auto entry = history_.rbegin(); entry != history_.rend(); ++entry) {
    if (entry->first > committed_) continue;
    if (entry->first <= m.written.start) return;
    must(m.written.term_at(entry->first) == entry->second.term,
         "leader completeness: " + std::to_string(m.id) + " leads term " + std::to_string(term) +
             " without " + describe(entry->second));
    return;  // the rest follows by log matching
  }
}

void Oracles::check_entries(const std::vector<Entry>& entries) {
  Term previous = 0;  // unknown for the first
  for (const Entry& entry : entries) {
    auto [it, fresh] = log_.emplace(std::make_pair(entry.index, entry.term),
                                    std::make_pair(previous, text(entry)));
    must(fresh || it->second.second == text(entry),
         "log matching: two entries are " + describe(entry));
    if (!fresh && it->second.first == 0) it->second.first = previous;
    must(previous == 0 || it->second.first == previous,
         "log matching: two logs differ before " + describe(entry));
    previous = entry.term;
  }
}

void Oracles::check_configs(const Member& m, const std::vector<Entry>& entries) {
  if (entries.empty()) return;
  Configuration before = m.written.config_at(entries.front().index - 1).config;
  for (const Entry& entry : entries) {
    if (entry.kind != EntryKind::kConfig) continue;
    Configuration after = decode_configuration(*entry.data).value();
    if (configs_.emplace(entry.index, entry.term).second) {
      must(quorums_intersect(before, after), "two configurations without common quorum: " +
                                                 describe(before) + " | " + describe(after));
    }
    before = std::move(after);
  }
}

void Oracles::check_votes(const Message& message, bool granted, NodeId candidate) {
  if (!granted) return;
  auto [it, fresh] = votes_.emplace(std::make_pair(message.term, message.from), candidate);
  must(fresh || it->second == candidate,
       std::to_string(message.from) + " voted twice in term " + std::to_string(message.term));
}

void Oracles::on_send(const Packet& packet) {
  if (packet.kind != Packet::Kind::kMessage) return;
  const Message& m = packet.message;
  const Disk& disk = cluster_.member(m.from).durable;
  const std::string what = describe(m);
  if (const auto* vote = std::get_if<VoteReply>(&m.body); vote && !vote->pre_vote) {
    check_votes(m, vote->granted, m.to);
    must(!vote->granted || disk.hard_state.term > m.term ||
             (disk.hard_state.term == m.term && disk.hard_state.vote == m.to),
         "promised before durable: " + what);
  }
  if (const auto* ask = std::get_if<VoteRequest>(&m.body); ask && !ask->pre_vote) {
    check_votes(m, true, m.from);
    must(disk.hard_state.term >= m.term, "asked for votes before durable: " + what);
  }
  if (const auto* ack = std::get_if<AppendReply>(&m.body); ack && !ack->rejected) {
    must(disk.hard_state.term > m.term ||
             (disk.hard_state.term == m.term && disk.last() >= ack->index),
         "acknowledged before durable: " + what);
  }
}

void Oracles::on_apply(Member& m, const Entry& entry) {
  must(entry.index == m.applied.size(), "applied out of order at " + std::to_string(m.id));
  auto [it, fresh] = history_.emplace(entry.index, entry);
  must(it->second.term == entry.term && text(it->second) == text(entry),
       "state machine safety: " + std::to_string(m.id) + " applied " + describe(entry) +
           " where another applied " + describe(it->second));
}

}  // namespace cairn::raft::test
