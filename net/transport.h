// The transport seam: connections that carry whole frames as bytes, so that the codec, versions and
// flipped bits are simulated too. Who is at the other end is the business of PeerSet's hello.
// Twins: net/asio_transport.h (TCP), the simulator's network.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include <boost/system/result.hpp>

namespace cairn::net {

/// One direction-less connection; never reused within a process. 0 is none.
using ConnectionId = std::uint64_t;

/// All calls and callbacks happen on the home executor; no callback runs inside a call.
class Transport {
 public:
  struct Callbacks {
    /// Accepted from outside, or dialled by us and now established.
    std::function<void(ConnectionId, bool dialled)> on_open;
    /// One frame, header included; its header was found well-formed and its checksum right.
    std::function<void(ConnectionId, std::string frame)> on_frame;
    /// Closed by either side, a failed dial, or garbage on the wire (`reason` is a short
    /// metric-safe word: "closed" "refused" "timeout" "garbage" "too_large" "checksum" "version"
    /// "wrong_door" "overflow"). Last callback of this connection.
    std::function<void(ConnectionId, const char* reason)> on_close;
  };
  virtual ~Transport() = default;

  /// Called once, before anything else. From the listener on, connections may arrive.
  [[nodiscard]] virtual boost::system::result<void> start(Callbacks callbacks) = 0;
  /// "host:port". The outcome is on_open or on_close.
  virtual ConnectionId dial(const std::string& address) = 0;
  /// Queues whole frames (one or several, concatenated). False, with nothing queued, when the
  /// connection is gone or its queue would pass its byte bound.
  virtual bool send(ConnectionId connection, std::string frames) = 0;
  [[nodiscard]] virtual std::size_t queued_bytes(ConnectionId connection) const = 0;
  /// Drops what is queued; on_close follows.
  virtual void close(ConnectionId connection) = 0;
  /// Bytes that came before the hello was done are bounded: until this is called a connection takes
  /// frames of at most 64 KiB and is closed after 5 s.
  virtual void trust(ConnectionId connection) = 0;
  /// Stops listening and closes everything; callbacks cease.
  virtual void stop() = 0;
};

}  // namespace cairn::net
