// Seeded sets of node names, and what is measured on tables of replicas.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "kv/placement/ring.h"

namespace cairn::kv {

// Pure arithmetic: release builds look at all sets, sanitizers, some fifty times slower, at a few.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr std::uint64_t kSetsOfNames = 5;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr std::uint64_t kSetsOfNames = 5;
#else
inline constexpr std::uint64_t kSetsOfNames = 100;
#endif
#else
inline constexpr std::uint64_t kSetsOfNames = 100;
#endif

inline std::string random_name(std::mt19937_64& random) {
  std::string name;
  for (int i = 0; i < 8; ++i) name.push_back(static_cast<char>('a' + random() % 26));
  return name;
}

inline PlacementNode node_named(raft::NodeId id, std::string name) {
  PlacementNode node;
  node.id = id;
  node.name = std::move(name);
  return node;
}

inline std::vector<PlacementNode> named_nodes(std::mt19937_64& random, std::size_t count) {
  std::vector<PlacementNode> nodes;
  while (nodes.size() < count) nodes.push_back(node_named(nodes.size() + 1, random_name(random)));
  return nodes;
}

inline std::map<raft::NodeId, std::uint32_t> loads(const ReplicaTable& table) {
  std::map<raft::NodeId, std::uint32_t> load;
  for (const auto& nodes : table) {
    for (const raft::NodeId node : nodes) ++load[node];
  }
  return load;
}

inline std::map<raft::NodeId, std::uint32_t> firsts(const ReplicaTable& table) {
  std::map<raft::NodeId, std::uint32_t> load;
  for (const auto& nodes : table) ++load[nodes.front()];
  return load;
}

inline std::uint32_t most(const std::map<raft::NodeId, std::uint32_t>& load) {
  std::uint32_t highest = 0;
  for (const auto& [node, count] : load) highest = std::max(highest, count);
  return highest;
}

/// Replicas of `after` that a node has to fetch, as it did not hold that partition before.
inline std::size_t moved(const ReplicaTable& before, const ReplicaTable& after) {
  std::size_t count = 0;
  for (std::size_t p = 0; p < after.size(); ++p) {
    for (const raft::NodeId node : after[p]) {
      count += std::count(before[p].begin(), before[p].end(), node) == 0;
    }
  }
  return count;
}

}  // namespace cairn::kv
