// What must hold of a whole cluster at every moment (Raft's figure 3, and the promises of ready.h).
// Each check throws std::runtime_error with a story.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "tests/raft/cluster.h"

namespace cairn::raft::test {

class Oracles {
 public:
  explicit Oracles(Cluster& cluster);

  Index committed() const { return committed_; }
  std::size_t reads_open() const { return reads_.size(); }
  std::size_t configs_seen() const { return configs_.size(); }

  /// To be told: a read is asked at `id`, was not accepted after all; the member crashed.
  void read_asked(NodeId id, std::uint64_t request);
  void read_refused(NodeId id, std::uint64_t request) { reads_.erase({id, request}); }
  void crashed(NodeId id);

 private:
  void on_ready(Member& m, const Ready& ready);
  void on_send(const Packet& packet);
  void on_apply(Member& m, const Entry& entry);
  void check_entries(const std::vector<Entry>& entries);
  void check_configs(const Member& m, const std::vector<Entry>& entries);
  void check_new_leader(Member& m, Term term);
  void check_votes(const Message& message, bool granted, NodeId candidate);

  Cluster& cluster_;
  std::map<Term, NodeId> leaders_;
  std::map<std::pair<Term, NodeId>, NodeId> votes_;  // (term, voter) -> candidate
  std::map<std::pair<Index, Term>, std::pair<Term, std::string>> log_;  // -> previous term, bytes
  std::map<Index, Entry> history_;                                      // as first applied
  std::set<std::pair<Index, Term>> configs_;  // entries whose step was judged
  Index committed_ = 0;
  std::map<std::pair<NodeId, std::uint64_t>, Index> reads_;  // -> committed when asked
};

}  // namespace cairn::raft::test
