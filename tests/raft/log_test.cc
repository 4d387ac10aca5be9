#include "raft/log.h"

#include <gtest/gtest.h>

#include <map>

#include "raft/check.h"
#include "raft/random.h"

namespace cairn::raft {
namespace {

Entry entry(Index index, Term term, std::size_t bytes = 0) {
  return Entry{index, term, EntryKind::kCommand,
               std::make_shared<const std::string>(std::string(bytes, 'x'))};
}

Log log_of(const std::vector<Term>& terms) {
  std::vector<Entry> tail;
  for (Term term : terms) tail.push_back(entry(tail.size() + 1, term));
  const Index last = tail.size();
  return Log(0, 0, last, terms.empty() ? 0 : terms.back(), std::move(tail));
}

TEST(RaftLog_Writes, Completion_MakesDurableInOrder) {
  Log log = log_of({1});
  log.append(entry(2, 1));
  EXPECT_EQ(log.hand_out(1).size(), 1u);
  log.append(entry(3, 1));
  EXPECT_EQ(log.hand_out(2).size(), 1u);
  EXPECT_EQ(log.durable(), 1u);
  log.persisted(2);  // confirms 1 too
  EXPECT_EQ(log.durable(), 3u);
  EXPECT_TRUE(log.all_durable());
}

TEST(RaftLog_Writes, OverwrittenWhileWriting_OldCompletionVouchesForNothing) {
  Log log = log_of({1});
  for (Index i = 2; i <= 4; ++i) log.append(entry(i, 2));
  (void)log.hand_out(1);
  log.truncate_from(3);
  log.append(entry(3, 3));
  const std::vector<Entry> replaced = log.hand_out(2);
  ASSERT_EQ(replaced.size(), 1u);
  EXPECT_EQ(replaced[0].index, 3u);
  log.persisted(1);
  EXPECT_EQ(log.durable(), 2u);
  log.persisted(2);
  EXPECT_EQ(log.durable(), 3u);
}

TEST(RaftLog_Writes, OverwrittenTwice_OnlyTheNewestWriteCounts) {
  Log log = log_of({1});
  log.append(entry(2, 2));
  (void)log.hand_out(1);
  log.truncate_from(2);
  log.append(entry(2, 3));
  (void)log.hand_out(2);
  log.truncate_from(2);
  log.append(entry(2, 4));
  (void)log.hand_out(3);
  log.persisted(2);
  EXPECT_EQ(log.durable(), 1u);
  log.persisted(3);
  EXPECT_EQ(log.durable(), 2u);
}

TEST(RaftLog_Writes, ResetBySnapshot_EarlierWritesVouchForNothing) {
  Log log = log_of({1});
  log.append(entry(2, 1));
  (void)log.hand_out(1);
  log.reset(10, 3);
  log.append(entry(11, 3));
  log.persisted(1);
  EXPECT_EQ(log.durable(), 10u);
  EXPECT_EQ(log.term_at(10), 3u);
  EXPECT_FALSE(log.term_at(9));
}

TEST(RaftLog_Tail, Trim_DropsDurableOnlyAndKeepsTerms) {
  Log log = log_of({1, 1, 2, 2});
  log.append(entry(5, 2, 100));
  log.trim_tail(0);
  EXPECT_EQ(log.tail_first(), 5u);
  EXPECT_FALSE(log.in_memory(4));
  EXPECT_EQ(log.term_at(2), 1u);
  EXPECT_EQ(log.term_at(4), 2u);
  (void)log.hand_out(1);
  log.persisted(1);
  log.trim_tail(0);
  EXPECT_EQ(log.tail_bytes(), 0u);
  EXPECT_EQ(log.tail_first(), 6u);
}

TEST(RaftLog_Tail, Slice_BoundedByBytesAtLeastOne) {
  Log log = log_of({});
  for (Index i = 1; i <= 5; ++i) log.append(entry(i, 1, 100));
  const std::size_t each = sizeof(Entry) + 100;
  std::size_t bytes = 0;
  EXPECT_EQ(log.slice(2, 5, 1, bytes).size(), 1u);
  EXPECT_EQ(bytes, each);
  EXPECT_EQ(log.slice(2, 5, 3 * each, bytes).size(), 3u);
  EXPECT_EQ(log.slice(2, 5, 100 * each, bytes).size(), 4u);
}

TEST(RaftLog_Tail, Compact_ForgetsWhatIsBefore) {
  Log log = log_of({1, 2, 3});
  log.compact(2);
  EXPECT_EQ(log.start(), 2u);
  EXPECT_EQ(log.term_at(2), 2u);
  EXPECT_FALSE(log.term_at(1));
  EXPECT_TRUE(log.in_memory(3));
  log.compact(3);
  EXPECT_EQ(log.last_term(), 3u);
}

TEST(RaftLog_Restored, BadTail_Refused) {
  EXPECT_THROW(Log(0, 0, 3, 1, {entry(2, 1)}), InvariantBroken);
  EXPECT_THROW(Log(0, 0, 3, 2, {entry(3, 1)}), InvariantBroken);
  EXPECT_THROW(Log(2, 1, 1, 1, {}), InvariantBroken);
}

TEST(RaftTermMap_Candidates, Conflict_SkipsWholeTerms) {
  TermMap terms;
  Index index = 0;
  for (Term term : {1, 1, 1, 4, 4, 5, 5, 6}) terms.append(++index, term);
  EXPECT_EQ(terms.newest_candidate(8, 6), 8u);
  EXPECT_EQ(terms.newest_candidate(8, 5), 7u);
  EXPECT_EQ(terms.newest_candidate(7, 3), 3u);
  EXPECT_EQ(terms.newest_candidate(7, 0), 0u);
}

TEST(RaftTermMap_Gaps, Unknown_MayMatchAndIsFound) {
  TermMap terms;
  terms.learn(0, 0);
  terms.learn(9, 5);
  EXPECT_EQ(terms.newest_candidate(9, 4), 8u);  // unknown: possible
  EXPECT_EQ(terms.first_unknown(0, 9), 1u);
  for (Index i = 1; i <= 8; ++i) terms.learn(i, 2);
  EXPECT_EQ(terms.first_unknown(0, 9), 0u);
  EXPECT_EQ(terms.at(8), 2u);
}

TEST(RaftTermMap_Random, AnyOrder_EqualsAPlainMap) {
  Random random(7);
  for (int round = 0; round < 300; ++round) {
    std::map<Index, Term> truth;
    Term term = 1;
    for (Index i = 1; i <= 40; ++i) truth[i] = term += random.between(0, 4) == 0;
    TermMap terms;
    std::map<Index, Term> known;
    for (int i = 0; i < 30; ++i) {
      const Index index = random.between(1, 40);
      terms.learn(index, truth[index]);
      known[index] = truth[index];
    }
    const Index from = random.between(1, 20);
    const Index to = random.between(21, 40);
    terms.drop_before(from);
    terms.truncate_from(to);
    for (Index i = 1; i <= 40; ++i) {
      const bool kept = known.count(i) != 0 && i >= from && i < to;
      ASSERT_EQ(terms.at(i), kept ? std::optional<Term>(truth[i]) : std::nullopt) << i;
    }
  }
}

}  // namespace
}  // namespace cairn::raft
