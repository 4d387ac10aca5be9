// The cluster record: its bytes, and the steps from one to the next.
#include "kv/placement/cluster_record.h"

#include <gtest/gtest.h>

#include <set>

#include "kv/placement/cluster_change.h"
#include "raft/random.h"

namespace cairn::kv {
namespace {

using State = ClusterNode::State;

ClusterRecord founded(std::size_t nodes, std::uint32_t partitions = 4, std::uint32_t replicas = 3) {
  ClusterRecord record;
  record.epoch = 1;
  record.cluster_id = 77;
  record.replicas = replicas;
  for (NodeNumber id = 1; id <= nodes; ++id)
    record.nodes.push_back(
        {id, 0, 100 + id, "h" + std::to_string(id) + ":1", State::kActive, false});
  record.groups.resize(partitions + 1);
  place_groups(record);
  return record;
}

MemberChange adding(NodeNumber id, bool learner = false) {
  MemberChange change;
  change.add.push_back({id, "n" + std::to_string(id) + ":1", learner});
  return change;
}

MemberChange removing(NodeNumber id) {
  MemberChange change;
  change.remove.push_back(id);
  return change;
}

std::set<NodeNumber> nodes_of_all(const ClusterRecord& record) {
  std::set<NodeNumber> nodes;
  for (const WantedGroup& group : record.groups)
    for (const raft::NodeId m : group.voters) nodes.insert(node_of(m));
  return nodes;
}

PlanFacts facts(std::set<NodeNumber> dead) {
  return {[dead](NodeNumber id) { return dead.count(id) == 0; },
          [](raft::GroupId) { return std::uint64_t{1000}; }};
}

TEST(Member_Id, NodeAndGeneration_ComeBack) {
  const raft::NodeId member = member_id(kNodeNumberMax, 7);
  EXPECT_EQ(node_of(member), kNodeNumberMax);
  EXPECT_EQ(generation_of(member), 7u);
  EXPECT_EQ(member_id(3, 0), 3u) << "a founder's member is its node";
}

TEST(ClusterRecord_Bytes, RoundTrip_IsTheSame) {
  ClusterRecord record = with_change(founded(5, 16), adding(9, true)).value();
  record.nodes[1].generation = 3;
  place_groups(record);
  const std::string bytes = encode_cluster_record(record);
  EXPECT_EQ(decode_cluster_record(bytes).value(), record);
}

TEST(ClusterRecord_Bytes, EveryCutAndEveryChangedByte_IsAnErrorOrAValidRecord) {
  const std::string bytes = encode_cluster_record(founded(3));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(decode_cluster_record(bytes.substr(0, size)).has_value()) << size;
  EXPECT_FALSE(decode_cluster_record(bytes + '\0').has_value());
  raft::Random random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string bad = bytes;
    const std::uint64_t changes = random.between(1, 4);
    for (std::uint64_t k = 0; k < changes; ++k)
      bad[random.between(0, bad.size() - 1)] = static_cast<char>(random.next());
    const auto record = decode_cluster_record(bad);
    if (record) {
      EXPECT_TRUE(valid_cluster_record(*record));
    }
  }
}

TEST(ClusterRecord_Bytes, NewerVersion_IsSaidSo) {
  std::string bytes = encode_cluster_record(founded(3));
  bytes[0] = 2;
  EXPECT_EQ(decode_cluster_record(bytes).error(), CommandError::kNewerVersion);
}

TEST(ClusterRecord_Bytes, MemberOfAnotherGeneration_IsNoRecord) {
  ClusterRecord record = founded(3);
  record.groups[1].voters[0] = member_id(1, 5);
  EXPECT_FALSE(valid_cluster_record(record));
}

TEST(ClusterChange_Add, NewNode_JoinsUnderANewGenerationAndIsPlaced) {
  const ClusterRecord next = with_change(founded(3), adding(4)).value();
  EXPECT_EQ(next.epoch, 2u);
  ASSERT_NE(next.node(4), nullptr);
  EXPECT_EQ(next.node(4)->generation, 2u);
  EXPECT_EQ(next.node(4)->state, State::kJoining);
  EXPECT_EQ(next.node(4)->incarnation, 0u);
  EXPECT_EQ(nodes_of_all(next).count(4), 1u);
  EXPECT_TRUE(valid_cluster_record(next));
}

TEST(ClusterChange_Add, RemovedAndAddedAgain_IsNeverTheMemberItWas) {
  ClusterRecord record = with_settled(with_change(founded(4), removing(4)).value());
  EXPECT_EQ(record.node(4), nullptr);
  record = with_change(record, adding(4)).value();
  EXPECT_NE(record.node(4)->member(), 4u);
}

TEST(ClusterChange_Add, Learner_IsWantedWithoutAVoteUntilPromoted) {
  ClusterRecord record = with_change(founded(2, 4), adding(3, true)).value();
  const raft::NodeId three = record.node(3)->member();
  for (const WantedGroup& group : record.groups) {
    EXPECT_EQ(group.voters.size(), 2u);
    EXPECT_EQ(group.learners, std::vector<raft::NodeId>{three});
  }
  record = with_promoted(with_settled(record), 3).value();
  for (const WantedGroup& group : record.groups) {
    EXPECT_EQ(group.voters.size(), 3u);
    EXPECT_TRUE(group.learners.empty());
  }
  EXPECT_EQ(with_promoted(record, 3).error().code, Errc::kUnchanged);
  EXPECT_EQ(with_promoted(record, 8).error().code, Errc::kUnknownNode);
}

TEST(ClusterChange_Refusals, AreTyped) {
  const ClusterRecord record = founded(3);
  const auto code = [](const Result<ClusterRecord>& r) { return r.error().code; };
  EXPECT_EQ(code(with_change(record, {})), Errc::kBadRequest);
  EXPECT_EQ(code(with_change(record, adding(3))), Errc::kMemberExists);
  EXPECT_EQ(code(with_change(record, adding(1ull << 32))), Errc::kBadRequest);
  EXPECT_EQ(code(with_change(record, adding(0))), Errc::kBadRequest);
  EXPECT_EQ(code(with_change(record, removing(7))), Errc::kUnknownNode);
  MemberChange change = adding(4);
  change.add[0].peer = "h2:1";
  EXPECT_EQ(code(with_change(record, change)), Errc::kBadRequest) << "node 2's address";
  change.add[0].peer = "nowhere";
  EXPECT_EQ(code(with_change(record, change)), Errc::kBadRequest);
  const ClusterRecord joining = with_change(record, adding(4)).value();
  EXPECT_EQ(code(with_change(joining, adding(5))), Errc::kChangeUnderWay);
  EXPECT_EQ(code(with_change(joining, removing(1))), Errc::kChangeUnderWay);
  EXPECT_TRUE(with_change(joining, removing(4))) << "who joins may be given up";
  MemberChange all;
  all.remove = {1, 2, 3};
  EXPECT_EQ(code(with_change(record, all)), Errc::kQuorumLost);
}

TEST(ClusterChange_Rejoin, TakesTheOldMembersPlacesAsANewMember) {
  const ClusterRecord before = founded(3);
  const ClusterRecord next = with_rejoined(before, 3, 999).value();
  EXPECT_EQ(next.node(3)->incarnation, 999u);
  EXPECT_NE(next.node(3)->member(), 3u);
  for (raft::GroupId g = 0; g < next.groups.size(); ++g) {
    EXPECT_FALSE(next.wants(g, 3));
    EXPECT_EQ(next.wants(g, next.node(3)->member()), before.wants(g, 3));
  }
  EXPECT_TRUE(valid_cluster_record(next));
  EXPECT_EQ(with_rejoined(next, 3, 999).error().code, Errc::kUnchanged);
}

TEST(ClusterPlan_Phases, ReplaceOfADeadNode_CountsItAsDead) {
  const ClusterRecord before = founded(3, 1);
  MemberChange change = adding(4);
  change.remove = {3};
  const ClusterRecord after = with_change(before, change).value();
  const MemberPlan plan = plan_of(before, after, facts({3, 4}));
  const GroupPlan& group = plan.groups.at(1);
  ASSERT_EQ(group.phases.size(), 4u);
  EXPECT_EQ(group.phases[0].name, "now");
  EXPECT_EQ(group.phases[0].failures_tolerated, 0);
  EXPECT_EQ(group.phases[2].name, "joint");
  EXPECT_EQ(group.phases[2].failures_tolerated, 0);
  EXPECT_EQ(group.phases[3].failures_tolerated, 1);
  EXPECT_EQ(group.bytes_to_ship, 1000u);
  EXPECT_TRUE(check_plan(plan));
}

TEST(ClusterPlan_Phases, RemovalThatLeavesNoLivingMajority_IsRefused) {
  const ClusterRecord before = founded(3, 1);
  const ClusterRecord after = with_change(before, removing(2)).value();
  EXPECT_EQ(check_plan(plan_of(before, after, facts({3}))).error().code, Errc::kQuorumLost);
  EXPECT_TRUE(check_plan(plan_of(before, after, facts({}))));
  EXPECT_TRUE(check_plan(plan_of(before, with_change(before, removing(3)).value(), facts({3}))))
      << "taking the dead one out is what helps";
}

}  // namespace
}  // namespace cairn::kv
