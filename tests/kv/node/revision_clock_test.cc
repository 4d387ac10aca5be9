// Stamps: bounded by the voters' clocks, strictly rising, whatever the clocks say.
#include "kv/node/revision_clock.h"

#include <gtest/gtest.h>

namespace cairn::kv {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t kNow = kRevisionEpochMs + 1'000'000'000;

class ManualClock final : public net::Clock {
 public:
  std::chrono::microseconds monotonic() const override { return since; }
  std::uint64_t wall_ms() const override { return wall; }
  void call_after(std::chrono::microseconds, wal::Task) override {}

  std::chrono::microseconds since{0};
  std::uint64_t wall = kNow;
};

class PeerClocksTest : public ::testing::Test {
 protected:
  std::uint64_t of(std::vector<raft::NodeId> voters) { return clocks_.bounded_now(1, voters); }

  ManualClock clock_;
  PeerClocks clocks_{clock_};
};

TEST_F(PeerClocksTest, Bounded_NobodyHeard_IsTheOwnClock) {
  EXPECT_EQ(of({1, 2, 3}), kNow);
}

TEST_F(PeerClocksTest, Bounded_OwnClockFarAhead_IsTenSecondsOverTheMedian) {
  clocks_.heard(2, kNow);
  clocks_.heard(3, kNow + 5);
  clock_.wall = kNow + 3'600'000;
  EXPECT_EQ(of({1, 2, 3}), kNow + 5 + kClockLeadMsMax);
}

TEST_F(PeerClocksTest, Bounded_OnePeerFarAhead_ChangesNothing) {
  clocks_.heard(2, kNow + 3'600'000);
  clocks_.heard(3, kNow);
  EXPECT_EQ(of({1, 2, 3}), kNow);
}

TEST_F(PeerClocksTest, Bounded_EvenNumber_TheLowerMiddleCounts) {
  clocks_.heard(2, kNow - 60'000);
  EXPECT_EQ(of({1, 2}), kNow - 60'000 + kClockLeadMsMax);
}

TEST_F(PeerClocksTest, Bounded_PeerHeardAWhileAgo_ItsClockHasGoneOn) {
  clocks_.heard(2, kNow - 60'000);
  clock_.since += seconds(5);
  clock_.wall += 5'000;
  EXPECT_EQ(of({1, 2}), kNow - 60'000 + 5'000 + kClockLeadMsMax);
}

TEST_F(PeerClocksTest, Bounded_PeerNotHeardLately_IsLeftOut) {
  clocks_.heard(2, kNow - 60'000);
  clock_.since += seconds(11);
  EXPECT_EQ(of({1, 2}), kNow);
}

TEST_F(PeerClocksTest, Bounded_StrangerHeard_IsNoVoter) {
  clocks_.heard(9, kNow - 60'000);
  EXPECT_EQ(of({1, 2}), kNow);
}

TEST_F(PeerClocksTest, Heard_ZeroIsNoClock) {
  clocks_.heard(2, 0);
  EXPECT_EQ(of({1, 2}), kNow);
}

TEST(RevisionClock, Next_ClockStandsOrGoesBack_RisesByOne) {
  RevisionClock clock;
  const Revision first = clock.next(kNow).revision;
  EXPECT_EQ(first, revision_at(kNow));
  EXPECT_EQ(clock.next(kNow).revision, first + 1);
  EXPECT_EQ(clock.next(kNow - 5'000).revision, first + 2);
  EXPECT_EQ(clock.next(0).revision, first + 3);
}

TEST(RevisionClock, Next_MoreThanACounterHolds_RunsIntoTheNextMillisecond) {
  RevisionClock clock;
  Revision last = 0;
  for (int i = 0; i < 20'000; ++i) {
    const Revision next = clock.next(kNow).revision;
    ASSERT_GT(next, last);
    last = next;
  }
  EXPECT_GT(clock.next(kNow + 1).revision, last);
}

TEST(RevisionClock, Ceiling_FollowsTheClock_NeverTheLastRevision) {
  RevisionClock clock;
  clock.start_from(revision_at(kNow + 500'000), 0);
  const Stamp stamp = clock.next(kNow);
  EXPECT_EQ(stamp.ceiling, revision_at(kNow + kCeilingLeadMs));
  EXPECT_EQ(stamp.revision, revision_at(kNow + 500'000) + 1);
}

TEST(RevisionClock, StartFrom_StampsAboveRevisionAndCeiling_AndNeverFallsBack) {
  RevisionClock clock;
  clock.start_from(100, revision_at(kNow));
  EXPECT_EQ(clock.next(0).revision, revision_at(kNow) + 1);
  clock.start_from(5, 7);
  EXPECT_EQ(clock.next(0).revision, revision_at(kNow) + 2);
}

TEST(RevisionClock, RevisionAt_BeforeTheEpoch_IsZero) {
  EXPECT_EQ(revision_at(0), 0u);
  EXPECT_EQ(revision_at(kRevisionEpochMs), 0u);
  EXPECT_EQ(revision_at(kRevisionEpochMs + 1), 1u << kRevisionCounterBits);
}

}  // namespace
}  // namespace cairn::kv
