// The hello on a connection, from open to up:
//
//   dialler                       acceptor
//     Hello ------------------------>      its node gives a verdict
//          <------------ Hello, HelloReply
//     own node gives a verdict
//     HelloReply -------------------->     up: both accepted
//   up: both accepted
//
// A refusal is said in the reply; whoever reads it closes.
#include <utility>

#include "net/peer_set_impl.h"

namespace cairn::net {

using Verdict = HelloReply::Verdict;

bool PeerSet::Impl::cluster_fits(const DecodedFrame& frame) const {
  return frame.cluster_id == 0 || cluster_id == 0 || frame.cluster_id == cluster_id;
}

bool PeerSet::Impl::send_on(Link& link, const PeerMessage& message) {
  std::string frame;
  encode_frame(message, cluster_id, options.self, link.peer, frame);
  return transmit(link.id, std::move(frame));
}

void PeerSet::Impl::on_handshake_frame(Link& link, DecodedFrame frame) {
  // A dialled link knows whom it called; an accepted one learns it from the hello. A hello meant
  // for another node comes of a wrong address, and is no business of ours.
  if (frame.to != options.self || (link.peer != raft::kNobody && frame.from != link.peer)) {
    reject(link.id, "identity");
  } else if (std::holds_alternative<Hello>(frame.message) && !link.heard) {
    on_hello(link, std::move(frame));
  } else if (const auto* reply = std::get_if<HelloReply>(&frame.message);
             reply != nullptr && link.peer != raft::kNobody && !link.accepted_us) {
    on_hello_reply(link, *reply);
  } else {
    reject(link.id, "unexpected");
  }
}

/// What needs no node to be refused. It can't be asked about a peer that it never added.
std::optional<Verdict> PeerSet::Impl::own_verdict(const DecodedFrame& frame) const {
  const auto& hello = std::get<Hello>(frame.message);
  if (peers.find(frame.from) == peers.end()) return Verdict::kUnknownNode;
  if (!cluster_fits(frame)) return Verdict::kForeignCluster;
  if (hello.protocol_min > kProtocolMax || hello.protocol_max < kProtocolMin) {
    return Verdict::kProtocol;
  }
  // A peer that takes less than we may send could never be brought up to date (hazard N9).
  if (hello.frame_bytes_max < kFrameBytesMax) return Verdict::kProtocol;
  return std::nullopt;
}

void PeerSet::Impl::on_hello(Link& link, DecodedFrame frame) {
  auto& hello = std::get<Hello>(frame.message);
  if (link.asks) return reject(link.id, "unexpected");  // only an answer may come
  if (!link.dialled && options.self < frame.from) return on_question(link, frame);
  if (link.dialled && hello.channel != link.channel) return reject(link.id, "unexpected");
  link.heard = true;
  link.peer = frame.from;
  link.channel = hello.channel;
  if (const auto verdict = own_verdict(frame)) {
    ++metrics.frames_rejected["hello"];
    return refuse(link, *verdict);
  }
  std::vector<BootNonce> boots = std::exchange(hello.boots, {});
  link.hello = hello;
  hello.boots = std::move(boots);
  auto verdict = [weak = weak_from_this(), id = link.id](Verdict said) {
    const auto self = weak.lock();
    if (!self || self->stopped) return;
    // Acted on as an event of its own: the answer asks the node for its hello.
    self->emit([raw = self.get(), id, said](PeerEvents&) { raw->on_verdict(id, said); });
  };
  emit([theirs = std::move(hello), verdict = std::move(verdict)](PeerEvents& e) {
    e.on_hello(theirs, verdict);
  });
}

/// A higher id, which ours is to dial, asks why we don't (decision 0003). A stranger to this
/// cluster is told so; a peer is dialled now, whatever the backoff.
void PeerSet::Impl::on_question(Link& link, const DecodedFrame& frame) {
  link.heard = true;
  link.peer = frame.from;
  if (peers.find(frame.from) != peers.end()) {
    refuse(link, Verdict::kBusy);
    dial(frame.from, Channel::kControl);
    dial(frame.from, Channel::kBulk);
    return;
  }
  ++metrics.frames_rejected["hello"];
  // One that belongs elsewhere, or asks a node that belongs nowhere yet, learns nothing from us.
  const bool ours = cluster_id != 0 && cluster_fits(frame);
  refuse(link, ours ? Verdict::kUnknownNode : Verdict::kBusy);
}

void PeerSet::Impl::on_verdict(ConnectionId id, Verdict verdict) {
  Link* const link = find(id);
  if (stopped || link == nullptr || link->state != Link::State::kHello || link->accepted) return;
  // The acceptor's hello goes out with the verdict, be it yes or no: it carries the founding
  // record, which a refused node may need (unfounded, wiped).
  if (!link->dialled && !send_on(*link, events.make_hello(link->peer, link->channel))) {
    return drop(id);
  }
  if (verdict != Verdict::kAccepted) return refuse(*link, verdict);
  link->accepted = true;
  if (!send_on(*link, HelloReply{Verdict::kAccepted, kProtocolMax})) return drop(id);
  close_links_of_other_boots(*link);
  go_up_if_agreed(id);
}

void PeerSet::Impl::refuse(Link& link, Verdict verdict) {
  const auto known = peers.find(link.peer);
  if (link.dialled && known != peers.end()) {
    known->second.lines[slot(link.channel)].backoff = options.backoff_max;
  }
  link.state = Link::State::kRefused;
  if (!send_on(link, HelloReply{verdict, kProtocolMax})) drop(link.id);
}

void PeerSet::Impl::on_hello_reply(Link& link, const HelloReply& reply) {
  const ConnectionId id = link.id;
  if (reply.verdict == Verdict::kAccepted) {
    // Said together with, or after, the hello of its sender.
    if (!link.heard || link.asks) return reject(id, "unexpected");
    link.accepted_us = true;
    return go_up_if_agreed(id);
  }
  if (link.dialled) peers.at(link.peer).lines[slot(link.channel)].backoff = options.backoff_max;
  emit([from = link.peer, verdict = reply.verdict](PeerEvents& e) { e.on_refused(from, verdict); });
  drop(id);
}

/// The node has just accepted this boot of the peer, so it is the newest: what still hangs on
/// connections of an earlier one must not be heard any more (hazard N1).
void PeerSet::Impl::close_links_of_other_boots(const Link& link) {
  std::vector<ConnectionId> old;
  for (const auto& [id, other] : links) {
    const bool same = other.hello.incarnation == link.hello.incarnation &&
                      other.hello.boot == link.hello.boot && other.hello.nonce == link.hello.nonce;
    if (other.peer == link.peer && other.accepted && !same) old.push_back(id);
  }
  for (const ConnectionId id : old) drop(id);
}

void PeerSet::Impl::go_up_if_agreed(ConnectionId id) {
  Link* const link = find(id);
  if (link == nullptr || !link->accepted || !link->accepted_us) return;
  Peer::Line& line = peers.at(link->peer).lines[slot(link->channel)];
  if (line.up != 0) drop(line.up);  // the newest wins: the dialler has given the old one up
  line.up = id;
  if (line.dialling == id) line.dialling = 0;
  line.backoff = options.backoff_min;
  link->state = Link::State::kUp;
  transport.trust(id);
  emit([from = link->peer, channel = link->channel, hello = link->hello](PeerEvents& e) {
    e.on_up(from, channel, hello);
  });
}

}  // namespace cairn::net
