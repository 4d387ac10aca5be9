#include "kv/sim/network.h"

#include <boost/system/errc.hpp>
#include <vector>

#include "net/frame.h"

namespace cairn::kv::sim {

namespace {

constexpr Time kUntrustedLife{5'000'000};

}  // namespace

std::unique_ptr<SimTransport> Network::attach(NodeId node, LifeId life, SimExecutor& home,
                                              std::string address) {
  // The machine is back and answers packets of connections it knows nothing of with a reset.
  for (auto& [number, connection] : connections_) {
    for (std::size_t side = 0; side < 2; ++side) {
      const Side& here = connection.sides[side];
      const Side& there = connection.sides[1 - side];
      if (here.node == node && !here.transport && there.transport) {
        enqueue(number, 1 - side, Item{{}, true});
      }
    }
  }
  return std::make_unique<SimTransport>(*this, node, life, home, std::move(address));
}

void Network::detach(SimTransport& transport, bool silent) {
  transport.stopped_ = true;
  std::erase_if(listeners_, [&](const auto& l) { return l.second == &transport; });
  std::vector<Number> dead;
  for (auto& [number, connection] : connections_) {
    for (std::size_t side = 0; side < 2; ++side) {
      Side& here = connection.sides[side];
      if (here.transport != &transport) continue;
      here.transport = nullptr;
      drop_coming(number, side);
      if (!connection.sides[1 - side].transport) {
        dead.push_back(number);
      } else if (silent) {
        break_at(number, queue_.now() + stall());
      } else {
        enqueue(number, 1 - side, Item{{}, true});
      }
    }
  }
  for (const Number number : dead) forget_if_dead(number);
}

void Network::cut(NodeId from, NodeId to) {
  if (!cut_.emplace(std::pair(from, to), cuts_ + 1).second) return;
  ++cuts_;
  for (const auto& [number, connection] : connections_) {
    const NodeId a = connection.sides[0].node;
    const NodeId b = connection.sides[1].node;
    if ((a == from && b == to) || (a == to && b == from)) break_later(number, from, to);
  }
}

void Network::heal(NodeId from, NodeId to) {
  if (cut_.erase({from, to}) == 0) return;
  for (auto& [number, connection] : connections_) {
    for (std::size_t side = 0; side < 2; ++side) {
      Side& here = connection.sides[side];
      if (here.node == to && connection.sides[1 - side].node == from) release(number, side);
    }
  }
}

// What was held up at this side arrives now, or is held up again by something else.
void Network::release(Number number, std::size_t side) {
  Side& here = connections_.at(number).sides[side];
  for (; here.stalled > 0; --here.stalled) schedule_arrival(number, side, 0);
}

void Network::heal_all() {
  std::vector<std::pair<NodeId, NodeId>> links;
  for (const auto& [link, which] : cut_) links.push_back(link);
  for (const auto& [from, to] : links) heal(from, to);
}

net::ConnectionId Network::dial(SimTransport& from, const std::string& address) {
  const Number number = ++last_number_;
  ++counters_.connections;
  Connection& connection = connections_[number];
  connection.sides[0].node = from.node_;
  connection.sides[0].transport = &from;
  const auto listener = listeners_.find(address);
  if (listener != listeners_.end()) connection.sides[1].node = listener->second->node_;
  queue_.at(queue_.now() + latency(0), 0, "knock",
            [this, number, address] { knock(number, address); });
  return id_of(number, 0);
}

void Network::knock(Number number, const std::string& address) {
  Side* dialler = find(number, 0);
  if (!dialler) return forget_if_dead(number);
  const auto listener = listeners_.find(address);
  if (listener == listeners_.end() || refusing_.contains(listener->second->node_)) {
    queue_.at(queue_.now() + latency(0), 0, "refused",
              [this, number] { lose(number, 0, "refused"); });
    return;
  }
  SimTransport& acceptor = *listener->second;
  Side& other = connections_.at(number).sides[1];
  other.node = acceptor.node_;
  if (either_cut(dialler->node, other.node)) {
    queue_.at(queue_.now() + law_.connect_timeout, 0, "refused",
              [this, number] { lose(number, 0, "refused"); });
    return;
  }
  other.transport = &acceptor;
  acceptor.told_.insert(id_of(number, 1));
  opened(number, 1);
  queue_.at(queue_.now() + latency(0), 0, "connected", [this, number] { opened(number, 0); });
}

void Network::opened(Number number, std::size_t side) {
  Side* here = find(number, side);
  if (!here || here->open) return;
  here->open = true;
  here->transport->tell_open(id_of(number, side), side == 0);
  queue_.at(queue_.now() + kUntrustedLife, 0, "hello-limit", [this, number, side] {
    const Side* s = find(number, side);
    if (s && !s->trusted) close(id_of(number, side), "closed");
  });
}

bool Network::send(net::ConnectionId id, std::string frames) {
  const Side* here = find(number_of(id), side_of(id));
  if (!here || !here->open) return false;
  if (queued_bytes(id) + frames.size() > law_.queue_bytes_max) return false;
  const std::size_t to_side = 1 - side_of(id);
  const NodeId to = connections_.at(number_of(id)).sides[to_side].node;
  Item item{std::move(frames), false};
  item.frames = tell_sent(here->node, to, here->transport->life_, item.bytes);
  enqueue(number_of(id), to_side, std::move(item));
  return true;
}

std::size_t Network::queued_bytes(net::ConnectionId id) const {
  const auto at = connections_.find(number_of(id));
  return at == connections_.end() ? 0 : at->second.sides[1 - side_of(id)].coming_bytes;
}

void Network::trust(net::ConnectionId id) {
  if (Side* here = find(number_of(id), side_of(id))) here->trusted = true;
}

// What has been handed to the network may still arrive, or may not: a seeded part of it does.
void Network::close(net::ConnectionId id, const char* reason) {
  const Number number = number_of(id);
  Side* here = find(number, side_of(id));
  if (!here) return;
  Side& there = connections_.at(number).sides[1 - side_of(id)];
  const std::size_t keep = random_.between(0, there.coming.size());
  while (there.coming.size() > keep) {
    there.coming_bytes -= there.coming.back().bytes.size();
    tell_ended(number, 1 - side_of(id), there.coming.back(), false);
    there.coming.pop_back();
  }
  lose(number, side_of(id), reason);
}

// The side learns that the connection is gone; the other one hears it through the network.
void Network::lose(Number number, std::size_t side, const char* reason) {
  Side* here = find(number, side);
  if (!here) return;
  SimTransport* transport = std::exchange(here->transport, nullptr);
  drop_coming(number, side);
  transport->tell_close(id_of(number, side), reason);
  if (find(number, 1 - side)) {
    enqueue(number, 1 - side, Item{{}, true});
  } else {
    forget_if_dead(number);
  }
}

void Network::forget_if_dead(Number number) {
  const auto at = connections_.find(number);
  if (at == connections_.end()) return;
  if (!at->second.sides[0].transport && !at->second.sides[1].transport) connections_.erase(at);
}

Network::Side* Network::find(Number number, std::size_t side) {
  const auto at = connections_.find(number);
  if (at == connections_.end() || !at->second.sides[side].transport) return nullptr;
  return &at->second.sides[side];
}

void Network::enqueue(Number number, std::size_t to_side, Item item) {
  Side& to = connections_.at(number).sides[to_side];
  const std::size_t bytes = item.bytes.size();
  to.coming_bytes += bytes;
  to.coming.push_back(std::move(item));
  schedule_arrival(number, to_side, bytes);
}

// Arrivals carry nothing: each takes the head of the queue, so the order holds whatever happens.
void Network::schedule_arrival(Number number, std::size_t to_side, std::size_t bytes) {
  Side& to = connections_.at(number).sides[to_side];
  to.last_arrival = std::max(to.last_arrival + Time(1), queue_.now() + latency(bytes));
  if (law_.loss_per_mille > 0 && chance(random_, law_.loss_per_mille)) {
    ++counters_.lost;
    to.last_arrival += law_.repeat_after;
  }
  queue_.at(to.last_arrival, 0, "arrive", [this, number, to_side] { arrive(number, to_side); });
}

void Network::arrive(Number number, std::size_t to_side) {
  Side* to = find(number, to_side);
  if (!to || to->coming.empty()) return;
  const NodeId from = connections_.at(number).sides[1 - to_side].node;
  if (is_held(*to, from)) {
    ++to->stalled;
    return;
  }
  Item item = std::move(to->coming.front());
  to->coming.pop_front();
  to->coming_bytes -= item.bytes.size();
  if (item.fin) return lose(number, to_side, "closed");
  tell_ended(number, to_side, item, true);
  deliver(number, to_side, std::move(item.bytes));
}

bool Network::is_held(const Side& to, NodeId from) const {
  return queue_.now() < to.held_until || is_cut(from, to.node) ||
         clogged_.contains({from, to.node});
}

void Network::deliver(Number number, std::size_t to_side, std::string bytes) {
  if (law_.corrupt_per_million > 0 && random_.next() % 1'000'000 < law_.corrupt_per_million) {
    ++counters_.corrupted;
    const std::uint64_t bit = random_.next() % (bytes.size() * 8);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  }
  trace_.add(id_of(number, to_side));
  trace_.add(bytes);
  std::string_view rest = bytes;
  while (!rest.empty()) {
    Side* to = find(number, to_side);
    if (!to) return;
    const auto header = net::parse_frame_header(
        rest, to->trusted ? net::kFrameBytesMax : net::kUntrustedFrameBytesMax);
    if (!header) return close(id_of(number, to_side), net::close_reason(header.error()));
    if (rest.size() < header->frame_bytes() ||
        !net::payload_matches(*header,
                              rest.substr(net::kFrameHeaderBytes, header->payload_bytes))) {
      return close(id_of(number, to_side), "checksum");
    }
    ++counters_.frames;
    counters_.bytes += header->frame_bytes();
    const std::string_view frame = rest.substr(0, header->frame_bytes());
    repeat_write(number, to_side, *header, frame);
    note_answer(number, to_side, *header, frame);
    if (header->type != net::FrameType::kRaftBatch || !meddle(number, to_side, frame))
      to->transport->tell_frame(id_of(number, to_side), std::string(frame));
    rest.remove_prefix(header->frame_bytes());
  }
}

Time Network::latency(std::size_t bytes) {
  const Cost cost{law_.latency_min, law_.latency_max, law_.spike_per_mille, law_.spike};
  return cost.draw(random_) + Time(bytes / std::max<std::uint64_t>(1, law_.bytes_per_microsecond));
}

Time Network::stall() {
  return Cost{law_.stall_min, law_.stall_max}.draw(random_);
}

// A connection across a cut dies on both sides if the cut lasts.
void Network::break_later(Number number, NodeId from, NodeId to) {
  const std::uint64_t which = cut_.at({from, to});
  queue_.at(queue_.now() + stall(), 0, "stalled", [this, number, from, to, which] {
    const auto cut = cut_.find({from, to});
    if (cut != cut_.end() && cut->second == which) break_at(number, queue_.now());
  });
}

void Network::break_at(Number number, Time when) {
  queue_.at(when, 0, "reset", [this, number] {
    ++counters_.resets;
    for (const std::size_t side : {0u, 1u}) lose(number, side, "closed");
  });
}

// --- the door of one life ----------------------------------------------------------------------

boost::system::result<void> SimTransport::start(Callbacks callbacks) {
  if (network_.listeners_.contains(address_)) {
    return boost::system::errc::make_error_code(boost::system::errc::address_in_use);
  }
  callbacks_ = std::move(callbacks);
  started_ = true;
  network_.listeners_[address_] = this;
  return {};
}

net::ConnectionId SimTransport::dial(const std::string& address) {
  if (!started_ || stopped_) return 0;
  const net::ConnectionId id = network_.dial(*this, address);
  told_.insert(id);
  return id;
}

bool SimTransport::send(net::ConnectionId connection, std::string frames) {
  return !stopped_ && told_.contains(connection) && network_.send(connection, std::move(frames));
}

std::size_t SimTransport::queued_bytes(net::ConnectionId connection) const {
  return network_.queued_bytes(connection);
}

void SimTransport::close(net::ConnectionId connection) {
  if (told_.contains(connection)) network_.close(connection, "closed");
}

void SimTransport::trust(net::ConnectionId connection) {
  if (told_.contains(connection)) network_.trust(connection);
}

void SimTransport::stop() {
  if (stopped_) return;
  network_.detach(*this, false);
  told_.clear();
}

void SimTransport::tell_open(net::ConnectionId id, bool dialled) {
  home_.post([this, id, dialled] {
    if (!stopped_ && told_.contains(id)) callbacks_.on_open(id, dialled);
  });
}

void SimTransport::tell_frame(net::ConnectionId id, std::string frame) {
  home_.post([this, id, frame = std::move(frame)]() mutable {
    if (!stopped_ && told_.contains(id)) callbacks_.on_frame(id, std::move(frame));
  });
}

void SimTransport::tell_close(net::ConnectionId id, const char* reason) {
  home_.post([this, id, reason] {
    if (!stopped_ && told_.erase(id) > 0) callbacks_.on_close(id, reason);
  });
}

}  // namespace cairn::kv::sim
