#include <algorithm>
#include <utility>
#include <vector>

#include "kv/node/snapshot_streams.h"

namespace cairn::kv {
namespace {

constexpr Micros kStandstill = std::chrono::seconds{15};

}  // namespace

bool SnapshotInbox::current(const std::shared_ptr<Install>& install) const {
  const auto it = installs_.find(install->group);
  return it != installs_.end() && it->second == install;
}

void SnapshotInbox::acknowledge(const Install& install, bool done, bool failed) {
  net::SnapshotAck ack;
  ack.group = install.group;
  ack.stream = install.stream;
  ack.next = install.next;
  ack.done = done;
  ack.failed = failed;
  host_.send_bulk(install.from, net::PeerMessage(ack));
}

void SnapshotInbox::on_chunk(raft::NodeId from, net::SnapshotChunk chunk) {
  const auto it = installs_.find(chunk.group);
  const bool known =
      it != installs_.end() && it->second->from == from && it->second->stream == chunk.stream;
  if (!known && !begin(from, chunk)) {
    host_.send_bulk(from,
                    net::PeerMessage(net::SnapshotAck{chunk.group, chunk.stream, 0, false, true}));
    return;
  }
  const std::shared_ptr<Install> install = installs_.at(chunk.group);
  if (chunk.sequence != install->next || chunk.meta != install->meta || install->finishing) return;
  ++install->next;
  install->progress = host_.now();
  // Each chunk is word from the leader: it keeps this follower's election timer quiet.
  Replica* replica = host_.replica(chunk.group);
  if (replica == nullptr || !replica->wants_snapshot(from, chunk.term, chunk.meta)) {
    fail(install);
    return;
  }
  add(install, std::move(chunk.bytes), chunk.last);
}

bool SnapshotInbox::begin(raft::NodeId from, const net::SnapshotChunk& chunk) {
  const auto it = installs_.find(chunk.group);
  if (it != installs_.end() && it->second->finishing) return false;
  Replica* replica = host_.replica(chunk.group);
  if (chunk.sequence != 0 || replica == nullptr ||
      !replica->wants_snapshot(from, chunk.term, chunk.meta))
    return false;
  auto install = std::make_shared<Install>();
  install->group = chunk.group;
  install->from = from;
  install->stream = chunk.stream;
  install->term = chunk.term;
  install->meta = chunk.meta;
  install->progress = host_.now();
  install->error = std::make_shared<boost::system::error_code>();
  if (it != installs_.end()) drop_sink(it->second);
  installs_[chunk.group] = install;
  host_.on_apply(
      [install](Engine& engine) {
        auto sink = engine.install(install->group, install->meta);
        if (sink)
          install->sink = std::move(*sink);
        else
          *install->error = sink.error();
      },
      [] {});
  return true;
}

void SnapshotInbox::add(const std::shared_ptr<Install>& install, std::string bytes, bool last) {
  host_.on_apply(
      [install, bytes = std::move(bytes)](Engine&) {
        if (*install->error || !install->sink) return;
        if (const auto added = install->sink->add(bytes); !added) *install->error = added.error();
      },
      [this, install, last] {
        if (!current(install)) return;
        if (*install->error) {
          fail(install);
        } else if (last) {
          finish(install);
        } else {
          acknowledge(*install, false, false);
        }
      });
}

void SnapshotInbox::finish(const std::shared_ptr<Install>& install) {
  Replica* replica = host_.replica(install->group);
  if (replica == nullptr || !replica->wants_snapshot(install->from, install->term, install->meta)) {
    fail(install);
    return;
  }
  install->finishing = true;
  replica->freeze();
  auto state = std::make_shared<EngineGroup>();
  host_.on_apply(
      [install, state](Engine& engine) {
        if (const auto flipped = install->sink->finish(); !flipped) {
          *install->error = flipped.error();
          return;
        }
        install->sink.reset();
        for (EngineGroup& g : engine.groups())
          if (g.group == install->group) *state = std::move(g);
      },
      [this, install, state] {
        if (!current(install)) return;
        if (*install->error)
          fail(install);
        else
          flipped(install, *state);
      });
}

void SnapshotInbox::flipped(const std::shared_ptr<Install>& install, const EngineGroup& state) {
  host_.flush_engine([this, install, state](bool flushed) {
    if (!flushed || !current(install)) return;  // the engine failed: the node is fenced
    host_.reset_log(state.group, install->meta, [this, install, state] {
      if (!current(install)) return;
      ++counters_.installed;
      if (Replica* replica = host_.replica(state.group))
        replica->snapshot_installed(install->from, install->meta, state);
      acknowledge(*install, true, false);
      installs_.erase(state.group);
    });
  });
}

void SnapshotInbox::fail(const std::shared_ptr<Install>& install) {
  ++counters_.install_failed;
  acknowledge(*install, false, true);
  if (Replica* replica = host_.replica(install->group)) replica->thaw();
  installs_.erase(install->group);
  drop_sink(install);
}

bool SnapshotInbox::finishing(raft::GroupId group) const {
  const auto it = installs_.find(group);
  return it != installs_.end() && it->second->finishing;
}

void SnapshotInbox::drop(raft::GroupId group) {
  const auto it = installs_.find(group);
  if (it == installs_.end()) return;
  const std::shared_ptr<Install> install = it->second;
  fail(install);
}

/// A sink is made, used and dropped on the apply executor alone.
void SnapshotInbox::drop_sink(const std::shared_ptr<Install>& install) {
  host_.on_apply([install](Engine&) { install->sink.reset(); }, [] {});
}

void SnapshotInbox::stop() {
  for (const auto& [group, install] : std::exchange(installs_, {})) drop_sink(install);
}

void SnapshotInbox::peer_down(raft::NodeId peer) {
  std::vector<std::shared_ptr<Install>> lost;
  for (const auto& [group, install] : installs_)
    if (install->from == peer && !install->finishing) lost.push_back(install);
  for (const auto& install : lost) fail(install);
}

void SnapshotInbox::tick() {
  std::vector<std::shared_ptr<Install>> stale;
  for (const auto& [group, install] : installs_)
    if (!install->finishing && host_.now() - install->progress > kStandstill)
      stale.push_back(install);
  for (const auto& install : stale) fail(install);
}

}  // namespace cairn::kv
