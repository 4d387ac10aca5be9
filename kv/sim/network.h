// The network of a world: connections that carry bytes in order with seeded delays, over directed
// links that can be cut. As TCP does it: nothing on a connection is lost, doubled or reordered
// while it lives; what cannot pass waits, arrives late when the link heals, or dies with the
// connection.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kv/sim/event_queue.h"
#include "kv/sim/executor.h"
#include "kv/sim/observer.h"
#include "kv/sim/trace.h"
#include "net/frame.h"
#include "net/transport.h"

namespace cairn::kv::sim {

struct NetworkLaw {
  Time latency_min{50};
  Time latency_max{400};
  std::uint64_t spike_per_mille = 5;  // so many deliveries take up to `spike`
  Time spike{20'000};
  std::uint64_t bytes_per_microsecond = 100;
  Time connect_timeout{1'000'000};
  /// How long a connection outlives a cut link or a vanished machine.
  Time stall_min{500'000};
  Time stall_max{4'000'000};
  std::uint64_t corrupt_per_million = 0;  // deliveries in which a bit flips
  /// So many sends meet a lost packet: what follows on the connection waits for its repeat.
  std::uint64_t loss_per_mille = 0;
  Time repeat_after{200'000};
  /// Of Raft frames (no transport promises that they come once, or in order, across connections):
  std::uint64_t duplicate_per_mille = 0;  // come again, later
  std::uint64_t reorder_per_mille = 0;    // come later than those behind them
  std::uint64_t replay_per_mille = 0;     // come again much later, to whatever life is there then
  Time late_max{3'000'000};
  std::size_t queue_bytes_max = 64u << 20;
};

class SimTransport;

class Network {
 public:
  Network(EventQueue& queue, Trace& trace, NetworkLaw law, raft::Random random)
      : queue_(queue), trace_(trace), law_(law), random_(random) {}

  /// The transport of a node's new life. Connections of an earlier life, if the machine vanished,
  /// are answered with a reset from now on.
  [[nodiscard]] std::unique_ptr<SimTransport> attach(NodeId node, LifeId life, SimExecutor& home,
                                                     std::string address);
  /// A life has ended. Silent: the machine vanished, and its peers find out by themselves;
  /// otherwise its system closes the connections.
  void detach(SimTransport& transport, bool silent);

  /// The directed link.
  void cut(NodeId from, NodeId to);
  void heal(NodeId from, NodeId to);
  void heal_all();
  [[nodiscard]] bool is_cut(NodeId from, NodeId to) const { return cut_.contains({from, to}); }
  void set_corruption(std::uint64_t per_million) { law_.corrupt_per_million = per_million; }
  /// What holds from now on; also for connections that are open.
  [[nodiscard]] NetworkLaw& law() { return law_; }

  // --- network_faults.cc
  /// Holds up the directed link, for as long as it takes: no connection dies of it.
  void clog(NodeId from, NodeId to) { clogged_.insert({from, to}); }
  void unclog(NodeId from, NodeId to);
  void unclog_all();
  /// A node's listener takes no connection.
  void refuse(NodeId node, bool refuses);
  // Each hits one connection that is open, drawn with `random`; false: there is none.
  bool reset_one(raft::Random& random);
  /// One side is told that it is gone, the other finds out much later.
  bool half_open_one(raft::Random& random);
  /// Likewise, and what was under way arrives within `span`, beside whatever replaces it.
  bool late_one(raft::Random& random, Time span);
  /// Nothing arrives at one side for a while.
  bool hold_one(raft::Random& random, Time span);

  /// Tells them of each Raft frame's begin and end. They outlive the network.
  void observe(const std::vector<Observer*>* observers) { observers_ = observers; }

  struct Counters {
    std::uint64_t connections = 0, frames = 0, bytes = 0, resets = 0, corrupted = 0;
    std::uint64_t lost = 0, duplicated = 0, reordered = 0, replayed = 0;
  };
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  friend class SimTransport;

  /// What waits to arrive at a side; fin: the other side is gone.
  struct Item {
    std::string bytes;
    bool fin = false;
    std::vector<std::uint64_t> frames{};  // as observers know them
  };
  struct Side {
    NodeId node = 0;
    SimTransport* transport = nullptr;  // null: gone or closed, nothing can be told to it
    bool open = false;                  // on_open is posted
    bool trusted = false;
    std::deque<Item> coming;
    std::size_t coming_bytes = 0;
    std::size_t stalled = 0;  // arrivals that the cut link held up
    Time last_arrival{0};
    Time held_until{0};  // nothing arrives before
    /// Writes that came and are to come again -> whether their answer, on record, has come back.
    std::map<std::uint64_t, bool> repeats;
  };
  struct Connection {
    std::array<Side, 2> sides;  // 0 dialled
  };
  using Number = std::uint64_t;

  static Number number_of(net::ConnectionId id) { return id / 2; }
  static std::size_t side_of(net::ConnectionId id) { return id % 2; }
  static net::ConnectionId id_of(Number number, std::size_t side) { return number * 2 + side; }

  // For SimTransport.
  net::ConnectionId dial(SimTransport& from, const std::string& address);
  bool send(net::ConnectionId id, std::string frames);
  void close(net::ConnectionId id, const char* reason);
  [[nodiscard]] std::size_t queued_bytes(net::ConnectionId id) const;
  void trust(net::ConnectionId id);

  [[nodiscard]] Side* find(Number number, std::size_t side);
  [[nodiscard]] Time latency(std::size_t bytes);
  [[nodiscard]] bool either_cut(NodeId a, NodeId b) const { return is_cut(a, b) || is_cut(b, a); }
  void knock(Number number, const std::string& address);
  void opened(Number number, std::size_t side);
  void enqueue(Number number, std::size_t to_side, Item item);
  void schedule_arrival(Number number, std::size_t to_side, std::size_t bytes);
  void arrive(Number number, std::size_t to_side);
  void deliver(Number number, std::size_t to_side, std::string bytes);
  void release(Number number, std::size_t side);
  [[nodiscard]] bool is_held(const Side& to, NodeId from) const;

  // --- network_faults.cc
  void repeat_write(Number number, std::size_t to_side, const net::FrameHeader& header,
                    std::string_view frame);
  void note_answer(Number number, std::size_t to_side, const net::FrameHeader& header,
                   std::string_view frame);
  [[nodiscard]] bool meddle(Number number, std::size_t to_side, std::string_view frame);
  void deliver_late(NodeId from, NodeId to, std::string frame, Time span);
  [[nodiscard]] std::pair<Number, std::size_t> pick_side(raft::Random& random);
  [[nodiscard]] std::vector<std::uint64_t> tell_sent(NodeId from, NodeId to, LifeId life,
                                                     std::string_view bytes);
  void tell_ended(Number number, std::size_t to_side, const Item& item, bool delivered);
  void drop_coming(Number number, std::size_t side);
  void break_later(Number number, NodeId a, NodeId b);
  void break_at(Number number, Time when);
  void lose(Number number, std::size_t side, const char* reason);
  void forget_if_dead(Number number);
  [[nodiscard]] Time stall();

  EventQueue& queue_;
  Trace& trace_;
  NetworkLaw law_;
  raft::Random random_;
  std::map<Number, Connection> connections_;
  std::map<std::string, SimTransport*> listeners_;
  std::map<std::pair<NodeId, NodeId>, std::uint64_t> cut_;  // -> which cut it was
  std::set<std::pair<NodeId, NodeId>> clogged_;
  std::set<NodeId> refusing_;
  const std::vector<Observer*>* observers_ = nullptr;
  std::uint64_t last_frame_ = 0;
  std::uint64_t cuts_ = 0;
  Number last_number_ = 0;
  Counters counters_;
};

/// One life's door to the network.
class SimTransport final : public net::Transport {
 public:
  SimTransport(Network& network, NodeId node, LifeId life, SimExecutor& home, std::string address)
      : network_(network), node_(node), life_(life), home_(home), address_(std::move(address)) {}

  boost::system::result<void> start(Callbacks callbacks) override;
  net::ConnectionId dial(const std::string& address) override;
  bool send(net::ConnectionId connection, std::string frames) override;
  std::size_t queued_bytes(net::ConnectionId connection) const override;
  void close(net::ConnectionId connection) override;
  void trust(net::ConnectionId connection) override;
  void stop() override;

 private:
  friend class Network;
  // Each posts to the home executor and runs there only if the connection is still known.
  void tell_open(net::ConnectionId id, bool dialled);
  void tell_frame(net::ConnectionId id, std::string frame);
  void tell_close(net::ConnectionId id, const char* reason);

  Network& network_;
  NodeId node_;
  LifeId life_;
  SimExecutor& home_;
  std::string address_;
  Callbacks callbacks_;
  std::set<net::ConnectionId> told_;  // ids whose on_close has not run yet
  bool started_ = false;
  bool stopped_ = false;
};

}  // namespace cairn::kv::sim
