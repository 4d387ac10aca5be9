#include <algorithm>
#include <utility>
#include <vector>

#include "kv/node/snapshot_streams.h"

namespace cairn::kv {
namespace {

constexpr std::size_t kChunkBytes = 256u << 10;
constexpr std::uint64_t kWindowChunks = 8;
constexpr std::size_t kStreamsMax = 4;
constexpr Micros kStandstill = std::chrono::seconds{10};

}  // namespace

void SnapshotOutbox::start(raft::GroupId group, raft::NodeId peer, raft::Term term) {
  for (const auto& [id, stream] : streams_)
    if (stream->group == group && stream->peer == peer) return;
  Replica* replica = host_.replica(group);
  if (replica == nullptr) return;
  if (streams_.size() >= kStreamsMax || !host_.bulk_has_room(peer)) {
    replica->snapshot_sent(peer, false, 0);  // the core asks again after its timer
    return;
  }
  auto stream = std::make_shared<Stream>();
  stream->id = ++last_id_;
  stream->group = group;
  stream->peer = peer;
  stream->term = term;
  stream->progress = host_.now();
  stream->floor = replica->applied();
  streams_.emplace(stream->id, stream);
  open(stream);
}

void SnapshotOutbox::open(const std::shared_ptr<Stream>& stream) {
  auto opened = std::make_shared<std::shared_ptr<SnapshotSource>>();
  stream->reading = true;
  host_.on_read(
      [engine = host_.shared_engine(), group = stream->group, opened] {
        if (auto source = engine->snapshot(group)) *opened = std::move(*source);
      },
      [this, stream, opened] {
        stream->reading = false;
        if (streams_.count(stream->id) == 0) return;
        if (!*opened) {
          end(stream, false);
          return;
        }
        stream->source = std::move(*opened);
        advance(stream);
      });
}

void SnapshotOutbox::advance(const std::shared_ptr<Stream>& stream) {
  if (stream->reading || stream->ended || !stream->source) return;
  if (stream->next >= stream->acknowledged + kWindowChunks || !host_.bulk_has_room(stream->peer))
    return;
  stream->reading = true;
  using Chunk = boost::system::result<std::optional<std::string>>;
  auto chunk = std::make_shared<Chunk>(std::optional<std::string>{});
  host_.on_read([source = stream->source, chunk] { *chunk = source->next(kChunkBytes); },
                [this, stream, chunk] {
                  stream->reading = false;
                  if (streams_.count(stream->id) != 0) was_read(stream, std::move(*chunk));
                });
}

void SnapshotOutbox::was_read(const std::shared_ptr<Stream>& stream,
                              boost::system::result<std::optional<std::string>> chunk) {
  if (!chunk) {
    end(stream, false);
    return;
  }
  stream->ended = !chunk->has_value();
  if (stream->has_held && !send(*stream, stream->ended)) {
    end(stream, false);
    return;
  }
  stream->has_held = chunk->has_value();
  if (chunk->has_value()) stream->held = std::move(**chunk);
  advance(stream);
}

bool SnapshotOutbox::send(Stream& stream, bool last) {
  net::SnapshotChunk chunk;
  chunk.group = stream.group;
  chunk.stream = stream.id;
  chunk.term = stream.term;
  chunk.meta = stream.source->meta();
  chunk.sequence = stream.next++;
  chunk.last = last;
  chunk.bytes = std::exchange(stream.held, {});
  stream.progress = host_.now();
  return host_.send_bulk(stream.peer, net::PeerMessage(std::move(chunk)));
}

void SnapshotOutbox::on_ack(raft::NodeId from, const net::SnapshotAck& ack) {
  const auto it = streams_.find(ack.stream);
  if (it == streams_.end()) return;
  const std::shared_ptr<Stream> stream = it->second;
  if (stream->peer != from || stream->group != ack.group || ack.next > stream->next) return;
  if (ack.failed || ack.done) {
    end(stream, ack.done);
    return;
  }
  if (ack.next > stream->acknowledged) {
    stream->acknowledged = ack.next;
    stream->progress = host_.now();
  }
  advance(stream);
}

void SnapshotOutbox::end(const std::shared_ptr<Stream>& stream, bool ok) {
  streams_.erase(stream->id);
  ++(ok ? counters_.sent : counters_.send_failed);
  const raft::Index index = ok && stream->source ? stream->source->meta().index : 0;
  if (Replica* replica = host_.replica(stream->group))
    replica->snapshot_sent(stream->peer, ok, index);
}

void SnapshotOutbox::peer_down(raft::NodeId peer) {
  const Streams streams = streams_;
  for (const auto& [id, stream] : streams)
    if (stream->peer == peer) end(stream, false);
}

void SnapshotOutbox::keep_members(raft::GroupId group, const raft::Configuration& config) {
  const auto named = [&](raft::NodeId peer) {
    for (const auto* list : {&config.voters, &config.voters_outgoing, &config.learners})
      if (std::find(list->begin(), list->end(), peer) != list->end()) return true;
    return false;
  };
  const Streams streams = streams_;
  for (const auto& [id, stream] : streams)
    if (stream->group == group && !named(stream->peer)) end(stream, false);
}

void SnapshotOutbox::tick() {
  const Streams streams = streams_;
  for (const auto& [id, stream] : streams) {
    const Replica* replica = host_.replica(stream->group);
    const bool leads =
        replica != nullptr && replica->leads() && replica->core().term() == stream->term;
    if (!leads || host_.now() - stream->progress > kStandstill)
      end(stream, false);
    else
      advance(stream);
  }
}

std::optional<raft::Index> SnapshotOutbox::pinned(raft::GroupId group) const {
  std::optional<raft::Index> lowest;
  for (const auto& [id, stream] : streams_) {
    if (stream->group != group) continue;
    const raft::Index index = stream->source ? stream->source->meta().index : stream->floor;
    if (!lowest || index < *lowest) lowest = index;
  }
  return lowest;
}

}  // namespace cairn::kv
