// Who is odd, by what replicas say.
#include "kv/node/state_watch.h"

#include <gtest/gtest.h>

namespace cairn::kv {
namespace {

constexpr raft::GroupId kGroup = 1;
const StateWatch::Voters kThree{{1, 2, 3}};

class StateWatchTest : public ::testing::Test {
 protected:
  /// Node 1 leads.
  StateVerdict says(NodeNumber from, raft::Index index, std::uint64_t hash,
                    std::optional<std::uint64_t> own, const StateWatch::Voters& voters = kThree,
                    bool odd = false) {
    return watch_.heard({kGroup, index, hash, odd}, from, own, 1, voters);
  }
  StateWatch watch_;
};

TEST_F(StateWatchTest, EqualHashes_NobodyDiffers) {
  EXPECT_EQ(says(2, 10, 7, 7), StateVerdict::kEqual);
  EXPECT_EQ(says(3, 10, 7, 7), StateVerdict::kEqual);
  EXPECT_TRUE(watch_.differing().empty());
  EXPECT_EQ(watch_.compared(), 2u);
}

TEST_F(StateWatchTest, IndexThatTheLeaderDoesNotRemember_SaysNothing) {
  EXPECT_EQ(says(2, 10, 7, std::nullopt), StateVerdict::kUnknown);
  EXPECT_TRUE(watch_.differing().empty());
}

TEST_F(StateWatchTest, OneAgainstOne_IsTold_AndNobodyIsOdd) {
  EXPECT_EQ(says(2, 10, 8, 7), StateVerdict::kDiffers);
  EXPECT_EQ(watch_.differing().size(), 1u);
  EXPECT_FALSE(watch_.leader_odd_at(kGroup));
  EXPECT_EQ(says(2, 11, 8, 7, {{1, 2}}), StateVerdict::kDiffers) << "two voters have no majority";
}

TEST_F(StateWatchTest, TwoAgainstAFollower_ThatOneIsOdd) {
  EXPECT_EQ(says(2, 10, 8, 7), StateVerdict::kDiffers);
  EXPECT_EQ(says(3, 10, 7, 7), StateVerdict::kEqual);
  EXPECT_EQ(says(2, 10, 8, 7), StateVerdict::kOdd);
  EXPECT_FALSE(watch_.leader_odd_at(kGroup));
}

TEST_F(StateWatchTest, TwoAgainstTheLeader_TheLeaderIsOdd) {
  EXPECT_EQ(says(2, 10, 8, 7), StateVerdict::kDiffers);
  EXPECT_EQ(says(3, 10, 8, 7), StateVerdict::kDiffers);
  EXPECT_EQ(watch_.leader_odd_at(kGroup), raft::Index{10});
}

TEST_F(StateWatchTest, WordsAboutOtherIndexes_DoNotCountTogether) {
  EXPECT_EQ(says(3, 10, 7, 7), StateVerdict::kEqual);
  EXPECT_EQ(says(2, 11, 8, 7), StateVerdict::kDiffers) << "node 3 may agree with either at 11";
}

TEST_F(StateWatchTest, AllDifferent_NobodyIsOdd) {
  EXPECT_EQ(says(2, 10, 8, 7), StateVerdict::kDiffers);
  EXPECT_EQ(says(3, 10, 9, 7), StateVerdict::kDiffers);
  EXPECT_FALSE(watch_.leader_odd_at(kGroup));
}

TEST_F(StateWatchTest, WhoIsQuarantined_HasNoSay) {
  // Node 3 is; were it to count, it would make node 1, the last but one, the odd one as well.
  EXPECT_EQ(says(3, 10, 8, 7, kThree, true), StateVerdict::kDiffers);
  EXPECT_EQ(says(2, 10, 8, 7), StateVerdict::kDiffers);
  EXPECT_FALSE(watch_.leader_odd_at(kGroup));
}

TEST_F(StateWatchTest, OfFiveNeverMoreThanTwoAreOdd) {
  const StateWatch::Voters five{{1, 2, 3, 4, 5}};
  EXPECT_EQ(says(2, 10, 7, 7, five), StateVerdict::kEqual);
  EXPECT_EQ(says(3, 10, 8, 7, five), StateVerdict::kDiffers);
  EXPECT_EQ(says(4, 10, 9, 7, five), StateVerdict::kDiffers);
  EXPECT_EQ(says(5, 10, 7, 7, five), StateVerdict::kEqual);
  EXPECT_EQ(says(3, 10, 8, 7, five), StateVerdict::kOdd);
  EXPECT_EQ(says(4, 10, 9, 7, five), StateVerdict::kOdd);
  says(3, 20, 8, 7, five, true);
  says(4, 20, 9, 7, five, true);
  says(2, 20, 7, 7, five);
  EXPECT_EQ(says(5, 20, 6, 7, five), StateVerdict::kDiffers) << "two of five are no majority";
}

TEST_F(StateWatchTest, BetweenTwoSetsOfVoters_BothMustAgree) {
  const StateWatch::Voters joint{{1, 2, 3}, {1, 4, 5}};
  says(3, 10, 7, 7, joint);
  EXPECT_EQ(says(2, 10, 8, 7, joint), StateVerdict::kDiffers);
  says(4, 10, 7, 7, joint);
  EXPECT_EQ(says(2, 10, 8, 7, joint), StateVerdict::kOdd);
}

TEST_F(StateWatchTest, LearnerIsJudgedByTheVoters) {
  says(2, 10, 7, 7);
  EXPECT_EQ(says(9, 10, 8, 7), StateVerdict::kOdd);
}

TEST_F(StateWatchTest, WhoAgreesAgain_OrHasGone_IsForgotten) {
  says(2, 10, 8, 7);
  says(2, 11, 7, 7);
  EXPECT_TRUE(watch_.differing().empty());
  says(2, 12, 8, 7);
  watch_.keep(kGroup, {1, 3});
  EXPECT_TRUE(watch_.differing().empty());
  says(2, 13, 8, 7);
  watch_.forget_node(2);
  EXPECT_TRUE(watch_.differing().empty());
}

TEST_F(StateWatchTest, Memory_IsBounded_AndOldWordsFall) {
  for (raft::Index i = 1; i <= 10'000; ++i) says(2, i, 7, 7);
  says(3, 10'000, 8, 7);
  EXPECT_EQ(says(3, 10'000, 8, 7), StateVerdict::kOdd);
}

TEST(StateWords, ComeBackAsTheyWere_AndNothingElseDecodes) {
  const std::vector<StateWord> words{{1, 2, 3, false}, {4, 5, ~0ull, true}};
  const std::string bytes = encode_state_words(words);
  const auto back = decode_state_words(bytes);
  ASSERT_TRUE(back);
  ASSERT_EQ(back->size(), 2u);
  EXPECT_EQ((*back)[1].hash, ~0ull);
  EXPECT_TRUE((*back)[1].odd);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_FALSE(decode_state_words(bytes.substr(0, cut))) << cut;
  EXPECT_FALSE(decode_state_words(bytes + "x"));
  std::string other = bytes;
  other[0] = 2;
  EXPECT_FALSE(decode_state_words(other)) << "hashes of another making";

  const std::string answers = encode_state_answers({{1, 2, StateVerdict::kOdd}});
  ASSERT_TRUE(decode_state_answers(answers));
  EXPECT_EQ(decode_state_answers(answers)->front().verdict, StateVerdict::kOdd);
  for (std::size_t cut = 0; cut < answers.size(); ++cut)
    EXPECT_FALSE(decode_state_answers(answers.substr(0, cut))) << cut;
}

}  // namespace
}  // namespace cairn::kv
