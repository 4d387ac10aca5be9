// Inside net/: one TCP connection of AsioTransport. Reads frames, writes queued bytes; knows
// nothing of who is at the other end.
#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "net/frame.h"
#include "net/transport.h"

namespace cairn::net {

class AsioConnection : public std::enable_shared_from_this<AsioConnection> {
 public:
  /// What a connection tells its transport; never from inside a call to it.
  class Owner {
   public:
    virtual void on_frame(AsioConnection& connection, std::string frame) = 0;
    /// The connection is finished for a reason of its own.
    virtual void on_broken(AsioConnection& connection, const char* reason) = 0;

   protected:
    ~Owner() = default;
  };

  /// `owner` outlives every connection that isn't closed.
  AsioConnection(boost::asio::io_context& context, Owner& owner, ConnectionId id, bool dialled,
                 std::size_t frame_bytes_max);

  ConnectionId id() const { return id_; }
  bool dialled() const { return dialled_; }
  bool closed() const { return closed_; }
  bool trusted() const { return trusted_; }
  std::size_t queued_bytes() const { return queued_bytes_; }
  boost::asio::ip::tcp::socket& socket() { return socket_; }

  void trust(std::size_t frame_bytes_max);
  /// The socket is connected: options are set and reading begins.
  void established(std::chrono::milliseconds peer_timeout);
  /// Bytes queued in one turn leave in one system call, after the turn.
  void send(std::string bytes);
  /// Silent from now on.
  void close();

 private:
  void read();
  void on_read(std::size_t bytes);
  void digest();
  bool parse();
  bool begin_large(const FrameHeader& header, std::string_view have);
  bool deliver(const FrameHeader& header, std::string frame);
  bool fail(const char* reason);  // always false
  void write();
  void on_written(std::size_t bytes);

  static constexpr std::size_t kGather = 64;  // strings to one system call

  const ConnectionId id_;
  const bool dialled_;
  Owner& owner_;
  boost::asio::ip::tcp::socket socket_;
  bool trusted_ = false;
  bool closed_ = false;
  std::size_t frame_bytes_max_;

  // Incoming: frames are cut out of buffer_; the tail of one too large for it goes straight into
  // large_, with whatever follows in buffer_.
  std::unique_ptr<char[]> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::string large_;
  std::size_t large_have_ = 0;  // of large_.size(); no large frame under way: both 0
  FrameHeader large_header_;

  // Outgoing: strings in the order sent; the first written_ bytes of the front are gone.
  std::deque<std::string> queue_;
  std::size_t queued_bytes_ = 0;
  std::size_t written_ = 0;
  std::size_t in_flight_ = 0;  // strings at the front that gather_ points into
  std::array<boost::asio::const_buffer, kGather> gather_;
  bool writing_ = false;  // under way, or about to begin this turn
};

}  // namespace cairn::net
