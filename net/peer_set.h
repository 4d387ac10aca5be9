// The peers of a node: two connections each (control, bulk), dialled by the node with the lower id,
// the hello on each, backoff, and the gathering of one turn's messages into one frame a peer.
// Confined to the home executor; runs over any Transport, so the simulator runs it too.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/clock.h"
#include "net/transport.h"
#include "net/wire.h"

namespace cairn::net {

/// What the node above does with its peers' words. Called on the home executor, never inside a call
/// to PeerSet.
class PeerEvents {
 public:
  virtual ~PeerEvents() = default;
  /// This node's own words, fresh for each connection.
  virtual Hello make_hello(raft::NodeId to, Channel channel) = 0;
  /// A peer said hello. Nothing else of it is delivered before `verdict` is called (once, at once
  /// or later, home executor): the node first stores the peer's triple durably.
  virtual void on_hello(const Hello& hello, std::function<void(HelloReply::Verdict)> verdict) = 0;
  /// What a peer answered to our hello when it refused us.
  virtual void on_refused(raft::NodeId peer, HelloReply::Verdict verdict) = 0;
  /// Both sides accepted. A channel goes up and down any number of times.
  virtual void on_up(raft::NodeId peer, Channel channel, const Hello& hello) = 0;
  virtual void on_down(raft::NodeId peer, Channel channel) = 0;
  virtual void on_message(raft::NodeId from, Channel channel, PeerMessage message) = 0;
};

struct PeerSetOptions {
  raft::NodeId self = 0;
  std::chrono::milliseconds backoff_min{20};
  std::chrono::milliseconds backoff_max{500};
  std::chrono::milliseconds hello_timeout{3000};
  std::chrono::milliseconds ask_after{2000};  // without word of a lower id, and again
  std::size_t control_queue_bytes_max = 64u << 20;
  std::size_t bulk_queue_bytes_max = 16u << 20;
};

struct PeerMetrics {
  std::uint64_t frames_sent = 0, bytes_sent = 0, frames_received = 0, bytes_received = 0;
  std::uint64_t messages_dropped = 0;                    // peer down or queue full
  std::map<std::string, std::uint64_t> frames_rejected;  // by reason
};

class PeerSet {
 public:
  PeerSet(Transport& transport, Clock& clock, wal::Executor& home, PeerEvents& events,
          PeerSetOptions options);
  ~PeerSet();
  PeerSet(const PeerSet&) = delete;
  PeerSet& operator=(const PeerSet&) = delete;

  /// Starts the transport and begins to dial.
  [[nodiscard]] boost::system::result<void> start();
  /// Knows, or corrects the address of, a peer. Connections from nodes never added are refused.
  void add_peer(raft::NodeId peer, std::string address);
  /// Closes its connections and forgets it: from now on it is a stranger.
  void remove_peer(raft::NodeId peer);
  /// Bound into every frame from now on; 0 while unfounded.
  void set_cluster_id(std::uint64_t cluster_id);

  /// Queued until flush(); all Raft messages of a turn to one peer leave in one frame. Dropped, and
  /// counted, if the peer is down: Raft resends.
  void send_raft(raft::NodeId to, raft::GroupId group, raft::Message message);
  /// False if it surely was not sent.
  bool send(raft::NodeId to, Channel channel, const PeerMessage& message);
  void flush();

  [[nodiscard]] bool up(raft::NodeId peer, Channel channel) const;
  [[nodiscard]] std::size_t queued_bytes(raft::NodeId peer, Channel channel) const;
  /// Closes this peer's connections; it is dialled again.
  void reset(raft::NodeId peer);
  /// Closes everything, for good.
  void stop();
  [[nodiscard]] PeerMetrics metrics() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // tasks posted to clock and executor hold it weakly
};

}  // namespace cairn::net
