#include "net/framed_socket.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/post.hpp>
#include <cstring>
#include <utility>

#include "net/address.h"

namespace cairn::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kBufferMin = 8u << 10;
constexpr std::size_t kBufferUsual = 64u << 10;  // grows to this when reads fill it
constexpr std::size_t kKeptCapacity = 256u << 10;

}  // namespace

FramedSocket::FramedSocket(asio::io_context& context, Owner& owner, std::size_t frame_bytes_max)
    : context_(context), socket_(context), owner_(&owner), frame_bytes_max_(frame_bytes_max) {}

FramedSocket::~FramedSocket() = default;

void FramedSocket::adopt(tcp::socket socket) {
  socket_ = std::move(socket);
  begin();
}

void FramedSocket::begin() {
  error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  socket_.set_option(asio::socket_base::keep_alive(true), ignored);
  socket_.non_blocking(true, ignored);
  capacity_ = kBufferMin;
  buffer_ = std::make_unique_for_overwrite<char[]>(capacity_);
  read();
  if (!out_.empty()) flush_soon();
}

void FramedSocket::dial(const std::string& address) {
  const auto target = parse_host_port(address);
  auto self = shared_from_this();
  if (!target || target->host.empty() || target->port == 0) {
    asio::post(context_, [self] { self->fail("refused"); });
    return;
  }
  error_code not_a_literal;
  const auto literal = asio::ip::make_address(target->host, not_a_literal);
  if (!not_a_literal) {
    socket_.async_connect(tcp::endpoint(literal, target->port),
                          [self](const error_code& error) { self->connected(error); });
    return;
  }
  resolver_ = std::make_unique<tcp::resolver>(context_);
  resolver_->async_resolve(
      target->host, std::to_string(target->port), asio::ip::resolver_base::numeric_service,
      [self](const error_code& error, const tcp::resolver::results_type& found) {
        if (error || self->owner_ == nullptr) return self->fail("refused");
        asio::async_connect(
            self->socket_, found,
            [self](const error_code& failed, const tcp::endpoint&) { self->connected(failed); });
      });
}

void FramedSocket::connected(const error_code& error) {
  if (owner_ == nullptr) return;
  if (error) return fail("refused");
  error_code ignored;
  // A dial within the ephemeral range may meet itself when nobody listens there.
  if (socket_.local_endpoint(ignored) == socket_.remote_endpoint(ignored)) return fail("refused");
  begin();
  owner_->on_connected();
}

void FramedSocket::close() {
  owner_ = nullptr;
  if (resolver_) resolver_->cancel();
  error_code ignored;
  socket_.close(ignored);
}

void FramedSocket::close_when_sent() {
  if (owner_ == nullptr || closing_) return;
  closing_ = true;
  flush_soon();
}

void FramedSocket::fail(const char* reason) {
  if (owner_ == nullptr) return;
  Owner* const owner = owner_;
  close();
  owner->on_closed(reason);
}

// --- reading -----------------------------------------------------------------------------------

/// Room for more behind what is there: a frame's bytes grow the buffer as they come, whatever
/// length the frame claims; and the buffer shrinks when it is empty.
void FramedSocket::make_room() {
  if (begin_ == end_ && capacity_ > kBufferUsual) {
    capacity_ = kBufferUsual;
    buffer_ = std::make_unique_for_overwrite<char[]>(capacity_);
    begin_ = end_ = 0;
  } else if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (begin_ != 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ < capacity_) return;
  const std::size_t larger = std::max(std::min(2 * capacity_, wanted_), capacity_ + kBufferMin);
  auto grown = std::make_unique_for_overwrite<char[]>(larger);
  std::memcpy(grown.get(), buffer_.get(), end_);
  buffer_ = std::move(grown);
  capacity_ = larger;
}

void FramedSocket::read() {
  if (reading_ || owner_ == nullptr) return;
  make_room();
  reading_ = true;
  socket_.async_read_some(asio::buffer(buffer_.get() + end_, capacity_ - end_),
                          [self = shared_from_this()](const error_code& error, std::size_t bytes) {
                            self->on_read(error, bytes);
                          });
}

void FramedSocket::on_read(const error_code& error, std::size_t bytes) {
  reading_ = false;
  if (owner_ == nullptr) return;
  if (error) return fail("closed");
  end_ += bytes;
  bytes_read_ += bytes;
  if (closing_) {  // dropped: closing on unread bytes would reset what we said last
    begin_ = end_ = 0;
    return read();
  }
  const bool full = end_ == capacity_;
  digest();
  // Many small frames at once: a larger buffer takes more of them in one call.
  if (owner_ != nullptr && full && begin_ == end_ && !reading_ && capacity_ < kBufferUsual) {
    capacity_ = kBufferUsual;
    buffer_ = std::make_unique_for_overwrite<char[]>(capacity_);
    begin_ = end_ = 0;
  }
  read();
}

void FramedSocket::digest() {
  try {
    if (parse() && owner_ != nullptr) owner_->on_read_end();
  } catch (...) {
    asio::post(context_, [self = shared_from_this()] {
      if (self->owner_ == nullptr || self->reading_) return;
      self->digest();
      self->read();
    });
    throw;
  }
}

/// Tells the whole frames. False: closed meanwhile.
bool FramedSocket::parse() {
  wanted_ = 0;
  while (owner_ != nullptr && !closing_ && end_ - begin_ >= kFrameHeaderBytes) {
    const std::string_view have(buffer_.get() + begin_, end_ - begin_);
    const auto header = parse_frame_header(have, frame_bytes_max_, FrameDoor::kClient);
    if (!header) {
      owner_->on_bad_frame(close_reason(header.error()));
      return false;
    }
    if (have.size() < header->frame_bytes()) {
      wanted_ = header->frame_bytes();
      break;
    }
    begin_ += header->frame_bytes();
    const std::string_view payload = have.substr(kFrameHeaderBytes, header->payload_bytes);
    if (!payload_matches(*header, payload)) {
      owner_->on_bad_frame("checksum");
      return false;
    }
    owner_->on_frame(*header, payload);
  }
  return owner_ != nullptr && !closing_;
}

// --- writing -----------------------------------------------------------------------------------

void FramedSocket::flush_soon() {
  if (flush_due_ || owner_ == nullptr || buffer_ == nullptr) return;
  flush_due_ = true;
  asio::post(context_, [self = shared_from_this()] {
    self->flush_due_ = false;
    self->flush();
  });
}

void FramedSocket::flush() {
  if (owner_ == nullptr) return;
  for (;;) {
    if (sent_ == sending_.size()) {
      if (sending_.capacity() > kKeptCapacity) sending_ = std::string();
      sending_.clear();
      sent_ = 0;
      if (out_.empty()) break;
      sending_.swap(out_);
    }
    error_code error;
    const std::size_t n =
        socket_.write_some(asio::buffer(sending_.data() + sent_, sending_.size() - sent_), error);
    sent_ += n;
    bytes_sent_ += n;
    if (error == asio::error::would_block || error == asio::error::try_again) {
      return wait_writable();
    }
    if (error) return fail("closed");
  }
  if (closing_) {
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
  }
}

void FramedSocket::wait_writable() {
  flush_due_ = true;
  socket_.async_wait(tcp::socket::wait_write, [self = shared_from_this()](const error_code& error) {
    self->flush_due_ = false;
    if (!error) self->flush();
  });
}

}  // namespace cairn::net
