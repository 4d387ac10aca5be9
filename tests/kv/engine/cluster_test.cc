// The cluster record as replicated state, and groups that leave a node.
#include <gtest/gtest.h>

#include "kv/placement/cluster_change.h"
#include "tests/kv/engine/fixture.h"

namespace cairn::kv::test {
namespace {

ClusterRecord record_of(std::uint64_t epoch, std::uint64_t cluster = kCluster) {
  ClusterRecord record;
  record.epoch = epoch;
  record.cluster_id = cluster;
  record.replicas = 1;
  record.nodes.push_back({1, 0, 9, "h:1", ClusterNode::State::kActive, false});
  record.groups.resize(2);
  place_groups(record);
  return record;
}

Command set_cluster(const std::string& bytes) {
  Command command;
  command.kind = CommandKind::kSetCluster;
  command.record = bytes;
  return command;
}

class Engine_Cluster : public EngineTest {
 protected:
  Answer set(std::uint64_t epoch) {
    return run(set_cluster(encode_cluster_record(record_of(epoch))));
  }
};

TEST_F(Engine_Cluster, EpochsFollowOneAnother_OthersAreRefused) {
  EXPECT_EQ(set(3).error, Errc::kRevisionMismatch) << "as founded is epoch 1";
  EXPECT_EQ(set(1).error, Errc::kRevisionMismatch);
  EXPECT_FALSE(set(2).error);
  const Answer second = set(2);
  EXPECT_EQ(second.error, Errc::kRevisionMismatch) << "somebody else was first";
  EXPECT_EQ(second.version, 2u);
  EXPECT_FALSE(set(3).error);
  EXPECT_EQ(decode_cluster_record(value(kClusterKey)).value(), record_of(3));
}

TEST_F(Engine_Cluster, TwoInOneBatch_OneWins) {
  const auto bytes = encode_cluster_record(record_of(2));
  const auto answers = run_batch({set_cluster(bytes), set_cluster(bytes)});
  EXPECT_FALSE(answers[0].error);
  EXPECT_EQ(answers[1].error, Errc::kRevisionMismatch);
}

TEST_F(Engine_Cluster, BytesThatAreNoRecord_ChangeNothing) {
  EXPECT_EQ(run(set_cluster("nonsense")).error, Errc::kBadRequest);
  EXPECT_FALSE(set(2).error);
  EXPECT_EQ(run(set_cluster(encode_cluster_record(record_of(3, kCluster + 1)))).error,
            Errc::kBadRequest);
}

TEST_F(Engine_Cluster, GroupRemoved_IsForgottenAtOnceAndEmptyInTheEnd) {
  run(put("a", "1"));
  ASSERT_TRUE(engine_->remove_group(kGroup));
  EXPECT_TRUE(engine_->groups().empty());
  EXPECT_FALSE(engine_->get(kGroup, "a").has_value());
  ASSERT_TRUE(flush());
  reopen();  // makes a new one of the same number
  while (engine_->maintain().value()) {
  }
  EXPECT_EQ(value("a"), "<none>");
  EXPECT_EQ(group().applied, 0u);
}

TEST_F(Engine_Cluster, GroupRemovedAndMadeAgainBeforeItsRecordsAreGone_DoesNotSeeThem) {
  run(put("a", "1"));
  ASSERT_TRUE(engine_->remove_group(kGroup));
  ASSERT_TRUE(engine_->create_group(kGroup, three_voters(), kEpoch));
  EXPECT_EQ(value("a"), "<none>");
  while (engine_->maintain().value()) {
  }
  EXPECT_EQ(group().applied, 0u);
}

}  // namespace
}  // namespace cairn::kv::test
