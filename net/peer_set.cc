#include "net/peer_set.h"

#include <utility>

#include "net/peer_set_impl.h"

namespace cairn::net {
namespace {

/// A batch frame is closed when it is this large, so that a receiver may begin with the first part
/// while the rest is on its way. One message is never split.
constexpr std::size_t kBatchBytes = 4u << 20;

}  // namespace

ConnectionId PeerSet::Impl::up(raft::NodeId peer, Channel channel) const {
  const auto at = peers.find(peer);
  return at == peers.end() ? 0 : at->second.lines[slot(channel)].up;
}

std::size_t PeerSet::Impl::queue_room(ConnectionId id, Channel channel) const {
  const std::size_t max =
      channel == Channel::kControl ? options.control_queue_bytes_max : options.bulk_queue_bytes_max;
  const std::size_t queued = transport.queued_bytes(id);
  return queued < max ? max - queued : 0;
}

bool PeerSet::Impl::transmit(ConnectionId id, std::string frame) {
  const std::size_t bytes = frame.size();
  if (!transport.send(id, std::move(frame))) return false;
  ++metrics.frames_sent;
  metrics.bytes_sent += bytes;
  return true;
}

void PeerSet::Impl::send_raft(raft::NodeId to, raft::GroupId group, raft::Message message) {
  const ConnectionId id = up(to, Channel::kControl);
  const std::size_t bytes = id == 0 ? 0 : raft_message_bytes(message);
  if (id == 0 || raft_batch_base_bytes() + bytes > kFrameBytesMax) {
    ++metrics.messages_dropped;
    return;
  }
  Peer& peer = peers.at(to);
  if (peer.gathered_bytes + bytes > queue_room(id, Channel::kControl)) {
    ++metrics.messages_dropped;
    return;
  }
  peer.gathered_bytes += bytes;
  peer.gathered.push_back({group, std::move(message)});
}

void PeerSet::Impl::flush(raft::NodeId id, Peer& peer, std::uint64_t wall_ms) {
  const ConnectionId connection = peer.lines[slot(Channel::kControl)].up;
  const Envelope envelope{cluster_id, options.self, id};
  const std::span<const GroupMessage> all(peer.gathered);
  for (std::size_t begin = 0; begin < all.size();) {
    std::size_t end = begin;
    std::size_t bytes = raft_batch_base_bytes();
    while (end < all.size() && end - begin < kRaftMessagesMax) {
      const std::size_t more = raft_message_bytes(all[end].message);
      if (end != begin && bytes + more > kBatchBytes) break;
      bytes += more;
      ++end;
    }
    std::string frame;
    frame.reserve(bytes);
    encode_raft_batch(all.subspan(begin, end - begin), wall_ms, envelope, frame);
    if (!transmit(connection, std::move(frame))) metrics.messages_dropped += end - begin;
    begin = end;
  }
  peer.gathered.clear();
  peer.gathered_bytes = 0;
}

bool PeerSet::Impl::send(raft::NodeId to, Channel channel, const PeerMessage& message) {
  const ConnectionId id = up(to, channel);
  const std::size_t bytes = id == 0 ? 0 : frame_bytes(message);
  if (id == 0 || bytes > kFrameBytesMax || bytes > queue_room(id, channel)) {
    ++metrics.messages_dropped;
    return false;
  }
  std::string frame;
  encode_frame(message, cluster_id, options.self, to, frame);
  if (transmit(id, std::move(frame))) return true;
  ++metrics.messages_dropped;
  return false;
}

// --- the public face ---------------------------------------------------------------------------

PeerSet::PeerSet(Transport& transport, Clock& clock, wal::Executor& home, PeerEvents& events,
                 PeerSetOptions options)
    : impl_(std::make_shared<Impl>(transport, clock, home, events, options)) {}

PeerSet::~PeerSet() {
  impl_->stop();
}

boost::system::result<void> PeerSet::start() {
  return impl_->start();
}

void PeerSet::add_peer(raft::NodeId peer, std::string address) {
  impl_->add_peer(peer, std::move(address));
}

void PeerSet::remove_peer(raft::NodeId peer) {
  impl_->remove_peer(peer);
}

void PeerSet::set_cluster_id(std::uint64_t cluster_id) {
  impl_->cluster_id = cluster_id;
}

void PeerSet::send_raft(raft::NodeId to, raft::GroupId group, raft::Message message) {
  impl_->send_raft(to, group, std::move(message));
}

bool PeerSet::send(raft::NodeId to, Channel channel, const PeerMessage& message) {
  return impl_->send(to, channel, message);
}

void PeerSet::flush() {
  std::uint64_t wall_ms = 0;
  for (auto& [id, peer] : impl_->peers) {
    if (peer.gathered.empty()) continue;
    if (wall_ms == 0) wall_ms = impl_->clock.wall_ms();
    impl_->flush(id, peer, wall_ms);
  }
}

bool PeerSet::up(raft::NodeId peer, Channel channel) const {
  return impl_->up(peer, channel) != 0;
}

std::size_t PeerSet::queued_bytes(raft::NodeId peer, Channel channel) const {
  const ConnectionId id = impl_->up(peer, channel);
  if (id == 0) return 0;
  const std::size_t gathered =
      channel == Channel::kControl ? impl_->peers.at(peer).gathered_bytes : 0;
  return impl_->transport.queued_bytes(id) + gathered;
}

void PeerSet::reset(raft::NodeId peer) {
  impl_->reset(peer);
}

void PeerSet::stop() {
  impl_->stop();
}

PeerMetrics PeerSet::metrics() const {
  return impl_->metrics;
}

}  // namespace cairn::net
