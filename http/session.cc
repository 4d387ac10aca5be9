#include "http/session.h"

#include <boost/asio/buffer.hpp>
#include <exception>
#include <utility>

namespace cairn::http {
namespace {

// While this much waits to be sent, no further request is begun.
constexpr std::size_t kOutBytesMax = 256u << 10;
// A body below this is read to its end even when memory is short: the answer then is orderly.
constexpr std::size_t kSmallBody = 64u << 10;
constexpr std::size_t kKeptCapacity = 64u << 10;
constexpr std::size_t kLingerBytesMax = 8u << 20;

std::size_t unread_max(const ServerOptions& options) {
  return options.target_bytes_max + options.head_bytes_max + 128;
}

}  // namespace

template <class Stream>
Session<Stream>::Session(std::shared_ptr<Door> door, Stream stream)
    : door_(std::move(door)),
      stream_(std::move(stream)),
      in_(unread_max(door_->options())),
      reader_(door_->options(), door_->policy()),
      exchanges_(door_->options().pipeline_max),
      idle_since_(Clock::now()) {}

template <class Stream>
Session<Stream>::~Session() {
  door_->charge(charged_, 0);
  door_->remove(*this);
}

template <class Stream>
void Session<Stream>::start(bool too_many) {
  door_->add(*this);
  if (too_many) {
    door_->metrics().refused(HttpMetrics::Refused::kConnection);
    refuse({Code::kOverloaded, "there are too many connections", false});
  }
  pump();
}

// --- going on ---------------------------------------------------------------------------------

template <class Stream>
void Session<Stream>::pump() {
  if (pumping_ || closed_ || lingering_) return;
  pumping_ = true;
  try {
    do {
      while (step()) {
      }
    } while (settle());
  } catch (const std::exception&) {
    close();  // no memory, or a fault of ours: this connection ends, the others go on
  }
  pumping_ = false;
}

template <class Stream>
bool Session<Stream>::room() const {
  return !exchanges_.full() && !held_ && out_.size() + exchanges_.waiting_bytes() < kOutBytesMax;
}

// One request further. False: nothing more can be done now.
template <class Stream>
bool Session<Stream>::step() {
  if (held_) {
    if (!exchanges_.admits({held_->access, held_->key_hash})) return false;
    Call call = std::move(*held_);
    held_.reset();
    begin_call(std::move(call));
    return true;
  }
  if (no_more_ || !room()) return false;
  if (door_->stopping() && reader_.phase() == RequestReader::Phase::kIdle) {
    no_more_ = true;
    return false;
  }
  const bool was_idle = reader_.phase() == RequestReader::Phase::kIdle;
  const RequestReader::Step step = reader_.next(in_.unread());
  const bool whole = step.event == RequestReader::Event::kRequest;
  if (was_idle && !whole && (step.consumed > 0 || !in_.unread().empty()))
    request_began_ = Clock::now();
  in_.consume(step.consumed);
  return on_event(step.event);
}

template <class Stream>
bool Session<Stream>::on_event(RequestReader::Event event) {
  switch (event) {
    case RequestReader::Event::kRequest:
      admit();
      return true;
    case RequestReader::Event::kContinue:
      continue_due_ = true;
      return true;
    case RequestReader::Event::kRefused:
      door_->metrics().refused(HttpMetrics::Refused::kRequest);
      refuse(reader_.refusal());
      return false;
    case RequestReader::Event::kMore:
      break;
  }
  on_incomplete();
  return false;
}

template <class Stream>
void Session<Stream>::on_incomplete() {
  if (end_of_input_) {
    if (reader_.phase() == RequestReader::Phase::kIdle) {
      no_more_ = true;
    } else {
      refuse({Code::kBadRequest, "the request is not complete", reader_.is_write()});
    }
  } else if (reader_.body_bytes() > kSmallBody) {
    recharge();
    if (!door_->over_budget()) return;
    door_->metrics().refused(HttpMetrics::Refused::kMemory);
    refuse(
        {Code::kOverloaded, "too many bytes of requests and answers are held", reader_.is_write()});
  }
}

template <class Stream>
bool Session<Stream>::finished() const {
  return no_more_ && exchanges_.empty() && !held_ && out_.empty() && !writing_;
}

// True: what was sent has made room for more.
template <class Stream>
bool Session<Stream>::settle() {
  pull();
  send_continue();
  const bool was_full = streaming_ || out_.size() >= kOutBytesMax;
  write();
  recharge();
  if (was_full && out_.empty() && !writing_ && !pulling_) return true;
  if (finished()) {
    linger();
  } else {
    read();
  }
  return false;
}

// --- requests and answers ---------------------------------------------------------------------

template <class Stream>
void Session<Stream>::admit() {
  Request request = reader_.take();
  if (!request.keep_alive) no_more_ = true;
  Call call = make_call(std::move(request));
  if (door_->over_budget() && call.access != Access::kNothing) {
    door_->metrics().refused(HttpMetrics::Refused::kMemory);
    call.problem.emplace().code = Code::kOverloaded;
    if (call.is_write()) call.problem->committed = kv::Committed::kNo;
    call.access = Access::kNothing;
  }
  if (exchanges_.admits({call.access, call.key_hash})) {
    begin_call(std::move(call));
  } else {
    held_.emplace(std::move(call));
  }
}

template <class Stream>
void Session<Stream>::begin_call(Call&& call) {
  Exchange exchange;
  exchange.method = call.method;
  exchange.endpoint = call.endpoint;
  exchange.access = {call.access, call.key_hash};
  exchange.began = Clock::now();
  const std::uint64_t id = exchanges_.push(std::move(exchange));
  handle(door_->handlers(), std::move(call), Responder(this->shared_from_this(), id));
}

// Answered in its turn, behind the requests that came before; then the connection closes.
template <class Stream>
void Session<Stream>::refuse(const Refusal& refusal) {
  if (no_more_) return;
  no_more_ = true;
  reader_.abandon();
  Problem problem;
  problem.code = refusal.code;
  problem.detail = refusal.detail;
  if (refusal.is_write) problem.committed = kv::Committed::kNo;
  Exchange exchange;
  exchange.is_request = false;
  exchange.done = true;
  exchange.response = problem_response(problem);
  exchanges_.push(std::move(exchange));
  send_done();
}

template <class Stream>
void Session<Stream>::answer(std::uint64_t id, Response&& response) {
  if (closed_ || exchanges_.answer(id, std::move(response)) == nullptr) return;
  send_done();
  pump();
}

template <class Stream>
void Session<Stream>::send_done() {
  while (const Exchange* e = streaming_ ? nullptr : exchanges_.front_done()) {
    const bool last = no_more_ && exchanges_.size() == 1 && !held_;
    append_response(out_, e->response, door_->date(), e->method == Method::kHead, last);
    said_close_ = last;
    if (e->is_request) {
      idle_since_ = Clock::now();
      door_->metrics().answered(e->method, e->endpoint, e->response.status, idle_since_ - e->began);
    } else {
      door_->metrics().answered_unread(e->response.status);
    }
    if (e->response.stream) {
      streaming_ = e->response.stream;  // it stays at the front until its body's end
    } else {
      exchanges_.pop();
    }
  }
}

// The next piece of a streamed body, as the client takes what was sent before.
template <class Stream>
void Session<Stream>::pull() {
  if (!streaming_ || pulling_ || out_.size() >= kOutBytesMax) return;
  pulling_ = true;
  streaming_->async_next(
      [self = this->shared_from_this()](auto piece) { self->pulled(std::move(piece)); });
}

template <class Stream>
void Session<Stream>::pulled(kv::Result<std::optional<std::string>> piece) {
  pulling_ = false;
  if (closed_) return;
  if (!piece) return close();  // without the last chunk: the client knows that it is not whole
  if (piece->has_value()) {
    if (!(*piece)->empty()) append_chunk(out_, **piece);
  } else {
    append_chunk(out_, {});
    streaming_.reset();
    exchanges_.pop();
    send_done();
  }
  pump();
}

// An interim answer must not overtake the answers before it.
template <class Stream>
void Session<Stream>::send_continue() {
  if (!continue_due_ || !exchanges_.empty() || held_ || no_more_) return;
  continue_due_ = false;
  out_ += "HTTP/1.1 100 Continue\r\n\r\n";
}

template <class Stream>
void Session<Stream>::recharge() {
  const std::size_t now = reader_.body_bytes() + (held_ ? held_->body.size() : 0) +
                          exchanges_.waiting_bytes() + out_.size() + sending_.size() - sent_;
  door_->charge(charged_, now);
  charged_ = now;
}

// --- the socket -------------------------------------------------------------------------------

template <class Stream>
void Session<Stream>::read() {
  if (reading_ || no_more_ || end_of_input_ || !room()) return;
  const auto space = in_.prepare(reader_.phase() == RequestReader::Phase::kBody);
  reading_ = true;
  stream_.async_read_some(
      boost::asio::buffer(space.data, space.size),
      [self = this->shared_from_this()](boost::system::error_code ec, std::size_t n) {
        self->on_read(ec, n);
      });
}

template <class Stream>
void Session<Stream>::on_read(boost::system::error_code ec, std::size_t n) {
  reading_ = false;
  if (closed_) return;
  in_.commit(n);
  if (ec == boost::asio::error::eof) {
    end_of_input_ = true;  // a client may close its side and still wait for answers
  } else if (ec) {
    return close();
  }
  if (lingering_) return linger_read();
  pump();
}

template <class Stream>
void Session<Stream>::write() {
  if (writing_ || out_.empty()) return;
  sending_.swap(out_);
  sent_ = 0;
  if (write_now()) return;
  writing_ = true;
  write_deadline_ = Clock::now() + door_->options().write_timeout +
                    std::chrono::milliseconds(sending_.size() * 1000 /
                                              door_->options().write_bytes_per_second_min);
  write_rest();
}

// Nearly always the socket takes an answer at once: then there is no operation to be waited for.
template <class Stream>
bool Session<Stream>::write_now() {
  boost::system::error_code ec;
  sent_ = stream_.write_some(boost::asio::buffer(sending_), ec);
  if (ec || sent_ < sending_.size()) return false;  // an error is met again, by the operation
  sent();
  return true;
}

template <class Stream>
void Session<Stream>::write_rest() {
  stream_.async_write_some(
      boost::asio::buffer(sending_.data() + sent_, sending_.size() - sent_),
      [self = this->shared_from_this()](boost::system::error_code ec, std::size_t n) {
        self->on_write(ec, n);
      });
}

template <class Stream>
void Session<Stream>::on_write(boost::system::error_code ec, std::size_t n) {
  if (closed_) return;
  if (ec) return close();
  sent_ += n;
  if (sent_ < sending_.size()) return write_rest();
  writing_ = false;
  sent();
  idle_since_ = Clock::now();
  pump();
}

template <class Stream>
void Session<Stream>::sent() {
  sent_ = 0;
  if (sending_.capacity() > kKeptCapacity) {
    sending_ = std::string();
  } else {
    sending_.clear();
  }
}

// The last answer is sent. What the client still sends is dropped for a while: closing on unread
// bytes would reset the connection, and the client might never see the answer.
template <class Stream>
void Session<Stream>::linger() {
  boost::system::error_code ignored;
  stream_.shutdown(boost::asio::socket_base::shutdown_send, ignored);
  if (end_of_input_ || ignored || !said_close_) return close();
  lingering_ = true;
  linger_deadline_ = Clock::now() + door_->options().linger_timeout;
  if (!reading_) linger_read();
}

template <class Stream>
void Session<Stream>::linger_read() {
  lingered_ += in_.unread().size();
  in_.consume(in_.unread().size());
  if (end_of_input_ || lingered_ > kLingerBytesMax) return close();
  const auto space = in_.prepare(true);
  reading_ = true;
  stream_.async_read_some(
      boost::asio::buffer(space.data, space.size),
      [self = this->shared_from_this()](boost::system::error_code ec, std::size_t n) {
        self->on_read(ec, n);
      });
}

template <class Stream>
void Session<Stream>::close() {
  if (closed_) return;
  closed_ = true;
  boost::system::error_code ignored;
  stream_.close(ignored);
  held_.reset();
  streaming_.reset();
  door_->charge(std::exchange(charged_, 0), 0);
  door_->remove(*this);
}

// --- deadlines --------------------------------------------------------------------------------

template <class Stream>
void Session<Stream>::tick(Clock::time_point now) {
  const ServerOptions& options = door_->options();
  if (lingering_) {
    if (now >= linger_deadline_) close();
    return;
  }
  if (writing_ && now >= write_deadline_) {
    door_->metrics().connection_timed_out();
    return close();
  }
  if (!reading_) return;  // it is we who are slow
  using Phase = RequestReader::Phase;
  const Phase phase = reader_.phase();
  if (phase == Phase::kIdle) {
    if (exchanges_.empty() && !writing_ && now >= idle_since_ + options.idle_timeout) close();
    return;
  }
  const auto allowed = phase == Phase::kHead ? options.head_timeout : options.request_timeout;
  if (now < request_began_ + allowed) return;
  door_->metrics().connection_timed_out();
  refuse({Code::kTimeout,
          phase == Phase::kHead ? "the head was not complete in time"
                                : "the body was not complete in time",
          reader_.is_write()});
  pump();
}

template <class Stream>
void Session<Stream>::wind_down() {
  const bool idle = exchanges_.empty() && !held_ && !writing_ && in_.unread().empty() &&
                    reader_.phase() == RequestReader::Phase::kIdle;
  if (idle && !lingering_) return close();
  pump();  // step() sees that the door is stopping
}

template class Session<boost::asio::ip::tcp::socket>;

}  // namespace cairn::http
