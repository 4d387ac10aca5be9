// What a client knows of the cluster: the nodes' doors, the connections to them, and who leads
// what. Client thread only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cairn/kv/client.h"
#include "kv/client/link.h"

namespace cairn::kv::client {

/// A node's native door, as configured or as the nodes told it.
struct Door {
  std::string address;
  NodeNumber node = 0;  // 0: nobody has answered there yet
  bool configured = false;
  std::vector<std::shared_ptr<Link>> links;
  unsigned failures = 0;     // dials in a row
  Micros dial_after{0};      // backing off
  Micros avoid_until{0};     // it stalls, or stops, or its disk failed
  double answer_us = 0;      // moving average of the time to an answer; 0: none yet
  std::string last_failure;  // for people
};

class ClientRoutes {
 public:
  /// A connection to dial; null: not now.
  using Dial = std::function<std::shared_ptr<Link>(Door&)>;

  ClientRoutes(const ClientOptions& options, std::vector<std::string> endpoints, Dial dial);

  [[nodiscard]] bool mapped() const { return !map_.partitions.empty(); }
  [[nodiscard]] std::uint64_t cluster_id() const { return map_.cluster_id; }
  [[nodiscard]] std::uint32_t partition(std::string_view key) const;
  [[nodiscard]] std::uint32_t partitions() const {
    return static_cast<std::uint32_t>(map_.partitions.size());
  }

  /// True: something is new.
  bool learn(ClusterMap map);
  void learn_node(Link& link, NodeNumber node);
  /// `node` says that it does not lead this partition, and who does (or nobody).
  void redirected(std::uint32_t partition, NodeNumber node, NodeNumber leader);
  /// The link's node failed to answer: it is not asked for now, nor thought to lead anything.
  void avoid(Link& link, Micros until);

  /// A connection for the call, with room; null: none is up now (those that may help are dialled).
  [[nodiscard]] Link* pick(const Call& call, std::size_t bytes, Micros now);
  void took(Link& link, Micros duration);

  [[nodiscard]] Door* door_of(const Link& link);
  [[nodiscard]] std::vector<std::unique_ptr<Door>>& doors() { return doors_; }
  /// Dials a door that has no connection, unless it backs off.
  void want(Door& door, Micros now);

 private:
  [[nodiscard]] Door* door_of_node(NodeNumber node);
  [[nodiscard]] Door& door_at(const std::string& address);
  [[nodiscard]] Link* link_of(Door& door, std::size_t bytes, Micros now);
  [[nodiscard]] Link* any(std::size_t bytes, Micros now);
  [[nodiscard]] Link* replica(const ClusterMap::Partition& partition, std::size_t bytes,
                              Micros now);

  const ClientOptions& options_;
  const Dial dial_;
  ClusterMap map_;
  std::vector<std::unique_ptr<Door>> doors_;
  std::size_t turn_ = 0;
};

}  // namespace cairn::kv::client
