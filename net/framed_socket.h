// One TCP connection of the native door, either end: whole frames in, read where they arrived;
// bytes out, those of one turn of the loop in one system call. Knows nothing of what the frames
// say.
//
// Lives on the io_context's one thread. The object lives as long as an operation or its owner holds
// it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "net/frame.h"

namespace cairn::net {

class FramedSocket : public std::enable_shared_from_this<FramedSocket> {
 public:
  /// Never called from inside a call to the socket. What it throws goes to the loop's edge; the
  /// frames behind have their turn after it.
  class Owner {
   public:
    /// Of a dial: connected, and reading.
    virtual void on_connected() = 0;
    /// Both checksums hold. The payload is aligned for a word, and gone after the call.
    virtual void on_frame(const FrameHeader& header, std::string_view payload) = 0;
    /// The frames of what was read at once have all been told.
    virtual void on_read_end() = 0;
    /// What came is no frame that may be taken; nothing more is read. close() or close_when_sent()
    /// is called in here. `reason` is metric-safe: "garbage" "too_large" "checksum" "version"
    /// "wrong_door".
    virtual void on_bad_frame(const char* reason) = 0;
    /// Last word, but not after close(): "closed" or, of a dial, "refused".
    virtual void on_closed(const char* reason) = 0;

   protected:
    ~Owner() = default;
  };

  FramedSocket(boost::asio::io_context& context, Owner& owner, std::size_t frame_bytes_max);
  ~FramedSocket();

  void adopt(boost::asio::ip::tcp::socket socket);
  /// "host:port".
  void dial(const std::string& address);
  void allow_frames(std::size_t bytes_max) { frame_bytes_max_ = bytes_max; }

  /// Whole frames are appended to this, then flush_soon() is called.
  [[nodiscard]] std::string& out() { return out_; }
  void flush_soon();
  /// At once: for the last word of a loop that ends. May call on_closed().
  void flush();
  /// Queued and not taken by the system yet.
  [[nodiscard]] std::size_t unsent() const { return out_.size() + sending_.size() - sent_; }
  /// Rises with every byte that the system took: a peer that reads nothing makes it stand still.
  [[nodiscard]] std::uint64_t bytes_sent() const { return bytes_sent_; }
  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }

  /// What comes is dropped from now on. When what is queued has been sent this end says that it was
  /// all; on_closed tells when the other end has gone as well. Its owner bounds the time.
  void close_when_sent();
  /// Now, and silent from now on.
  void close();

 private:
  void begin();
  void connected(const boost::system::error_code& error);
  void read();
  void on_read(const boost::system::error_code& error, std::size_t bytes);
  void digest();
  bool parse();
  void make_room();
  void wait_writable();
  void fail(const char* reason);

  boost::asio::io_context& context_;
  boost::asio::ip::tcp::socket socket_;
  std::unique_ptr<boost::asio::ip::tcp::resolver> resolver_;  // while it is at work
  Owner* owner_;                                              // null: closed
  std::size_t frame_bytes_max_;

  std::unique_ptr<char[]> buffer_;  // frames begin at multiples of 8
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t wanted_ = 0;  // of the frame that is not whole yet, once its header is believed

  std::string out_;      // to be sent
  std::string sending_;  // being sent
  std::size_t sent_ = 0;
  std::uint64_t bytes_sent_ = 0;
  std::uint64_t bytes_read_ = 0;
  bool reading_ = false;
  bool flush_due_ = false;  // posted, or waiting for the system to take more
  bool closing_ = false;    // when all is sent
};

}  // namespace cairn::net
