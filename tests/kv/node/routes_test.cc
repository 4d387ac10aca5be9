// Hints of who leads where: newest term first, never a stranger.
#include "kv/node/routes.h"

#include <gtest/gtest.h>

namespace cairn::kv {
namespace {

ClusterRecord two_partitions() {
  ClusterRecord record;
  record.epoch = 4;
  record.cluster_id = 7;
  record.replicas = 3;
  for (NodeNumber id = 1; id <= 5; ++id)
    record.nodes.push_back({id, id == 3 ? 2u : 0u, id, "", ClusterNode::State::kActive, false});
  const raft::NodeId three = member_id(3, 2);
  record.groups = {{{1, 2, three, 4, 5}, {}}, {{1, 2, three}, {}}, {{three, 4, 5}, {}}};
  return record;
}

class RoutesTest : public ::testing::Test {
 protected:
  RoutesTest() { routes_.update(two_partitions()); }
  Routes routes_;
};

TEST_F(RoutesTest, Groups_OnePerPartition_AndTheMetadataGroup) {
  EXPECT_EQ(routes_.partitions(), 2u);
  EXPECT_TRUE(routes_.known(kMetadataGroup));
  EXPECT_TRUE(routes_.known(2));
  EXPECT_FALSE(routes_.known(3));
  EXPECT_EQ(routes_.members(kMetadataGroup), (std::vector<raft::NodeId>{1, 2, 3, 4, 5}));
  EXPECT_EQ(routes_.members(2), (std::vector<raft::NodeId>{3, 4, 5}));
}

TEST_F(RoutesTest, GroupOf_AnyKey_IsADataGroup_TheSameEachTime) {
  for (const char* key : {"a", "b", "user:1", "{tag}x", "\xff"}) {
    const raft::GroupId group = routes_.group_of(key);
    EXPECT_TRUE(group == 1 || group == 2);
    EXPECT_EQ(routes_.group_of(key), group);
  }
  EXPECT_EQ(routes_.group_of("{tag}x"), routes_.group_of("{tag}y"));
}

TEST_F(RoutesTest, Leads_OlderTerm_IsIgnored) {
  routes_.leads(1, 5, 2);
  routes_.leads(1, 4, 3);
  EXPECT_EQ(routes_.leader(1), 2u);
  routes_.leads(1, 6, 3);
  EXPECT_EQ(routes_.leader(1), 3u);
}

TEST_F(RoutesTest, NewRecord_KeepsWhoLeads) {
  routes_.leads(1, 5, 2);
  ClusterRecord record = two_partitions();
  record.groups[1].voters = {1, 4, 5};
  routes_.update(record);
  EXPECT_EQ(routes_.members(1), (std::vector<raft::NodeId>{1, 4, 5}));
  EXPECT_EQ(routes_.leader(1), 2u) << "it leads until its group is where it is wanted";
}

TEST_F(RoutesTest, Leads_Stranger_IsIgnored) {
  routes_.leads(1, 5, 9);
  routes_.leads(7, 5, 1);
  EXPECT_EQ(routes_.leader(1), raft::kNobody);
  EXPECT_EQ(routes_.leader(7), raft::kNobody);
}

TEST_F(RoutesTest, Hint_FillsAGapOnly_AndDoesNotOutliveATerm) {
  routes_.leads(1, 0, 2);
  EXPECT_EQ(routes_.leader(1), 2u);
  routes_.leads(1, 0, 3);
  EXPECT_EQ(routes_.leader(1), 2u);
  routes_.forget(1, 2);
  routes_.leads(1, 0, 3);
  EXPECT_EQ(routes_.leader(1), 3u);
  routes_.leads(1, 1, 1);
  EXPECT_EQ(routes_.leader(1), 1u);
}

TEST_F(RoutesTest, Forget_OfOneGroup_OrOfANodeEverywhere) {
  routes_.leads(1, 1, 3);
  routes_.leads(2, 1, 3);
  routes_.forget(1, 2);
  EXPECT_EQ(routes_.leader(1), 3u) << "another node was forgotten";
  routes_.forget(1, 3);
  EXPECT_EQ(routes_.leader(1), raft::kNobody);
  EXPECT_EQ(routes_.leader(2), 3u);
  routes_.forget(raft::NodeId{3});
  EXPECT_EQ(routes_.leader(2), raft::kNobody);
  routes_.leads(2, 1, 4);
  EXPECT_EQ(routes_.leader(2), 4u) << "the same term may say it anew";
}

}  // namespace
}  // namespace cairn::kv
