#include "kv/client/routes.h"

#include <algorithm>
#include <utility>

namespace cairn::kv::client {

ClientRoutes::ClientRoutes(const ClientOptions& options, std::vector<std::string> endpoints,
                           Dial dial)
    : options_(options), dial_(std::move(dial)) {
  for (const std::string& endpoint : endpoints) door_at(endpoint).configured = true;
}

std::uint32_t ClientRoutes::partition(std::string_view key) const {
  return partition_of(key, partitions(), map_.hash);
}

Door& ClientRoutes::door_at(const std::string& address) {
  for (const auto& door : doors_)
    if (door->address == address) return *door;
  doors_.push_back(std::make_unique<Door>());
  doors_.back()->address = address;
  return *doors_.back();
}

Door* ClientRoutes::door_of_node(NodeNumber node) {
  Door* found = nullptr;
  for (const auto& door : doors_) {
    if (door->node != node || node == 0) continue;
    // The same node may be known by two addresses: one that answers is better.
    if (found == nullptr || (found->links.empty() && !door->links.empty())) found = door.get();
  }
  return found;
}

Door* ClientRoutes::door_of(const Link& link) {
  for (const auto& door : doors_)
    for (const auto& one : door->links)
      if (one.get() == &link) return door.get();
  return nullptr;
}

bool ClientRoutes::learn(ClusterMap map) {
  if (map.partitions.empty()) return false;
  if (map_.partitions.empty()) {
    map_ = std::move(map);
  } else {
    if (map.cluster_id != map_.cluster_id || map.partitions.size() != map_.partitions.size())
      return false;
    // Each node tells what it knows: of who leads, the newest term is right; of the members, the
    // newest record.
    for (std::size_t p = 0; p < map.partitions.size(); ++p) {
      ClusterMap::Partition& mine = map_.partitions[p];
      ClusterMap::Partition& theirs = map.partitions[p];
      if (theirs.leader != 0 && theirs.term >= mine.term) {
        mine.leader = theirs.leader;
        mine.term = theirs.term;
      }
      if (map.epoch >= map_.epoch) mine.replicas = std::move(theirs.replicas);
    }
    if (map.epoch >= map_.epoch) {
      map_.epoch = map.epoch;
      map_.doors = std::move(map.doors);
    }
  }
  for (const ClusterMap::Door& told : map_.doors) {
    Door& door = door_at(told.address);
    if (door.node == 0) door.node = told.node;
  }
  // Where nobody is any more.
  std::erase_if(doors_, [this](const std::unique_ptr<Door>& door) {
    const auto told = [&](const ClusterMap::Door& d) { return d.address == door->address; };
    return !door->configured && door->links.empty() &&
           std::none_of(map_.doors.begin(), map_.doors.end(), told);
  });
  return true;
}

void ClientRoutes::learn_node(Link& link, NodeNumber node) {
  Door* const door = door_of(link);
  if (door == nullptr) return;
  door->node = node;
  door->failures = 0;
  door->dial_after = door->avoid_until = Micros{0};
  door->last_failure.clear();
}

void ClientRoutes::redirected(std::uint32_t partition, NodeNumber node, NodeNumber leader) {
  if (partition >= map_.partitions.size()) return;
  ClusterMap::Partition& p = map_.partitions[partition];
  if (leader != 0 && leader != node)
    p.leader = leader;
  else if (p.leader == node)
    p.leader = 0;
}

void ClientRoutes::avoid(Link& link, Micros until) {
  if (Door* const door = door_of(link)) door->avoid_until = until;
  for (ClusterMap::Partition& p : map_.partitions)
    if (p.leader == link.node()) p.leader = 0;
}

void ClientRoutes::took(Link& link, Micros duration) {
  Door* const door = door_of(link);
  if (door == nullptr) return;
  const double us = std::max(1.0, static_cast<double>(duration.count()));
  door->answer_us = door->answer_us == 0 ? us : door->answer_us + (us - door->answer_us) / 16;
}

// --- choosing ----------------------------------------------------------------------------------

void ClientRoutes::want(Door& door, Micros now) {
  if (door.links.size() >= options_.connections_per_node || now < door.dial_after) return;
  if (auto link = dial_(door)) door.links.push_back(std::move(link));
}

Link* ClientRoutes::link_of(Door& door, std::size_t bytes, Micros now) {
  if (now < door.avoid_until) return nullptr;
  want(door, now);
  Link* best = nullptr;
  for (const auto& link : door.links)
    if (link->has_room(bytes) && (best == nullptr || link->in_flight() < best->in_flight()))
      best = link.get();
  return best;
}

Link* ClientRoutes::any(std::size_t bytes, Micros now) {
  // One that is up; only if there is none are others dialled.
  for (const bool dial : {false, true}) {
    for (std::size_t i = 0; i < doors_.size(); ++i) {
      Door& door = *doors_[(turn_ + i) % doors_.size()];
      if (door.links.empty() && !dial) continue;
      if (Link* const link = link_of(door, bytes, now)) {
        turn_ = (turn_ + i + 1) % doors_.size();
        return link;
      }
    }
  }
  return nullptr;
}

Link* ClientRoutes::replica(const ClusterMap::Partition& partition, std::size_t bytes, Micros now) {
  Link* best = nullptr;
  double best_us = 0;
  const std::size_t count = partition.replicas.size();
  const std::size_t first = turn_++;
  for (std::size_t i = 0; i < count; ++i) {
    Door* const door = door_of_node(partition.replicas[(first + i) % count]);
    Link* const link = door != nullptr ? link_of(*door, bytes, now) : nullptr;
    if (link == nullptr) continue;
    if (options_.read_from == ReadFrom::kRoundRobin) return link;
    // A door without an answer yet is tried before it is judged.
    if (best == nullptr || door->answer_us < best_us) {
      best = link;
      best_us = door->answer_us;
    }
  }
  return best;
}

Link* ClientRoutes::pick(const Call& call, std::size_t bytes, Micros now) {
  if (!mapped()) return nullptr;
  Link* link = nullptr;
  const auto* get = std::get_if<door::Get>(&call.request.body);
  const auto* scan = std::get_if<ScanOptions>(&call.request.body);
  const bool eventual = (get != nullptr && get->consistency == Consistency::kEventual) ||
                        (scan != nullptr && scan->read.consistency == Consistency::kEventual);
  const ClusterMap::Partition& partition = map_.partitions[call.partition];
  if (eventual && options_.read_from != ReadFrom::kLeader) link = replica(partition, bytes, now);
  if (link == nullptr && partition.leader != 0)
    if (Door* const door = door_of_node(partition.leader)) link = link_of(*door, bytes, now);
  return link != nullptr ? link : any(bytes, now);
}

}  // namespace cairn::kv::client
