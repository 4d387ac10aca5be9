#include "kv/client/link.h"

#include <utility>

namespace cairn::kv::client {

Link::Link(LinkHost& host, boost::asio::io_context& context, std::uint64_t client_number,
           const std::string& address)
    : host_(host),
      client_number_(client_number),
      socket_(std::make_shared<net::FramedSocket>(context, *this, door::kAnswerFrameBytesMax)),
      begun_(host.now()),
      heard_at_(begun_) {
  socket_->dial(address);
}

Link::~Link() {
  socket_->close();
}

// --- requests ----------------------------------------------------------------------------------

bool Link::has_room(std::size_t bytes) const {
  if (state_ != State::kUp || in_flight_ >= limits_.in_flight_max) return false;
  return in_flight_ == 0 || bytes_in_flight_ + bytes <= limits_.bytes_in_flight_max;
}

void Link::send(const CallPtr& call, std::uint32_t left_ms) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  Slot& s = slots_[slot];
  ++s.generation;
  s.call = call;
  call->request.id = (std::uint64_t{s.generation} << 32) | slot;
  call->request.deadline_ms = left_ms;
  std::string& out = socket_->out();
  const std::size_t before = out.size();
  door::encode(call->request, {host_.cluster_id(), client_number_, node_}, out);
  socket_->flush_soon();
  call->link = this;
  call->slot = slot;
  call->sent_at = host_.now();
  call->sent_bytes = out.size() - before;
  if (in_flight_++ == 0) heard_at_ = call->sent_at;
  bytes_in_flight_ += call->sent_bytes;
}

void Link::release(std::uint32_t slot, std::size_t bytes) {
  slots_[slot].call = nullptr;
  free_.push_back(slot);
  --in_flight_;
  bytes_in_flight_ -= bytes;
}

/// The slot's next use has another generation: a late answer is nobody's.
void Link::forget(Call& call) {
  call.link = nullptr;
  release(call.slot, call.sent_bytes);
}

std::vector<CallPtr> Link::repeatable() const {
  std::vector<CallPtr> found;
  for (const Slot& slot : slots_)
    if (slot.call && slot.call->repeatable()) found.push_back(slot.call);
  return found;
}

// --- what comes --------------------------------------------------------------------------------

void Link::on_connected() {
  state_ = State::kHello;
  door::encode(door::ClientHello{}, {host_.cluster_id(), client_number_, 0}, socket_->out());
  socket_->flush_soon();
}

void Link::on_frame(const net::FrameHeader& header, std::string_view payload) {
  heard_at_ = host_.now();
  if (!broken_.empty() || state_ == State::kRefused) return;
  if (header.type == net::FrameType::kGoodbye) {
    const auto word = door::decode_goodbye(payload);
    if (!word) {
      broken_ = "garbage";
      return;
    }
    state_ = State::kRefused;
    host_.link_refused(*this, *word);
  } else if (state_ == State::kHello && header.type == net::FrameType::kServerHello) {
    on_hello(header, payload);
  } else if (state_ != State::kUp || header.from != node_ || header.to != client_number_) {
    broken_ = "unexpected";
  } else if (header.type == net::FrameType::kClientAnswer) {
    on_answer(payload);
  } else if (header.type == net::FrameType::kClusterMap) {
    auto map = door::decode_cluster_map(payload);
    if (!map) {
      broken_ = "garbage";
      return;
    }
    map->cluster_id = header.cluster_id;
    host_.map_changed(std::move(*map));
  } else {
    broken_ = "unexpected";
  }
}

void Link::on_hello(const net::FrameHeader& header, std::string_view payload) {
  auto hello = door::decode_server_hello(payload);
  if (!hello || header.to != client_number_ || hello->protocol < door::kProtocolMin ||
      hello->protocol > door::kProtocolMax) {
    broken_ = "garbage";
    return;
  }
  node_ = header.from;
  hello->map.cluster_id = header.cluster_id;
  limits_ = *hello;
  limits_.map = {};
  if (!host_.hello(*this, header.cluster_id, node_, std::move(*hello))) {
    broken_ = "foreign_cluster";
    return;
  }
  state_ = State::kUp;
}

void Link::on_answer(std::string_view payload) {
  door::Reply reply;
  if (!door::decode_reply(payload, reply)) {
    broken_ = "garbage";
    return;
  }
  const auto slot = static_cast<std::uint32_t>(reply.id);
  if (slot >= slots_.size() || slots_[slot].generation != reply.id >> 32 || !slots_[slot].call) {
    return;  // of a call that was given up
  }
  CallPtr call = std::move(slots_[slot].call);
  release(slot, call->sent_bytes);
  call->link = nullptr;
  host_.answered(*this, std::move(call), std::move(reply));
}

void Link::on_read_end() {
  if (broken_.empty())
    host_.caught_up(*this);
  else
    lose(std::exchange(broken_, {}));
}

// --- the end -----------------------------------------------------------------------------------

std::vector<CallPtr> Link::close() {
  state_ = State::kClosed;
  socket_->close();
  std::vector<CallPtr> calls;
  for (Slot& slot : slots_) {
    if (!slot.call) continue;
    slot.call->link = nullptr;
    calls.push_back(std::move(slot.call));
  }
  slots_.clear();
  free_.clear();
  in_flight_ = bytes_in_flight_ = 0;
  return calls;
}

void Link::lose(const std::string& why) {
  if (state_ == State::kClosed) return;
  host_.link_lost(*this, close(), why);
}

}  // namespace cairn::kv::client
