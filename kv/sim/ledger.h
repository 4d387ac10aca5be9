// The oracles of Raft, fed by what nodes show and send, after every event: one leader a term; votes
// and acks against what is durable; log matching; leader completeness; committed entries that
// agree; apply strictly +1; equal digests at equal indexes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kv/sim/observer.h"
#include "kv/sim/world.h"

namespace cairn::kv::sim {

/// One committed entry, and what applying it answered, as the first node that showed it said.
struct CommittedEntry {
  raft::Entry entry;
  std::optional<Answer> answer;
};

class Ledger final : public Observer {
 public:
  /// `is_sound`: a damaged node's disk and answers prove nothing. `must_remember`: yet when it
  /// starts as the member that it was, then with all that this one promised.
  Ledger(World& world, std::function<bool(NodeId)> is_sound,
         std::function<bool(NodeId)> must_remember)
      : world_(world), is_sound_(std::move(is_sound)), must_remember_(std::move(must_remember)) {}

  void on_node(const NodeEvent& event) override;
  void on_group(const GroupEvent& event) override;
  void on_sent(const FrameSent& event) override;
  void on_committed(const EntriesCommitted& event) override;
  void on_applied(const EntriesApplied& event) override;
  void on_installed(const SnapshotInstalled& event) override;

  /// Who a group's voters are before its first change.
  void founded(raft::GroupId group, raft::Configuration config) {
    configurations_[group] = std::move(config);
  }

  /// Compares digests of all nodes that have applied the same index. Now and then: it reads
  /// everything.
  void compare_digests();

  /// Highest index of the group that any node ever knew to be committed.
  [[nodiscard]] raft::Index commit(raft::GroupId group) const;
  /// Entry i of a group stands at i - 1.
  [[nodiscard]] const std::map<raft::GroupId, std::vector<CommittedEntry>>& committed() const {
    return committed_;
  }

  /// The last one that was committed; null: none is known.
  [[nodiscard]] const raft::Configuration* configuration(raft::GroupId group) const {
    const auto at = configurations_.find(group);
    return at == configurations_.end() ? nullptr : &at->second;
  }

  /// How often each oracle had something to judge.
  struct Counts {
    /// Of the leaders, `handed_over` were asked to stand by the one before.
    std::uint64_t leaders = 0, handed_over = 0, votes = 0, acks = 0, audits = 0, recalls = 0,
                  entries_sent = 0, committed = 0, answers = 0, digests = 0, snapshots = 0,
                  configurations = 0;
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  /// What a member has said about a group and must find on its disk ever after.
  struct Promise {
    raft::Term vote_term = 0;
    NodeId vote = 0;
    raft::Term ack_term = 0;
    raft::Index ack_index = 0;
  };
  struct SentEntry {
    std::uint64_t hash = 0;
    raft::Term previous_term = 0;
  };
  using EntryKey = std::tuple<raft::GroupId, raft::Index, raft::Term>;

  void fail(const std::string& what) { world_.fail(what); }
  void vote(NodeId node, raft::NodeId voter, NodeId candidate, raft::GroupId group,
            raft::Term term);
  void ack(NodeId node, raft::NodeId member, raft::GroupId group, raft::Term term,
           raft::Index index);
  [[nodiscard]] raft::NodeId member_of(NodeId node, LifeId life);
  void kept_hash(NodeId node, const Node::GroupStatus& status);
  void still_a_voter(const GroupEvent& event);
  void entries(raft::GroupId group, const raft::AppendRequest& append);
  void leader(const GroupEvent& event);
  void configuration(raft::GroupId group, const raft::Entry& entry);
  /// The node's promises against what its disk would hold after a power cut in this moment.
  void audit(NodeId node, raft::NodeId member);
  /// What it starts with against its promises.
  void recall(NodeId node);
  void forget_promises(raft::GroupId group, const raft::Configuration& config);

  World& world_;
  std::function<bool(NodeId)> is_sound_;
  std::function<bool(NodeId)> must_remember_;
  std::map<std::pair<raft::GroupId, raft::Term>, std::pair<NodeId, LifeId>> leaders_;
  std::set<std::tuple<raft::GroupId, raft::Term, NodeId>> handed_;  // who was asked to stand
  std::map<std::tuple<raft::GroupId, raft::Term, raft::NodeId>, NodeId> votes_;  // member -> node
  std::map<raft::NodeId, std::map<raft::GroupId, Promise>> promises_;            // by member
  std::map<LifeId, raft::NodeId> members_;  // as which a life speaks
  std::map<EntryKey, SentEntry> sent_;
  std::map<raft::GroupId, raft::Index> commit_;
  /// Highest commit index that a member showed while it was in this term.
  std::map<std::pair<raft::GroupId, raft::Term>, raft::Index> commit_in_term_;
  std::map<raft::GroupId, std::vector<CommittedEntry>> committed_;
  std::map<raft::GroupId, raft::Configuration> configurations_;   // the last one that was committed
  std::map<raft::GroupId, raft::Index> configured_at_;            // where its entry stands
  std::map<std::pair<LifeId, raft::GroupId>, raft::Index> next_;  // to be applied
  std::map<std::pair<raft::GroupId, raft::Index>, std::pair<std::string, NodeId>> digests_;
  std::map<std::pair<LifeId, raft::GroupId>, raft::Index> compared_;  // by digest
  std::map<LifeId, Time> ended_;                                      // said that it serves no more
  Time next_audit_{0};
  Counts counts_;
};

/// Does every quorum of one meet every quorum of the other?
[[nodiscard]] bool quorums_meet(const raft::Configuration& a, const raft::Configuration& b);

/// As a voter or a learner.
[[nodiscard]] bool names(const raft::Configuration& config, raft::NodeId member);

// For failures' texts.
[[nodiscard]] std::string where(raft::GroupId group, raft::Index index);
[[nodiscard]] std::string of_node(NodeId node);
/// Of a node that came back as another one: "node 3.2".
[[nodiscard]] std::string of_member(raft::NodeId member);

}  // namespace cairn::kv::sim
