#include "net/peer_set_impl.h"

#include <cstring>

#include "net/frame.h"

namespace cairn::net {
namespace {

/// Reasons of Transport::Callbacks::on_close that speak of bytes and not of the connection.
bool speaks_of_a_frame(const char* reason) {
  for (const char* word : {"garbage", "too_large", "checksum", "version", "wrong_door"}) {
    if (std::strcmp(reason, word) == 0) return true;
  }
  return false;
}

}  // namespace

boost::system::result<void> PeerSet::Impl::start() {
  Transport::Callbacks callbacks;
  callbacks.on_open = [weak = weak_from_this()](ConnectionId id, bool dialled) {
    if (const auto self = weak.lock()) self->on_open(id, dialled);
  };
  callbacks.on_frame = [weak = weak_from_this()](ConnectionId id, std::string frame) {
    if (const auto self = weak.lock()) self->on_frame(id, std::move(frame));
  };
  callbacks.on_close = [weak = weak_from_this()](ConnectionId id, const char* reason) {
    if (const auto self = weak.lock()) self->on_close(id, reason);
  };
  if (auto listening = transport.start(std::move(callbacks)); !listening) return listening;
  started = true;
  for (const auto& [id, peer] : peers) begin_dialling(id);
  return {};
}

void PeerSet::Impl::stop() {
  if (stopped) return;
  stopped = true;
  news.clear();
  links.clear();
  for (auto& [id, peer] : peers) {
    peer.lines = {};
    peer.gathered.clear();
    peer.gathered_bytes = 0;
  }
  transport.stop();
}

void PeerSet::Impl::add_peer(raft::NodeId id, std::string address) {
  if (stopped || id == options.self || id == raft::kNobody) return;
  const auto [at, fresh] = peers.try_emplace(id);
  Peer& peer = at->second;
  // Numbers of planned dials go on where a peer of this id that was removed may have left off.
  if (fresh)
    for (Peer::Line& line : peer.lines) line.redial = redials += std::uint64_t{1} << 32;
  if (!fresh && peer.address == address) return;
  peer.address = std::move(address);
  for (Peer::Line& line : peer.lines) line.backoff = options.backoff_min;
  if (started) begin_dialling(id);
}

void PeerSet::Impl::remove_peer(raft::NodeId id) {
  reset(id);  // plans a dial that finds nobody to dial
  peers.erase(id);
}

void PeerSet::Impl::reset(raft::NodeId id) {
  const auto known = peers.find(id);
  if (known == peers.end()) return;
  for (Peer::Line& line : known->second.lines) line.backoff = options.backoff_min;
  std::vector<ConnectionId> gone;
  for (const auto& [connection, link] : links) {
    if (link.peer == id) gone.push_back(connection);
  }
  for (const ConnectionId connection : gone) drop(connection);
}

// --- dialling ----------------------------------------------------------------------------------

void PeerSet::Impl::begin_dialling(raft::NodeId id) {
  if (!ours_to_dial(id)) return plan_dial(id, Channel::kControl, options.ask_after);
  dial(id, Channel::kControl);
  dial(id, Channel::kBulk);
}

void PeerSet::Impl::dial(raft::NodeId id, Channel channel) {
  const auto at = peers.find(id);
  if (stopped || at == peers.end()) return;
  Peer::Line& line = at->second.lines[slot(channel)];
  if (line.up != 0 || line.dialling != 0) return;
  ++line.redial;
  Link link;
  link.id = transport.dial(at->second.address);
  link.dialled = true;
  link.asks = !ours_to_dial(id);
  link.peer = id;
  link.channel = channel;
  line.dialling = link.id;
  close_if_slow(link.id);
  links.emplace(link.id, std::move(link));
}

void PeerSet::Impl::plan_dial(raft::NodeId id, Channel channel, std::chrono::milliseconds delay) {
  const std::uint64_t number = ++peers.at(id).lines[slot(channel)].redial;
  clock.call_after(delay, [weak = weak_from_this(), id, channel, number] {
    const auto self = weak.lock();
    if (!self || self->stopped) return;
    const auto at = self->peers.find(id);
    if (at == self->peers.end()) return;  // removed meanwhile
    if (at->second.lines[slot(channel)].redial == number) self->dial(id, channel);
  });
}

void PeerSet::Impl::close_if_slow(ConnectionId id) {
  clock.call_after(options.hello_timeout, [weak = weak_from_this(), id] {
    const auto self = weak.lock();
    if (!self || self->stopped) return;
    const Link* const link = self->find(id);
    if (link == nullptr || link->state == Link::State::kUp) return;
    self->drop(id);
    self->drain();
  });
}

// --- what the transport says -------------------------------------------------------------------

void PeerSet::Impl::on_open(ConnectionId id, bool dialled) {
  if (stopped) return;
  drain_due = true;
  if (!dialled) {
    Link link;
    link.id = id;
    link.state = Link::State::kHello;
    links.emplace(id, std::move(link));
    close_if_slow(id);
  } else if (Link* const link = find(id); link != nullptr) {  // else dropped on its way
    link->state = Link::State::kHello;
    if (!send_on(*link, events.make_hello(link->peer, link->channel))) drop(id);
  }
  drain();
}

void PeerSet::Impl::on_frame(ConnectionId id, std::string bytes) {
  Link* const link = find(id);
  if (stopped || link == nullptr || link->state == Link::State::kRefused) return;
  drain_due = true;
  ++metrics.frames_received;
  metrics.bytes_received += bytes.size();
  auto frame = decode_checked_frame(bytes);
  if (!frame) {
    reject(id, close_reason(frame.error()));
  } else if (link->state != Link::State::kUp) {
    on_handshake_frame(*link, std::move(*frame));
  } else if (frame->from != link->peer || frame->to != options.self) {
    reject(id, "identity");
  } else if (frame->cluster_id != cluster_id) {
    reject(id, "cluster");
  } else if (std::holds_alternative<Hello>(frame->message) ||
             std::holds_alternative<HelloReply>(frame->message)) {
    reject(id, "unexpected");
  } else {
    deliver(id, std::move(frame->message));
  }
  drain();
}

void PeerSet::Impl::on_close(ConnectionId id, const char* reason) {
  if (stopped) return;
  drain_due = true;
  if (speaks_of_a_frame(reason)) ++metrics.frames_rejected[reason];
  drop(id);
  drain();
}

void PeerSet::Impl::reject(ConnectionId id, const char* reason) {
  ++metrics.frames_rejected[reason];
  drop(id);
}

void PeerSet::Impl::drop(ConnectionId id) {
  const auto at = links.find(id);
  if (at == links.end()) return;
  const Link link = std::move(at->second);
  links.erase(at);
  transport.close(id);
  const auto known = peers.find(link.peer);
  if (known == peers.end()) return;
  Peer& peer = known->second;
  Peer::Line& line = peer.lines[slot(link.channel)];
  if (line.up == id) {
    line.up = 0;
    emit([from = link.peer, channel = link.channel](PeerEvents& e) { e.on_down(from, channel); });
    if (link.channel == Channel::kControl) {
      metrics.messages_dropped += peer.gathered.size();
      peer.gathered.clear();
      peer.gathered_bytes = 0;
    }
  }
  if (line.dialling == id) line.dialling = 0;
  if (line.up != 0 || line.dialling != 0) return;
  if (!ours_to_dial(link.peer)) {
    if (link.channel == Channel::kControl)
      plan_dial(link.peer, Channel::kControl, options.ask_after);
    return;
  }
  if (!link.dialled) return;
  plan_dial(link.peer, link.channel, line.backoff);
  line.backoff = std::min(options.backoff_max, line.backoff * 2);
}

// --- telling the node --------------------------------------------------------------------------

void PeerSet::Impl::emit(std::function<void(PeerEvents&)> event) {
  news.push_back(std::move(event));
  if (telling || drain_due) return;
  drain_due = true;
  home.post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->drain();
  });
}

void PeerSet::Impl::drain() {
  drain_due = false;
  while (!stopped && !news.empty()) {
    const auto event = std::move(news.front());
    news.pop_front();
    tell(event);
  }
}

void PeerSet::Impl::deliver(ConnectionId id, PeerMessage message) {
  drain();  // what happened before; the node may have closed the link over it
  const Link* const link = find(id);
  if (stopped || link == nullptr) return;
  const auto hand_over = [&, from = link->peer, channel = link->channel](PeerEvents& e) {
    e.on_message(from, channel, std::move(message));
  };
  tell(hand_over);
}

}  // namespace cairn::net
