// What nodes ask each other about the cluster, in bytes.
#include "kv/node/admin.h"

#include <gtest/gtest.h>

#include "raft/random.h"

namespace cairn::kv {
namespace {

MemberChange some_change() {
  MemberChange change;
  change.add = {{4, "a:1", true}, {4'294'967'295, "b:2", false}};
  change.remove = {1, 2};
  change.dry_run = true;
  return change;
}

MemberPlan some_plan() {
  GroupPlan group;
  group.partition = 7;
  group.voters_before = {1, 2};
  group.voters_after = {2, 3};
  group.learners_after = {4};
  group.bytes_to_ship = 99;
  group.phases = {{"now", {1, 2}, {}, 0}, {"joint", {2, 3}, {1, 2}, -1}};
  MemberPlan plan;
  plan.change = 5;
  plan.bytes_to_ship = 99;
  plan.failures_tolerated = -1;
  plan.groups = {group};
  return plan;
}

TEST(Admin_Bytes, Values_ComeBack) {
  const auto change = decode_change(encode_change(some_change()));
  ASSERT_TRUE(change);
  EXPECT_EQ(encode_change(*change), encode_change(some_change()));
  EXPECT_EQ(change->add[1].peer, "b:2");
  EXPECT_TRUE(change->dry_run);
  const auto plan = decode_plan(encode_plan(some_plan()));
  ASSERT_TRUE(plan);
  EXPECT_EQ(encode_plan(*plan), encode_plan(some_plan()));
  EXPECT_EQ(plan->groups[0].phases[1].failures_tolerated, -1);
  EXPECT_EQ(decode_number(encode_number(7)), 7u);
  EXPECT_EQ(decode_rejoin(encode_rejoin({3, 9}))->incarnation, 9u);
  EXPECT_EQ(decode_move(encode_move({3, 9}))->to, 9u);
}

TEST(Admin_Bytes, CutOrChanged_NeverThrow_AndNeverAskForMoreThanIsThere) {
  raft::Random random(1);
  for (const std::string& whole : {encode_change(some_change()), encode_plan(some_plan())}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(decode_change(whole.substr(0, size)) && decode_plan(whole.substr(0, size)));
    }
    for (int i = 0; i < 20'000; ++i) {
      std::string bad = whole;
      bad[random.between(0, bad.size() - 1)] = static_cast<char>(random.next());
      (void)decode_change(bad);
      (void)decode_plan(bad);
    }
  }
  EXPECT_FALSE(decode_number("1234567"));
  EXPECT_FALSE(decode_number("123456789"));
}

}  // namespace
}  // namespace cairn::kv
