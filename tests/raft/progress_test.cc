#include "raft/progress.h"

#include <gtest/gtest.h>

namespace cairn::raft {
namespace {

Progress follower() {
  static CoreOptions options;
  options.inflight_messages_max = 3;
  options.inflight_bytes_max = 100;
  return Progress(2, false, options);
}

TEST(RaftProgress_Window, Messages_Bounded) {
  Inflights window(3, 1000);
  for (Index i = 1; i <= 3; ++i) {
    EXPECT_FALSE(window.full());
    window.add(i, 1);
  }
  EXPECT_TRUE(window.full());
  window.release(2);
  EXPECT_EQ(window.count(), 1u);
  EXPECT_EQ(window.bytes(), 1u);
}

TEST(RaftProgress_Window, Bytes_BoundedButOneAlwaysGoes) {
  Inflights window(100, 10);
  window.add(1, 5000);
  EXPECT_TRUE(window.full());
  window.release(1);
  EXPECT_FALSE(window.full());
  EXPECT_EQ(window.bytes(), 0u);
}

TEST(RaftProgress_Window, LongUse_RingGoesRound) {
  Inflights window(20, 100000);
  Index sent = 0;
  Index answered = 0;
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < round % 7 && !window.full(); ++i) window.add(++sent, 10);
    answered = std::min(sent, answered + static_cast<Index>(round % 5));
    window.release(answered);
    ASSERT_EQ(window.count(), sent - answered);
    ASSERT_EQ(window.bytes(), 10 * (sent - answered));
  }
}

TEST(RaftProgress_States, Probe_OneMessageThenWaits) {
  Progress p = follower();
  p.become_probe(5, false);
  EXPECT_TRUE(p.may_send());
  EXPECT_FALSE(p.waits());
  p.probe_sent = true;
  EXPECT_FALSE(p.may_send());
  EXPECT_TRUE(p.waits());
}

TEST(RaftProgress_States, ProbeBelowMatch_StartsAfterIt) {
  Progress p = follower();
  p.match = 7;
  p.become_probe(3, true);
  EXPECT_EQ(p.next, 8u);
}

TEST(RaftProgress_States, Advance_NeverGoesBack) {
  Progress p = follower();
  EXPECT_TRUE(p.advance(5));
  EXPECT_FALSE(p.advance(3));
  EXPECT_EQ(p.match, 5u);
  EXPECT_EQ(p.next, 6u);
}

TEST(RaftProgress_States, LeavingReplicate_EmptiesTheWindow) {
  Progress p = follower();
  p.become_replicate();
  for (Index i = 1; i <= 3; ++i) p.inflights.add(i, 1);
  EXPECT_FALSE(p.may_send());
  p.become_probe(1, false);
  EXPECT_TRUE(p.inflights.empty());
  EXPECT_TRUE(p.may_send());
  p.become_snapshot();
  EXPECT_FALSE(p.may_send());
  EXPECT_TRUE(p.waits());
}

}  // namespace
}  // namespace cairn::raft
