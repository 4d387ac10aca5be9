#include "kv/door/door_connection.h"

#include <utility>

#include "kv/door/door_server.h"

namespace cairn::kv::door {
namespace {

// For the client to read the last word and close.
constexpr std::chrono::microseconds kClosingMax = std::chrono::seconds{2};
constexpr std::size_t kSessionsSpare = 16;

Error overloaded(const char* bound) {
  Error e(Errc::kOverloaded, std::string("the native door's bound is met: ") + bound);
  e.retry_after_ms = 50;
  return e;
}

}  // namespace

DoorConnection::DoorConnection(DoorServer& server, std::uint64_t number, Micros now)
    : server_(&server),
      number_(number),
      socket_(std::make_shared<net::FramedSocket>(server.context(), *this, kHelloFrameBytesMax)),
      since_(now),
      read_at_(now),
      sent_at_(now) {}

void DoorConnection::adopt(boost::asio::ip::tcp::socket socket) {
  socket_->adopt(std::move(socket));
}

Envelope DoorConnection::envelope() const {
  // A client that said nothing yet has no number; 1 stands for it.
  return {server_->map().cluster_id, server_->node_id(), client_ == 0 ? 1 : client_};
}

// --- what comes --------------------------------------------------------------------------------

bool DoorConnection::addressed_right(const net::FrameHeader& header) const {
  const std::uint64_t ours = server_->map().cluster_id;
  return header.from == client_ && header.to == server_->node_id() &&
         (header.cluster_id == 0 || ours == 0 || header.cluster_id == ours);
}

void DoorConnection::on_frame(const net::FrameHeader& header, std::string_view payload) {
  if (state_ == State::kHello && header.type == net::FrameType::kClientHello)
    on_hello(header, payload);
  else if (state_ != State::kUp || header.type != net::FrameType::kClientRequest ||
           !addressed_right(header))
    reject("unexpected");
  else
    on_request(payload);
}

void DoorConnection::on_hello(const net::FrameHeader& header, std::string_view payload) {
  const auto hello = decode_client_hello(payload);
  if (!hello) return reject("garbage");
  client_ = header.from;
  const ClusterMap& map = server_->map();
  // A client that takes less than an answer may be could not be answered.
  if (hello->protocol_min > kProtocolMax || hello->protocol_max < kProtocolMin ||
      hello->frame_bytes_max < kAnswerFrameBytesMax) {
    ++server_->metrics().frames_rejected["protocol"];
    return goodbye(Reason::kProtocol);
  }
  if (header.cluster_id != 0 && map.cluster_id != 0 && header.cluster_id != map.cluster_id) {
    ++server_->metrics().frames_rejected["cluster"];
    return goodbye(Reason::kForeignCluster);
  }
  const ClientDoorLimits& limits = server_->limits();
  ServerHello answer;
  answer.frame_bytes_max = limits.frame_bytes_max;
  answer.in_flight_max = static_cast<std::uint32_t>(limits.in_flight_max);
  answer.bytes_in_flight_max = limits.bytes_in_flight_max;
  answer.idle_timeout_ms = static_cast<std::uint32_t>(limits.idle_timeout.count());
  answer.map = map;
  encode(answer, envelope(), socket_->out());
  socket_->flush_soon();
  socket_->allow_frames(limits.frame_bytes_max);
  state_ = State::kUp;
}

void DoorConnection::on_request(std::string_view payload) {
  Request request;
  const char* refused = nullptr;
  if (!decode_request(payload, request, refused)) return reject("garbage");
  ++server_->metrics().requests[request.body.index()];
  if (refused != nullptr) {
    return send({request.id, Failure{Error(Errc::kBadRequest, refused), false, false, 0}});
  }
  const std::size_t bytes = payload.size();
  if (const char* bound = over(request, bytes)) {
    ++server_->metrics().refused[bound];
    return send({request.id, Failure{overloaded(bound), false, true, 0}});
  }
  ++in_flight_;
  bytes_in_flight_ += bytes;
  server_->begin(shared_from_this(), std::move(request), bytes);
}

const char* DoorConnection::over(const Request& request, std::size_t bytes) {
  const ClientDoorLimits& limits = server_->limits();
  if (in_flight_ >= limits.in_flight_max) return "requests in flight";
  if (in_flight_ > 0 && bytes_in_flight_ + bytes > limits.bytes_in_flight_max)
    return "bytes in flight";
  if (socket_->unsent() > limits.bytes_unsent_max) return "answers not taken";
  if (in_flight_ > 0 && server_->over_budget()) return "bytes of all connections";
  if (std::holds_alternative<OpenSession>(request.body) &&
      ++sessions_opened_ > 2 * server_->map().partitions.size() + kSessionsSpare) {
    return "sessions opened";
  }
  return nullptr;
}

void DoorConnection::on_read_end() {
  recharge();
}

void DoorConnection::reject(const char* reason, Reason why) {
  ++server_->metrics().frames_rejected[reason];
  goodbye(why);
}

void DoorConnection::on_bad_frame(const char* reason) {
  const std::string_view what = reason;
  reject(reason, what == "too_large" ? Reason::kTooLarge
                 : what == "version" ? Reason::kProtocol
                                     : Reason::kGarbage);
}

// --- what goes ---------------------------------------------------------------------------------

void DoorConnection::send(const Reply& reply) {
  encode(reply, envelope(), socket_->out());
  socket_->flush_soon();
}

void DoorConnection::answer(const Reply& reply, std::size_t request_bytes) {
  --in_flight_;
  bytes_in_flight_ -= request_bytes;
  if (state_ == State::kClosed || state_ == State::kClosing) return;
  if (frame_bytes(reply) > kAnswerFrameBytesMax) {
    send({reply.id, Failure{Error(Errc::kTooLarge, "the answer is too large: ask for fewer items"),
                            false, false, 0}});
  } else {
    send(reply);
  }
  recharge();
  const std::size_t bound = 2 * server_->limits().bytes_unsent_max + kAnswerFrameBytesMax;
  if (socket_->unsent() > bound) {
    ++server_->metrics().refused["answers not taken: closed"];
    abandon();
    server_->closed(*this);
  }
}

void DoorConnection::say_map(const ClusterMap& map) {
  if (state_ != State::kUp || socket_->unsent() > server_->limits().bytes_unsent_max) return;
  encode(map, envelope(), socket_->out());
  socket_->flush_soon();
}

void DoorConnection::goodbye(Reason reason, std::uint32_t retry_after_ms) {
  if (state_ == State::kClosing || state_ == State::kClosed) return;
  state_ = State::kClosing;
  since_ = server_->now();
  Goodbye word;
  word.reason = reason;
  word.retry_after_ms = retry_after_ms;
  encode(word, envelope(), socket_->out());
  socket_->close_when_sent();
}

void DoorConnection::finish() {
  goodbye(Reason::kStopping);
  socket_->flush();
}

void DoorConnection::recharge() {
  const std::size_t now = bytes_in_flight_ + socket_->unsent();
  server_->charge(charged_, now);
  charged_ = now;
}

// --- the end -----------------------------------------------------------------------------------

void DoorConnection::on_closed(const char*) {
  abandon();
  server_->closed(*this);
}

void DoorConnection::abandon() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  socket_->close();
  server_->charge(std::exchange(charged_, 0), 0);
}

void DoorConnection::tick(Micros now) {
  const ClientDoorLimits& limits = server_->limits();
  recharge();
  if (std::exchange(bytes_read_, socket_->bytes_read()) != socket_->bytes_read()) read_at_ = now;
  if (std::exchange(bytes_sent_, socket_->bytes_sent()) != socket_->bytes_sent() ||
      socket_->unsent() == 0) {
    sent_at_ = now;
  }
  if (in_flight_ > 0) read_at_ = now;  // it is we who are slow
  if (state_ == State::kClosing ? now >= since_ + kClosingMax
                                : now >= sent_at_ + limits.write_timeout) {
    if (state_ != State::kClosing) ++server_->metrics().refused["answers not taken in time"];
    abandon();
    server_->closed(*this);
  } else if (state_ == State::kHello && now >= since_ + limits.hello_timeout) {
    ++server_->metrics().refused["hello in time"];
    goodbye(Reason::kTimeout);
  } else if (state_ == State::kUp && now >= read_at_ + limits.idle_timeout) {
    ++server_->metrics().closed_idle;
    goodbye(Reason::kIdle);
  }
}

}  // namespace cairn::kv::door
