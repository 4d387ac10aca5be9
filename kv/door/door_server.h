// The native door of a node: its listener, its connections, and what they have under way. Loop
// thread only, but for listen(), which comes before the loop runs.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cairn/kv/options.h"
#include "kv/door/door_connection.h"
#include "kv/door/door_metrics.h"
#include "kv/door/messages.h"
#include "kv/node/node.h"
#include "net/clock.h"
#include "net/framed_listener.h"

namespace cairn::kv::door {

struct DoorSeams {
  boost::asio::io_context* context = nullptr;
  net::Clock* clock = nullptr;
  /// The node as it is now: it may be opened anew.
  std::function<Node&()> node;
  /// An executor's edge: what a call of the node threw.
  std::function<void(std::exception_ptr)> broken;
};

class DoorServer {
 public:
  /// `options` outlive it.
  DoorServer(DoorSeams seams, const Options& options);
  /// Closes everything. After the node: no answer may come any more.
  ~DoorServer();
  DoorServer(const DoorServer&) = delete;
  DoorServer& operator=(const DoorServer&) = delete;

  /// The error is kAddressInUse, kConfiguration or kIo.
  [[nodiscard]] Result<void> listen();
  /// Accepts no more; who is connected goes on.
  void stop_accepting();
  /// Says goodbye to all.
  void finish();
  void add_metrics(std::vector<Sample>& samples) const;

  // --- for its connections
  [[nodiscard]] const ClientDoorLimits& limits() const { return options_.client_limits; }
  [[nodiscard]] boost::asio::io_context& context() { return *seams_.context; }
  [[nodiscard]] std::chrono::microseconds now() const { return seams_.clock->monotonic(); }
  [[nodiscard]] DoorMetrics& metrics() { return metrics_; }
  /// At most a tick old.
  [[nodiscard]] const ClusterMap& map() const { return map_; }
  [[nodiscard]] std::uint64_t node_id() { return seams_.node().id(); }
  void begin(std::shared_ptr<DoorConnection> connection, Request request, std::size_t bytes);
  void charge(std::size_t before, std::size_t after) { bytes_ = bytes_ - before + after; }
  [[nodiscard]] bool over_budget() const { return bytes_ > limits().bytes_max; }
  void closed(DoorConnection& connection);

 private:
  /// A request that the node has. Its callback carries its place here and no more, which fits a
  /// std::function without an allocation.
  struct Pending {
    std::shared_ptr<DoorConnection> connection;  // null: the place is free
    std::uint64_t id = 0;
    std::size_t bytes = 0;
    std::uint32_t partition = 0;
    std::uint32_t generation = 0;
  };
  struct Ticket {
    DoorServer* server;
    std::uint32_t place, generation;
  };

  [[nodiscard]] std::vector<std::shared_ptr<DoorConnection>> all_connections() const;
  void accepted(boost::asio::ip::tcp::socket socket);
  void schedule_tick();
  void tick();
  void begin_on_node(const Ticket& ticket, Request& request);
  [[nodiscard]] std::uint32_t partition_of_request(const Request& request) const;
  Ticket enter(Pending pending);
  void answered(const Ticket& ticket, Reply reply);
  void answered(const Ticket& ticket, Result<Answer> answer);
  template <class T>
  void answered_read(const Ticket& ticket, Result<T> result);
  [[nodiscard]] Failure failure_of(const Error& error, std::uint32_t partition);

  const DoorSeams seams_;
  const Options& options_;
  std::unique_ptr<net::FramedListener> listener_;
  std::map<std::uint64_t, std::shared_ptr<DoorConnection>> connections_;
  std::uint64_t last_connection_ = 0;
  std::vector<Pending> pending_;
  std::vector<std::uint32_t> free_;
  std::size_t bytes_ = 0;
  ClusterMap map_;
  bool tick_due_ = false;
  DoorMetrics metrics_;
};

}  // namespace cairn::kv::door
