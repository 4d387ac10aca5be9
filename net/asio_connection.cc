#include "net/asio_connection.h"

#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <cstring>
#include <span>
#include <utility>

namespace cairn::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kBufferBytes = 128u << 10;
constexpr std::size_t kMergeBytes = 16u << 10;  // smaller strings are joined up to this

/// Best effort: a connection without these options still works.
void set_socket_options(tcp::socket& socket, std::chrono::milliseconds peer_timeout) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  const int fd = socket.native_handle();
  const auto set = [fd](int name, int value) {
    ::setsockopt(fd, IPPROTO_TCP, name, &value, sizeof value);
  };
  const int seconds = std::max(1, static_cast<int>(peer_timeout.count() / 1000));
  set(TCP_USER_TIMEOUT, static_cast<int>(peer_timeout.count()));
  set(TCP_KEEPIDLE, std::max(1, seconds / 2));
  set(TCP_KEEPINTVL, 1);
  set(TCP_KEEPCNT, std::max(1, seconds / 2));
}

}  // namespace

AsioConnection::AsioConnection(asio::io_context& context, Owner& owner, ConnectionId id,
                               bool dialled, std::size_t frame_bytes_max)
    : id_(id),
      dialled_(dialled),
      owner_(owner),
      socket_(context),
      frame_bytes_max_(frame_bytes_max) {}

void AsioConnection::trust(std::size_t frame_bytes_max) {
  trusted_ = true;
  frame_bytes_max_ = frame_bytes_max;
}

void AsioConnection::established(std::chrono::milliseconds peer_timeout) {
  set_socket_options(socket_, peer_timeout);
  buffer_ = std::make_unique_for_overwrite<char[]>(kBufferBytes);
  read();
  if (!queue_.empty()) write();
}

void AsioConnection::close() {
  closed_ = true;
  queued_bytes_ = 0;
  error_code ignored;
  socket_.close(ignored);
}

bool AsioConnection::fail(const char* reason) {
  if (!closed_) owner_.on_broken(*this, reason);
  return false;
}

// --- reading -----------------------------------------------------------------------------------

void AsioConnection::read() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (begin_ != 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  const std::array<asio::mutable_buffer, 2> into{
      asio::buffer(large_.data() + large_have_, large_.size() - large_have_),
      asio::buffer(buffer_.get() + end_, kBufferBytes - end_)};
  socket_.async_read_some(into,
                          [self = shared_from_this()](const error_code& error, std::size_t bytes) {
                            if (self->closed_) return;
                            if (error) {
                              self->fail("closed");
                            } else {
                              self->on_read(bytes);
                            }
                          });
}

void AsioConnection::on_read(std::size_t bytes) {
  const std::size_t to_large = std::min(bytes, large_.size() - large_have_);
  large_have_ += to_large;
  end_ += bytes - to_large;
  digest();
}

/// Delivers what is whole and reads on. What a callback throws goes to the loop's edge, and the
/// frames behind have their turn after it.
void AsioConnection::digest() {
  if (closed_) return;
  try {
    if (large_.empty() || large_have_ == large_.size()) {
      if (!large_.empty()) {
        large_have_ = 0;
        if (!deliver(large_header_, std::exchange(large_, {}))) return;
      }
      if (!parse()) return;
    }
    read();
  } catch (...) {
    asio::post(socket_.get_executor(), [self = shared_from_this()] { self->digest(); });
    throw;
  }
}

/// Cuts whole frames out of the buffer. False: closed meanwhile.
bool AsioConnection::parse() {
  while (end_ - begin_ >= kFrameHeaderBytes) {
    const std::string_view have(buffer_.get() + begin_, end_ - begin_);
    const auto header = parse_frame_header(have, frame_bytes_max_);
    if (!header) return fail(close_reason(header.error()));
    const std::size_t bytes = header->frame_bytes();
    if (have.size() < bytes) {
      return bytes <= kBufferBytes / 2 || begin_large(*header, have);
    }
    begin_ += bytes;
    if (!deliver(*header, std::string(have.substr(0, bytes)))) return false;
  }
  return true;
}

bool AsioConnection::begin_large(const FrameHeader& header, std::string_view have) {
  large_.resize(header.frame_bytes());
  std::memcpy(large_.data(), have.data(), have.size());
  large_have_ = have.size();
  large_header_ = header;
  begin_ = end_ = 0;
  return true;
}

bool AsioConnection::deliver(const FrameHeader& header, std::string frame) {
  if (!payload_matches(header, std::string_view(frame).substr(kFrameHeaderBytes))) {
    return fail("checksum");
  }
  owner_.on_frame(*this, std::move(frame));
  return !closed_;
}

// --- writing -----------------------------------------------------------------------------------

void AsioConnection::send(std::string bytes) {
  queued_bytes_ += bytes.size();
  if (queue_.size() > in_flight_ && queue_.back().size() + bytes.size() <= kMergeBytes) {
    queue_.back() += bytes;
  } else {
    queue_.push_back(std::move(bytes));
  }
  if (writing_ || !buffer_) return;  // not established yet: established() will write
  writing_ = true;
  asio::post(socket_.get_executor(), [self = shared_from_this()] { self->write(); });
}

void AsioConnection::write() {
  if (closed_) return;
  writing_ = true;
  in_flight_ = std::min(queue_.size(), kGather);
  for (std::size_t i = 0; i < in_flight_; ++i) gather_[i] = asio::buffer(queue_[i]);
  gather_[0] += written_;
  const std::span<const asio::const_buffer> from(gather_.data(), in_flight_);
  socket_.async_write_some(from,
                           [self = shared_from_this()](const error_code& error, std::size_t bytes) {
                             if (self->closed_) return;
                             if (error) {
                               self->fail("closed");
                             } else {
                               self->on_written(bytes);
                             }
                           });
}

void AsioConnection::on_written(std::size_t bytes) {
  queued_bytes_ -= bytes;
  written_ += bytes;
  while (!queue_.empty() && written_ >= queue_.front().size()) {
    written_ -= queue_.front().size();
    queue_.pop_front();
  }
  in_flight_ = 0;
  writing_ = false;
  if (!queue_.empty()) write();
}

}  // namespace cairn::net
