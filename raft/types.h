// The words of Raft: ids, terms, indexes, entries, configurations. Plain values, no behaviour.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace cairn::raft {

/// A member of the cluster. 0 means "nobody".
using NodeId = std::uint64_t;
inline constexpr NodeId kNobody = 0;

/// A Raft group of a node: 0 is the metadata group, partition p is group p + 1.
using GroupId = std::uint32_t;

using Term = std::uint64_t;
using Index = std::uint64_t;  // first entry has index 1; 0 means "before the log"

enum class EntryKind : std::uint8_t {
  kNoop = 0,     // proposed by a new leader so that it can commit entries of earlier terms (5.4.2)
  kCommand = 1,  // opaque to Raft
  kConfig = 2,   // a configuration, encoded by encode_configuration()
};

/// One log entry. The payload is shared and never changed: the log tail, messages to several
/// followers and the apply stage point at the same bytes.
struct Entry {
  Index index = 0;
  Term term = 0;
  EntryKind kind = EntryKind::kNoop;
  std::shared_ptr<const std::string> data;  // may be null: no bytes

  std::size_t bytes() const { return sizeof(Entry) + (data ? data->size() : 0); }
  bool same_as(const Entry& o) const { return index == o.index && term == o.term; }
};

/// The persistent state of figure 2, without the log. Commit is a hint that spares re-discovery.
struct HardState {
  Term term = 0;
  NodeId vote = kNobody;
  Index commit = 0;
  friend bool operator==(const HardState&, const HardState&) = default;
};

/// Members of a group; every list sorted and without duplicates. `voters_outgoing` is non-empty
/// only while a joint configuration is in force (dissertation 4.3).
struct Configuration {
  std::vector<NodeId> voters;
  std::vector<NodeId> voters_outgoing;
  std::vector<NodeId> learners;
  friend bool operator==(const Configuration&, const Configuration&) = default;
};

/// What a snapshot stands for: the state after applying entry (index, term).
struct SnapshotMeta {
  Index index = 0;
  Term term = 0;
  Configuration config;
  friend bool operator==(const SnapshotMeta&, const SnapshotMeta&) = default;
};

}  // namespace cairn::raft
