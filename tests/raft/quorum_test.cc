#include "raft/quorum.h"

#include <gtest/gtest.h>

#include <map>

#include "raft/random.h"

namespace cairn::raft {
namespace {

using Values = std::map<NodeId, Index>;

Index value(const Configuration& config, const Values& values) {
  return quorum_value(config, [&](NodeId id) {
    auto it = values.find(id);
    return it == values.end() ? Index{0} : it->second;
  });
}

// The definition, without cleverness: the largest value that more than half have reached.
Index naive_half(const std::vector<NodeId>& half, const Values& values) {
  Index best = 0;
  for (const auto& [candidate_id, candidate] : values) {
    std::size_t reached = 0;
    for (NodeId id : half) {
      auto it = values.find(id);
      reached += it != values.end() && it->second >= candidate;
    }
    if (2 * reached > half.size()) best = std::max(best, candidate);
  }
  return best;
}

TEST(RaftQuorum_Value, Majorities_AsCounted) {
  EXPECT_EQ(value({{1}, {}, {}}, {{1, 5}}), 5u);
  EXPECT_EQ(value({{1, 2}, {}, {}}, {{1, 5}, {2, 3}}), 3u);
  EXPECT_EQ(value({{1, 2, 3}, {}, {}}, {{1, 5}, {2, 3}, {3, 4}}), 4u);
  EXPECT_EQ(value({{1, 2, 3, 4}, {}, {}}, {{1, 5}, {2, 3}, {3, 4}}), 3u);
  EXPECT_EQ(value({{1, 2, 3, 4, 5}, {}, {}}, {{1, 9}, {2, 9}}), 0u);
}

TEST(RaftQuorum_Value, NoVoters_DecidesNothing) {
  EXPECT_EQ(value({{}, {}, {1}}, {{1, 5}}), 0u);
  EXPECT_FALSE(quorum_present({{}, {}, {1}}, [](NodeId) { return true; }));
}

TEST(RaftQuorum_Value, Learners_DoNotCount) {
  EXPECT_EQ(value({{1, 2, 3}, {}, {4, 5}}, {{1, 2}, {4, 9}, {5, 9}}), 0u);
}

TEST(RaftQuorum_Value, Joint_NeedsBothHalves) {
  Configuration joint{{1, 2, 3}, {3, 4, 5}, {}};
  EXPECT_EQ(value(joint, {{1, 7}, {2, 7}}), 0u);
  EXPECT_EQ(value(joint, {{1, 7}, {2, 7}, {3, 4}, {4, 3}}), 3u);
}

TEST(RaftQuorum_Value, RandomConfigurations_EqualTheDefinition) {
  Random random(42);
  for (int round = 0; round < 3000; ++round) {
    Configuration config;
    Values values;
    for (NodeId id = 1; id <= 20; ++id) {
      if (random.between(0, 2) == 0) config.voters.push_back(id);
      if (random.between(0, 3) == 0) config.voters_outgoing.push_back(id);
      values[id] = random.between(0, 6);
    }
    if (config.voters.empty()) continue;
    Index expected = naive_half(config.voters, values);
    if (!config.voters_outgoing.empty()) {
      expected = std::min(expected, naive_half(config.voters_outgoing, values));
    }
    ASSERT_EQ(value(config, values), expected) << "round " << round;
  }
}

TEST(RaftQuorum_Vote, EveryOutcomeUpToSeven_WonOrLostExactlyWhenDecided) {
  for (std::size_t n = 1; n <= 7; ++n) {
    Configuration config;
    for (NodeId id = 1; id <= n; ++id) config.voters.push_back(id);
    std::size_t worlds = 1;
    for (std::size_t i = 0; i < n; ++i) worlds *= 3;
    for (std::size_t world = 0; world < worlds; ++world) {
      std::size_t digits = world;
      std::map<NodeId, Ballot> ballots;
      std::size_t yes = 0;
      std::size_t no = 0;
      for (NodeId id = 1; id <= n; ++id, digits /= 3) {
        ballots[id] = static_cast<Ballot>(digits % 3);
        yes += ballots[id] == Ballot::kYes;
        no += ballots[id] == Ballot::kNo;
      }
      const VoteResult expected = 2 * yes > n         ? VoteResult::kWon
                                  : 2 * (n - no) <= n ? VoteResult::kLost
                                                      : VoteResult::kPending;
      ASSERT_EQ(quorum_vote(config, [&](NodeId id) { return ballots[id]; }), expected);
    }
  }
}

TEST(RaftQuorum_Vote, AnyTwoQuorums_Intersect) {
  for (std::size_t n = 1; n <= 7; ++n) {
    Configuration config;
    for (NodeId id = 1; id <= n; ++id) config.voters.push_back(id);
    for (unsigned a = 0; a < 1u << n; ++a) {
      const unsigned rest = ~a;
      auto in = [](unsigned set) {
        return [set](NodeId id) { return (set >> (id - 1) & 1) != 0; };
      };
      ASSERT_FALSE(quorum_present(config, in(a)) && quorum_present(config, in(rest)));
    }
  }
}

TEST(RaftQuorum_Vote, Joint_OneHalfLost_IsLost) {
  Configuration joint{{1, 2, 3}, {4, 5, 6}, {}};
  auto vote = [](NodeId id) { return id <= 3 ? Ballot::kYes : Ballot::kNo; };
  EXPECT_EQ(quorum_vote(joint, vote), VoteResult::kLost);
  auto half = [](NodeId id) { return id <= 3 ? Ballot::kYes : Ballot::kMissing; };
  EXPECT_EQ(quorum_vote(joint, half), VoteResult::kPending);
}

TEST(RaftQuorum_Members, Union_SortedOnce) {
  Configuration joint{{2, 3}, {1, 2}, {5}};
  EXPECT_EQ(members_of(joint), (std::vector<NodeId>{1, 2, 3, 5}));
  EXPECT_TRUE(is_voter(joint, 1));
  EXPECT_FALSE(is_voter(joint, 5));
  EXPECT_TRUE(is_member(joint, 5));
  EXPECT_FALSE(is_member(joint, 4));
}

}  // namespace
}  // namespace cairn::raft
