#include "tests/raft/cluster.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace cairn::raft::test {

Term Disk::term_at(Index index) const {
  if (index == start) return start_term;
  if (index < start || index > last()) return 0;
  return entries[index - start - 1].term;
}

ConfigEntry Disk::config_at(Index index) const {
  ConfigEntry found{start, config};
  for (const Entry& entry : entries) {
    if (entry.index > index) break;
    if (entry.kind == EntryKind::kConfig) {
      found = ConfigEntry{entry.index, decode_configuration(*entry.data).value()};
    }
  }
  return found;
}

void Disk::write(const Persist& persist) {
  if (persist.hard_state) hard_state = *persist.hard_state;
  for (const Entry& entry : persist.entries) {
    if (entry.index <= start) continue;  // overtaken by a snapshot
    if (entry.index <= last()) entries.resize(entry.index - start - 1);
    entries.push_back(entry);
  }
}

std::string describe(const Packet& packet) {
  const Message& m = packet.message;
  const std::string envelope =
      std::to_string(m.from) + ">" + std::to_string(m.to) + " t" + std::to_string(m.term) + " ";
  switch (packet.kind) {
    case Packet::Kind::kMessage:
      return raft::describe(m);
    case Packet::Kind::kSnapshot:
      return envelope + "snapshot " + std::to_string(packet.meta.index) + "/" +
             std::to_string(packet.meta.term);
    case Packet::Kind::kSnapshotDone:
      return envelope + (packet.ok ? "snapshot taken" : "snapshot refused");
  }
  return "?";
}

Cluster::Cluster(int voters, int learners, CoreOptions options) : options_(options) {
  for (int i = 1; i <= voters + learners; ++i) {
    const NodeId id = static_cast<NodeId>(i);
    (i <= voters ? config_.voters : config_.learners).push_back(id);
    ids_.push_back(id);
  }
  for (NodeId id : ids_) {
    auto m = std::make_unique<Member>();
    m->id = id;
    m->durable.config = config_;
    members_[id] = std::move(m);
    restart(id);
  }
}

void Cluster::join(NodeId id) {
  crash(id);
  ids_.push_back(id);
  std::sort(ids_.begin(), ids_.end());
  ids_.erase(std::unique(ids_.begin(), ids_.end()), ids_.end());
  auto m = std::make_unique<Member>();
  m->id = id;
  members_[id] = std::move(m);
  restart(id);
}

Core Cluster::make_core(Member& m, std::size_t tail_entries, Index applied) {
  CoreOptions options = options_;
  options.id = m.id;
  options.seed = seed * 1000 + static_cast<std::uint64_t>(m.boots);
  const Disk& disk = m.durable;
  Restored restored;
  restored.hard_state = disk.hard_state;
  const ConfigEntry config = disk.config_at(applied);
  restored.config = config.config;
  restored.config_index = config.index;
  for (const Entry& entry : disk.entries) {
    if (entry.kind != EntryKind::kConfig || entry.index <= applied) continue;
    restored.config_entries.push_back({entry.index, decode_configuration(*entry.data).value()});
  }
  restored.start_index = disk.start;
  restored.start_term = disk.start_term;
  restored.last_index = disk.last();
  restored.last_term = disk.term_at(disk.last());
  restored.applied = applied;
  const std::size_t keep = std::min(tail_entries, disk.entries.size());
  restored.tail.assign(disk.entries.end() - static_cast<std::ptrdiff_t>(keep), disk.entries.end());
  return Core(options, std::move(restored));
}

void Cluster::restart(NodeId id, std::size_t tail_entries, Index applied) {
  Member& m = member(id);
  ++m.boots;
  m.written = m.durable;
  m.watch = InvariantWatch();
  // The state machine keeps what it flushed; never more than the log holds.
  applied = std::min<Index>({applied, m.applied.size(), m.durable.last()});
  applied = std::max(applied, m.durable.start);
  m.applied.resize(applied);
  m.core = std::make_unique<Core>(make_core(m, tail_entries, applied));
  drain(id);
}

void Cluster::given(NodeId id, const std::vector<Term>& terms, Term term, Index commit) {
  crash(id);
  Member& m = member(id);
  m.durable = Disk{};
  m.durable.config = config_;
  m.durable.hard_state = HardState{term, kNobody, commit};
  for (Term t : terms) {
    Entry entry{m.durable.last() + 1, t, EntryKind::kCommand, nullptr};
    entry.data =
        std::make_shared<const std::string>(std::to_string(entry.index) + "of" + std::to_string(t));
    m.durable.entries.push_back(entry);
  }
  m.applied.clear();
  restart(id);
}

void Cluster::crash(NodeId id) {
  if (members_.count(id) == 0) return;
  Member& m = member(id);
  m.core.reset();
  m.writing.clear();
  m.unconfirmed.clear();
  m.unapplied.clear();
  m.reads.clear();
  m.failed_reads.clear();
}

void Cluster::isolate(NodeId id) {
  for (NodeId other : ids_) {
    if (other == id) continue;
    cut(id, other);
    cut(other, id);
  }
}

void Cluster::tick(NodeId id, int times) {
  for (int i = 0; i < times && up(id); ++i) {
    core(id).tick();
    drain(id);
  }
}

void Cluster::tick_all(int times) {
  for (int i = 0; i < times; ++i) {
    for (NodeId id : ids_) tick(id);
  }
}

void Cluster::campaign(NodeId id) {
  core(id).campaign();
  drain(id);
}

Proposed Cluster::propose(NodeId id, const std::string& text) {
  Proposed proposed = core(id).propose({std::make_shared<const std::string>(text)});
  drain(id);
  return proposed;
}

ReadOutcome Cluster::read(NodeId id, std::uint64_t request) {
  ReadOutcome outcome = core(id).read_index(request);
  drain(id);
  return outcome;
}

Changed Cluster::change(NodeId id, const Configuration& wanted) {
  Changed changed = core(id).change_membership(wanted);
  drain(id);
  return changed;
}

TransferOutcome Cluster::transfer(NodeId id, NodeId to) {
  TransferOutcome outcome = core(id).transfer_leadership(to);
  drain(id);
  return outcome;
}

void Cluster::compact(NodeId id, Index index) {
  Member& m = member(id);
  index = std::min({index, m.core->status().applied, m.durable.last()});
  if (index <= m.durable.start) return;
  for (Disk* disk : {&m.durable, &m.written}) {
    const Term term = disk->term_at(index);
    disk->config = disk->config_at(index).config;
    disk->entries.erase(disk->entries.begin(),
                        disk->entries.begin() + static_cast<std::ptrdiff_t>(index - disk->start));
    disk->start = index;
    disk->start_term = term;
  }
  m.core->compacted(index, m.written.start_term);
  drain(id);
}

void Cluster::resign(NodeId id, bool forever) {
  core(id).resign(forever);
  drain(id);
}

void Cluster::snapshot_failed(NodeId leader, NodeId peer) {
  core(leader).snapshot_sent(peer, false, 0);
  drain(leader);
}

bool Cluster::write_one(NodeId id) {
  Member& m = member(id);
  if (m.writing.empty() || id == hung_disk) return false;
  Persist persist = std::move(m.writing.front());
  m.writing.pop_front();
  m.durable.write(persist);
  m.unconfirmed.push_back(persist.token);
  for (Message& message : persist.messages_after) {
    Packet packet;
    packet.message = std::move(message);
    send(std::move(packet));
  }
  return true;
}

bool Cluster::confirm_one(NodeId id) {
  Member& m = member(id);
  if (m.unconfirmed.empty() || !m.core) return false;
  const PersistToken token = m.unconfirmed.front();
  m.unconfirmed.pop_front();
  m.core->persisted(token);
  drain(id);
  return true;
}

void Cluster::flush(NodeId id) {
  while (write_one(id) || confirm_one(id)) {
  }
}

void Cluster::apply_one(NodeId id) {
  Member& m = member(id);
  if (m.unapplied.empty() || !m.core) return;
  Entry entry = m.unapplied.front();
  m.unapplied.erase(m.unapplied.begin());
  apply(m, {entry});
  drain(id);
}

void Cluster::drain(NodeId id) {
  Member& m = member(id);
  while (m.core && m.core->has_ready()) {
    carry_out(m, m.core->take_ready());
    if (!slow_disks) {
      // Nested: a confirmed write may make the next Ready.
      while (write_one(id)) {
        m.core->persisted(m.unconfirmed.front());
        m.unconfirmed.pop_front();
      }
    }
  }
  if (!m.core) return;
  m.watch.observe(*m.core);
  if (m.core->config() != m.written.config_at(m.written.last()).config) {
    throw std::runtime_error(std::to_string(id) + " is in another configuration than its log's");
  }
}

void Cluster::carry_out(Member& m, Ready ready) {
  if (on_ready) on_ready(m, ready);
  for (Message& message : ready.messages) {
    Packet packet;
    packet.message = std::move(message);
    send(std::move(packet));
  }
  if (ready.persist) {
    m.written.write(*ready.persist);
    m.writing.push_back(std::move(*ready.persist));
  }
  m.reads.insert(m.reads.end(), ready.reads.begin(), ready.reads.end());
  m.failed_reads.insert(m.failed_reads.end(), ready.failed_reads.begin(), ready.failed_reads.end());
  if (slow_apply) {
    m.unapplied.insert(m.unapplied.end(), ready.committed.begin(), ready.committed.end());
  } else {
    apply(m, std::move(ready.committed));
  }
  for (const LogRead& read : ready.log_reads) answer(m, read);
  for (const SnapshotNeeded& needed : ready.snapshots) {
    Packet packet;
    packet.kind = Packet::Kind::kSnapshot;
    packet.message.from = m.id;
    packet.message.to = needed.peer;
    packet.message.term = m.core->term();
    const Index index = m.core->status().applied;
    packet.state = m.applied;
    packet.meta = SnapshotMeta{index, m.written.term_at(index), m.written.config_at(index).config};
    send(std::move(packet));
  }
}

void Cluster::apply(Member& m, std::vector<Entry> entries) {
  if (entries.empty()) return;
  for (const Entry& entry : entries) {
    m.applied.push_back(entry);
    if (on_apply) on_apply(m, entry);
  }
  m.core->applied(entries.back().index);
}

void Cluster::answer(Member& m, const LogRead& read) {
  std::vector<Entry> entries;
  std::size_t bytes = 0;
  for (Index i = read.from; i > m.written.start && i <= std::min(read.to, m.written.last()); ++i) {
    const Entry& entry = m.written.entries[i - m.written.start - 1];
    bytes += entry.bytes();
    if (!entries.empty() && bytes > read.max_bytes) break;
    entries.push_back(entry);
  }
  m.core->log_read(read, std::move(entries));
}

void Cluster::send(Packet packet) {
  if (on_send) on_send(packet);
  network.push_back(std::move(packet));
}

void Cluster::deliver(const Packet& packet) {
  const NodeId to = packet.message.to;
  if (members_.count(to) == 0 || !up(to) || cut_between(packet.message.from, to)) return;
  Member& m = member(to);
  switch (packet.kind) {
    case Packet::Kind::kMessage:
      m.core->step(packet.message);
      break;
    case Packet::Kind::kSnapshot:
      receive_snapshot(m, packet);
      break;
    case Packet::Kind::kSnapshotDone:
      m.core->snapshot_sent(packet.message.from, packet.ok, packet.meta.index);
      break;
  }
  drain(to);
}

void Cluster::receive_snapshot(Member& m, const Packet& packet) {
  const NodeId from = packet.message.from;
  bool wanted = m.core->wants_snapshot(from, packet.message.term, packet.meta);
  if (wanted) {
    // What was being written comes first in the log; then the question again, before installing.
    drain(m.id);
    flush(m.id);
    wanted = m.core->wants_snapshot(from, packet.message.term, packet.meta);
  }
  drain(m.id);
  flush(m.id);
  if (wanted) {
    m.applied = packet.state;
    m.unapplied.clear();
    for (Disk* disk : {&m.durable, &m.written}) {
      disk->entries.clear();
      disk->start = packet.meta.index;
      disk->start_term = packet.meta.term;
      disk->config = packet.meta.config;
    }
    m.core->snapshot_installed(from, packet.meta);
  }
  Packet done = packet;
  done.kind = Packet::Kind::kSnapshotDone;
  done.ok = wanted;
  std::swap(done.message.from, done.message.to);
  send(std::move(done));
}

bool Cluster::deliver_all(int limit) {
  while (!network.empty() && limit-- > 0) {
    Packet packet = std::move(network.front());
    network.pop_front();
    deliver(packet);
  }
  return network.empty();
}

bool Cluster::settle(int limit) {
  while (limit-- > 0) {
    bool busy = !network.empty();
    if (!deliver_all()) return false;
    for (NodeId id : ids_) {
      busy |= !member(id).writing.empty() || !member(id).unconfirmed.empty();
      if (up(id)) flush(id);
    }
    if (!busy) return true;
  }
  return false;
}

bool Cluster::run(int turns) {
  bool rests = true;
  for (int i = 0; i < turns && rests; ++i) {
    tick_all();
    rests = settle();
  }
  return rests;
}

NodeId Cluster::leader() {
  NodeId best = kNobody;
  for (NodeId id : ids_) {
    if (!up(id) || core(id).role() != Role::kLeader) continue;
    if (best == kNobody || core(id).term() > core(best).term()) best = id;
  }
  return best;
}

std::vector<std::string> Cluster::applied(NodeId id) {
  std::vector<std::string> out;
  for (const Entry& entry : member(id).applied) {
    if (entry.kind == EntryKind::kCommand) out.push_back(entry.data ? *entry.data : "");
  }
  return out;
}

Term Cluster::log_term(NodeId id, Index index) {
  return member(id).written.term_at(index);
}

NodeId Cluster::elect(NodeId id) {
  campaign(id);
  settle();
  return leader();
}

}  // namespace cairn::raft::test
