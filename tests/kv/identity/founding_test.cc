#include "kv/identity/founding.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <stdexcept>

#include "kv/identity/founding_record.h"

namespace cairn::kv {
namespace {

using Kind = Founding::Decision::Kind;

FoundingPlan plan_of_three() {
  return {.members = {{1, "a:1"}, {2, "b:1"}, {3, "c:1"}},
          .partitions = 16,
          .replicas = 3,
          .hash = {.id = kHashXxh3, .seed = 9}};
}

/// Three nodes that are started, wiped, cut off, and talk when told to.
class Founding_Story : public ::testing::Test {
 protected:
  struct Node {
    std::uint64_t incarnation = 0;
    FoundingPlan plan;
    std::optional<Founding> founding;
    net::FoundingRecord record;  // what its directory holds
  };

  void start(std::uint64_t id, FoundingPlan plan = plan_of_three()) {
    Node& node = nodes_[id];
    if (node.incarnation == 0) node.incarnation = ++incarnations_ * 100 + id;
    node.plan = std::move(plan);
    node.founding.emplace(id, node.incarnation, node.plan);
    for (auto& [other, peer] : nodes_) {
      if (other != id && peer.founding) peer.founding->lost(id);
    }
  }
  void start_all() {
    for (const std::uint64_t id : {1, 2, 3}) start(id);
  }
  void wipe(std::uint64_t id) {
    nodes_[id] = Node();
    start(id);
  }
  net::Hello hello_of(std::uint64_t id) {
    net::Hello hello;
    hello.node = id;
    hello.incarnation = nodes_[id].incarnation;
    hello.founding =
        nodes_[id].record.cluster_id != 0 ? nodes_[id].record : nodes_[id].founding->proposal();
    return hello;
  }
  void meet(std::uint64_t a, std::uint64_t b) {
    nodes_[a].founding->heard(hello_of(b));
    nodes_[b].founding->heard(hello_of(a));
  }
  void all_meet() {
    meet(1, 2);
    meet(2, 3);
    meet(1, 3);
    talk();
  }
  /// `from` says its word to `to`, if both still wait.
  void say(std::uint64_t from, std::uint64_t to) {
    if (nodes_[from].record.cluster_id != 0 || nodes_[to].record.cluster_id != 0) return;
    if (const auto word = nodes_[from].founding->word_to(to))
      nodes_[to].founding->told(from, *word);
  }
  /// Twice round: the second time everybody says that it has heard the first.
  void talk() {
    for (int round = 0; round < 2; ++round)
      for (const std::uint64_t from : {1, 2, 3})
        for (const std::uint64_t to : {1, 2, 3})
          if (from != to) say(from, to);
  }
  Founding::Decision decision(std::uint64_t id) { return nodes_[id].founding->decide(); }
  Kind kind(std::uint64_t id) { return decision(id).kind; }
  /// Does what the decision says; true if the node is founded then.
  bool settle(std::uint64_t id) {
    const auto d = decision(id);
    if (d.kind == Kind::kFound || d.kind == Kind::kAdopt) {
      EXPECT_TRUE(valid_founding_record(d.record));
      EXPECT_EQ(find_founder(d.record, id)->incarnation, nodes_[id].incarnation);
      nodes_[id].record = d.record;
    }
    return nodes_[id].record.cluster_id != 0;
  }

  std::map<std::uint64_t, Node> nodes_;
  std::uint64_t incarnations_ = 0;
};

TEST_F(Founding_Story, AllThreeMeet_FoundTheSameCluster) {
  start_all();
  EXPECT_EQ(kind(1), Kind::kWait);
  all_meet();
  for (const std::uint64_t id : {1, 2, 3}) {
    EXPECT_EQ(kind(id), Kind::kFound);
    ASSERT_TRUE(settle(id));
  }
  EXPECT_EQ(nodes_[1].record, nodes_[2].record);
  EXPECT_EQ(nodes_[1].record, nodes_[3].record);
  EXPECT_EQ(nodes_[1].record.partitions, 16u);
  EXPECT_EQ(nodes_[1].record.hash_seed, 9u);
  EXPECT_EQ(nodes_[1].record.founders[1].address, "b:1");
}

TEST_F(Founding_Story, ListInAnotherOrder_IsTheSameList) {
  start(1);
  start(2);
  FoundingPlan plan = plan_of_three();
  std::swap(plan.members[0], plan.members[2]);
  start(3, plan);
  all_meet();
  ASSERT_TRUE(settle(1) && settle(3));
  EXPECT_EQ(nodes_[1].record, nodes_[3].record);
}

TEST_F(Founding_Story, OneIsMissing_TheyWaitForIt) {
  start_all();
  meet(1, 2);
  const auto waiting = decision(1);
  EXPECT_EQ(waiting.kind, Kind::kWait);
  EXPECT_EQ(waiting.why, "waiting for the other founders: node 3");
  EXPECT_EQ(kind(2), Kind::kWait);
}

TEST_F(Founding_Story, OneGoesDownBeforeAllMet_TheyWaitForIt) {
  start_all();
  meet(1, 2);
  nodes_[1].founding->lost(2);
  meet(1, 3);
  EXPECT_EQ(decision(1).why, "waiting for the other founders: node 2");
  meet(2, 3);
  meet(1, 2);
  EXPECT_EQ(decision(1).why, "waiting for other founders to see all of them: node 2, 3");
  talk();
  EXPECT_EQ(kind(1), Kind::kFound);
}

TEST_F(Founding_Story, AllSeeAll_TheyWaitUntilEachKnowsThatItWasHeard) {
  start_all();
  meet(1, 2);
  meet(2, 3);
  meet(1, 3);
  for (const std::uint64_t from : {2, 3}) say(from, 1);
  EXPECT_EQ(kind(1), Kind::kWait) << "they don't know what node 1 sees";
  for (const std::uint64_t to : {2, 3}) say(1, to);
  say(2, 1);
  EXPECT_EQ(kind(1), Kind::kWait) << "nor has node 3 said that it does";
  say(3, 1);
  EXPECT_EQ(kind(1), Kind::kFound);
}

TEST_F(Founding_Story, OneFoundsAndOthersCrash_TheyAdoptItsRecord) {
  start_all();
  all_meet();
  ASSERT_TRUE(settle(1));
  start(2);
  start(3);
  meet(1, 2);
  EXPECT_EQ(kind(2), Kind::kAdopt) << "though node 3 is not there";
  ASSERT_TRUE(settle(2));
  EXPECT_EQ(nodes_[2].record, nodes_[1].record);
}

TEST_F(Founding_Story, AdoptionHoldsWhateverTheListSaysNow) {
  start_all();
  all_meet();
  ASSERT_TRUE(settle(1));
  FoundingPlan plan = plan_of_three();
  plan.partitions = 8;
  start(2, plan);
  meet(1, 2);
  EXPECT_EQ(kind(2), Kind::kAdopt);
}

TEST_F(Founding_Story, WipedFounder_IsToldSo) {
  start_all();
  all_meet();
  for (const std::uint64_t id : {1, 2, 3}) ASSERT_TRUE(settle(id));
  wipe(2);
  meet(1, 2);
  EXPECT_EQ(kind(2), Kind::kWiped);
  meet(2, 3);
  EXPECT_EQ(kind(2), Kind::kWiped);
}

TEST_F(Founding_Story, TwoWipedFounders_FoundNoNewCluster) {
  start_all();
  all_meet();
  for (const std::uint64_t id : {1, 2, 3}) ASSERT_TRUE(settle(id));
  wipe(2);
  wipe(3);
  meet(2, 3);
  EXPECT_EQ(kind(2), Kind::kWait) << "node 1 is not reachable";
  EXPECT_EQ(kind(3), Kind::kWait);
  meet(1, 2);
  meet(1, 3);
  EXPECT_EQ(kind(2), Kind::kWiped);
  EXPECT_EQ(kind(3), Kind::kWiped);
}

TEST_F(Founding_Story, WipedBeforeTheFounding_IsNoHarm) {
  start_all();
  meet(1, 2);
  wipe(2);
  all_meet();
  for (const std::uint64_t id : {1, 2, 3}) ASSERT_TRUE(settle(id));
  EXPECT_EQ(nodes_[1].record, nodes_[2].record);
}

// Node 1 has founded with node 2's first directory; node 3, which has not heard of it yet, sees the
// second one.
TEST_F(Founding_Story, LostWhileOneHasFounded_NoSecondRecord) {
  start_all();
  all_meet();
  ASSERT_TRUE(settle(1));
  wipe(2);
  meet(2, 3);
  talk();
  EXPECT_EQ(kind(2), Kind::kWait);
  EXPECT_EQ(decision(3).why, "waiting for other founders to see all of them: node 1, 2");
  meet(1, 3);
  EXPECT_EQ(kind(3), Kind::kAdopt);
  meet(1, 2);
  EXPECT_EQ(kind(2), Kind::kWiped);
}

// An old word of node 1 speaks of a set that node 1 sees no more.
TEST_F(Founding_Story, LostAfterAWord_TheOldWordFoundsNothing) {
  start_all();
  all_meet();
  nodes_[1].founding->lost(3);
  wipe(3);
  meet(1, 3);
  meet(2, 3);
  say(3, 1);
  say(3, 2);
  say(1, 3);
  say(1, 2);
  EXPECT_EQ(kind(1), Kind::kWait) << "node 2's newest word is of the lost directory";
  talk();
  for (const std::uint64_t id : {1, 2, 3}) ASSERT_TRUE(settle(id));
  EXPECT_EQ(nodes_[1].record, nodes_[2].record);
  EXPECT_EQ(nodes_[1].record, nodes_[3].record);
}

TEST_F(Founding_Story, TwoRecordsWithThisDirectory_AreAnError) {
  start_all();
  all_meet();
  ASSERT_TRUE(settle(1));
  nodes_[2].record = nodes_[1].record;
  start(4, {.members = {{1, "a:1"}, {2, "b:1"}, {4, "d:1"}}});
  auto from_one = hello_of(1), from_two = hello_of(2);
  for (auto* hello : {&from_one, &from_two}) {
    hello->founding.founders[2] = {
        .node = 4, .address = "d:1", .incarnation = nodes_[4].incarnation};
  }
  from_two.founding.founders[0].incarnation += 1;  // as no two founders can write
  for (auto* hello : {&from_one, &from_two}) {
    hello->founding.cluster_id = compute_cluster_id(hello->founding);
    nodes_[4].founding->heard(*hello);
  }
  EXPECT_EQ(kind(4), Kind::kMismatch);
}

TEST_F(Founding_Story, DifferentPlans_AreNamed) {
  const auto says = [&](auto change) {
    nodes_.clear();
    FoundingPlan plan = plan_of_three();
    change(plan);
    start(1);
    start(2, plan);
    meet(1, 2);
    const auto d = decision(1);
    EXPECT_EQ(d.kind, Kind::kMismatch);
    EXPECT_EQ(kind(2), Kind::kMismatch);
    return d.why;
  };
  EXPECT_EQ(says([](auto& p) { p.partitions = 8; }),
            "node 2 was started with partitions 8, this node with 16");
  EXPECT_EQ(says([](auto& p) { p.replicas = 2; }),
            "node 2 was started with replicas 2, this node with 3");
  EXPECT_EQ(says([](auto& p) { p.hash.seed = 1; }),
            "node 2 was started with other hash parameters");
  EXPECT_EQ(says([](auto& p) { p.members[2].peer = "x:1"; }),
            "node 2 was started with another list of members");
  EXPECT_EQ(says([](auto& p) { p.members.pop_back(); }),
            "node 2 was started with another list of members");
}

TEST_F(Founding_Story, MismatchCorrected_GoesOn) {
  start_all();
  FoundingPlan plan = plan_of_three();
  plan.partitions = 8;
  start(2, plan);
  all_meet();
  EXPECT_EQ(kind(1), Kind::kMismatch);
  EXPECT_EQ(kind(3), Kind::kMismatch);
  start(2);
  EXPECT_EQ(kind(1), Kind::kWait);
  all_meet();
  EXPECT_EQ(kind(1), Kind::kFound);
}

TEST_F(Founding_Story, PeerOfAClusterWithoutThisNode_IsToBeJoined) {
  start_all();
  nodes_[2].record.partitions = 1;
  nodes_[2].record.replicas = 1;
  nodes_[2].record.hash_id = kHashXxh3;
  nodes_[2].record.founders = {{.node = 2, .address = "b:1", .incarnation = 5}};
  nodes_[2].record.cluster_id = compute_cluster_id(nodes_[2].record);
  meet(1, 2);
  EXPECT_EQ(kind(1), Kind::kJoin);
  EXPECT_EQ(decision(1).record, nodes_[2].record);
}

TEST_F(Founding_Story, RecordThatContradictsItself_IsNotAdopted) {
  start_all();
  all_meet();
  ASSERT_TRUE(settle(1));
  auto hello = hello_of(1);
  hello.founding.cluster_id += 1;
  nodes_[2].founding->heard(hello);
  EXPECT_EQ(kind(2), Kind::kMismatch);
}

TEST_F(Founding_Story, Strangers_AreNotHeard) {
  start_all();
  auto hello = hello_of(2);
  hello.node = 9;
  nodes_[1].founding->heard(hello);
  hello = hello_of(1);
  nodes_[1].founding->heard(hello);
  EXPECT_EQ(kind(1), Kind::kWait);
}

TEST_F(Founding_Story, NodeAlone_FoundsAtOnce) {
  Founding alone(1, 77, {.members = {{1, ""}}, .partitions = 1, .replicas = 3, .hash = {}});
  const auto d = alone.decide();
  EXPECT_EQ(d.kind, Kind::kFound);
  EXPECT_TRUE(valid_founding_record(d.record));
  EXPECT_EQ(d.record.founders.size(), 1u);
}

TEST_F(Founding_Story, PlanWithoutThisNode_FoundsNothing) {
  start_all();
  all_meet();
  start(4, plan_of_three());
  for (const std::uint64_t node : {1, 2, 3}) nodes_[4].founding->heard(hello_of(node));
  EXPECT_EQ(kind(4), Kind::kWait) << "all that are listed are here, and none is founded";
  ASSERT_TRUE(settle(1));
  nodes_[4].founding->heard(hello_of(1));
  EXPECT_EQ(kind(4), Kind::kJoin);
}

TEST_F(Founding_Story, NodeWithoutIncarnation_IsABrokenInvariant) {
  EXPECT_THROW(Founding(1, 0, plan_of_three()), std::logic_error);
}

}  // namespace
}  // namespace cairn::kv
