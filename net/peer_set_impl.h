// Inside net/: the state of PeerSet. A Link is one connection from its first byte on; a Peer is a
// node and which of the links to it is up.
#pragma once

#include <array>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "net/codec.h"
#include "net/peer_set.h"

namespace cairn::net {

struct PeerSet::Impl : std::enable_shared_from_this<PeerSet::Impl> {
  static constexpr std::size_t kChannels = 2;
  static std::size_t slot(Channel channel) { return static_cast<std::size_t>(channel); }

  struct Link {
    ConnectionId id = 0;
    bool dialled = false;
    raft::NodeId peer = raft::kNobody;  // a dialled link's from the start, else from its hello
    Channel channel = Channel::kControl;
    enum class State {
      kDialling,
      kHello,    // open; the hellos are under way
      kUp,       // both sides accepted
      kRefused,  // our reply said no: the peer closes, or the timeout does
    } state = State::kDialling;
    bool asks = false;         // dialled to ask why the peer, who ought to, does not dial us
    bool heard = false;        // their hello came
    bool accepted = false;     // our node accepted it
    bool accepted_us = false;  // they accepted ours
    Hello hello;               // theirs; without the boots, which only the verdict needs
  };

  struct Peer {
    std::string address;
    struct Line {
      ConnectionId up = 0;
      ConnectionId dialling = 0;  // until it is up or gone
      std::chrono::milliseconds backoff{0};
      std::uint64_t redial = 0;  // number of the newest planned redial; older ones are void
    };
    std::array<Line, kChannels> lines;
    std::vector<GroupMessage> gathered;  // for one RaftBatch
    std::size_t gathered_bytes = 0;
  };

  Impl(Transport& t, Clock& c, wal::Executor& h, PeerEvents& e, PeerSetOptions o)
      : transport(t), clock(c), home(h), events(e), options(o) {}

  // peer_set_impl.cc: connections come and go
  boost::system::result<void> start();
  void stop();
  void add_peer(raft::NodeId id, std::string address);
  void remove_peer(raft::NodeId id);
  void reset(raft::NodeId id);
  void begin_dialling(raft::NodeId id);
  void dial(raft::NodeId id, Channel channel);
  void plan_dial(raft::NodeId id, Channel channel, std::chrono::milliseconds delay);
  void on_open(ConnectionId id, bool dialled);
  void on_frame(ConnectionId id, std::string frame);
  void on_close(ConnectionId id, const char* reason);
  void close_if_slow(ConnectionId id);
  /// Forgets a link, tells the node if it was up, and plans the next dial if it is ours to make.
  void drop(ConnectionId id);
  void reject(ConnectionId id, const char* reason);
  void emit(std::function<void(PeerEvents&)> event);
  void drain();
  void deliver(ConnectionId id, PeerMessage message);
  /// An event may destroy the PeerSet: every way here holds this Impl by a shared_ptr.
  template <class Event>
  void tell(const Event& event) {
    telling = true;
    try {
      event(events);
    } catch (...) {
      telling = false;
      throw;
    }
    telling = false;
  }

  // peer_handshake.cc: two hellos, two verdicts
  bool send_on(Link& link, const PeerMessage& message);
  void on_handshake_frame(Link& link, DecodedFrame frame);
  void on_hello(Link& link, DecodedFrame frame);
  void on_question(Link& link, const DecodedFrame& frame);
  void on_hello_reply(Link& link, const HelloReply& reply);
  [[nodiscard]] std::optional<HelloReply::Verdict> own_verdict(const DecodedFrame& frame) const;
  void on_verdict(ConnectionId id, HelloReply::Verdict verdict);
  void refuse(Link& link, HelloReply::Verdict verdict);
  void go_up_if_agreed(ConnectionId id);
  void close_links_of_other_boots(const Link& link);

  // peer_set.cc: sending
  void send_raft(raft::NodeId to, raft::GroupId group, raft::Message message);
  bool send(raft::NodeId to, Channel channel, const PeerMessage& message);
  void flush(raft::NodeId id, Peer& peer, std::uint64_t wall_ms);
  [[nodiscard]] ConnectionId up(raft::NodeId peer, Channel channel) const;
  [[nodiscard]] std::size_t queue_room(ConnectionId id, Channel channel) const;
  bool transmit(ConnectionId id, std::string frame);

  [[nodiscard]] bool ours_to_dial(raft::NodeId peer) const { return options.self < peer; }
  [[nodiscard]] bool cluster_fits(const DecodedFrame& frame) const;
  Link* find(ConnectionId id) {
    const auto at = links.find(id);
    return at == links.end() ? nullptr : &at->second;
  }

  Transport& transport;
  Clock& clock;
  wal::Executor& home;
  PeerEvents& events;
  const PeerSetOptions options;
  std::uint64_t cluster_id = 0;
  bool started = false;
  bool stopped = false;
  std::map<raft::NodeId, Peer> peers;
  std::map<ConnectionId, Link> links;
  PeerMetrics metrics;

  // Everything the node is told goes through one queue, so that the order in which things happened
  // is the order in which it hears of them, and never inside a call of its own.
  std::deque<std::function<void(PeerEvents&)>> news;
  std::uint64_t redials = 0;  // where the numbers of the peer added last begin
  bool telling = false;       // an event is running: what it causes comes after it
  bool drain_due = false;     // posted, or at the end of the transport's callback that is running
};

}  // namespace cairn::net
