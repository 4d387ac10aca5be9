// The rolling hash of a group's items: kept at each put and delete, it is what counting would give.
#include "kv/engine/state_hash.h"

#include "raft/random.h"
#include "tests/kv/engine/fixture.h"

namespace cairn::kv::test {
namespace {

class StateHashTest : public EngineTest {
 protected:
  std::uint64_t newest() {
    const auto marks = engine_->state_marks(kGroup);
    return marks.empty() ? 0 : marks.front().hash;
  }
  void write_at_random(int times, std::uint64_t seed) {
    raft::Random random(seed);
    for (int i = 0; i < times; ++i) {
      const std::string key = "k" + std::to_string(random.between(0, 40));
      switch (random.between(0, 9)) {
        case 0:
          run(remove_prefix("k1", 3));
          break;
        case 1:
        case 2:
          run(remove(key));
          break;
        default:
          run(put(key, std::to_string(random.next())));
      }
    }
  }
  /// As a database of an earlier version, which has no hash.
  void count_anew() {
    ASSERT_TRUE(flush());
    const std::uint64_t kept = newest();
    raft::SnapshotMeta meta;
    const auto chunks = chunks_of(*engine_, kGroup, 1'000, &meta);
    const auto sink = engine_->install(kGroup, meta);
    ASSERT_TRUE(sink);
    for (const std::string& chunk : chunks) ASSERT_TRUE((*sink)->add(chunk));
    ASSERT_TRUE((*sink)->finish());
    EXPECT_EQ(newest(), kept) << "an install counts what it writes";
  }
};

TEST_F(StateHashTest, RollingHash_IsWhatCountingGives_AlsoAfterRestarts) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    write_at_random(200, seed);
    count_anew();
    const std::uint64_t before = newest();
    ASSERT_TRUE(flush());
    reopen();
    EXPECT_EQ(newest(), before) << "a restart";
  }
}

TEST_F(StateHashTest, TableOfAnySize_GivesTheSame) {
  write_at_random(150, 9);
  const std::uint64_t with_table = newest();
  const auto log = log_;
  EngineOptions none = small_options();
  none.metadata_table_bytes = 0;
  close();
  disk_.load({});
  open(none);
  for (const raft::Entry& entry : log) {
    const ApplyItem item{kGroup, entry};
    ASSERT_TRUE(engine_->apply(std::span(&item, 1)));
  }
  EXPECT_EQ(newest(), with_table);
}

TEST_F(StateHashTest, OneByteOfOneValue_ShowsInItsBucketAlone) {
  run(put("a", "1"));
  raft::Index index = 0;
  const StateBuckets before = engine_->state_buckets(kGroup, &index);
  EXPECT_EQ(index, log_.size());
  run(put("b", "1"));
  const StateBuckets after = engine_->state_buckets(kGroup, &index);
  for (std::size_t i = 0; i < kStateBuckets; ++i)
    EXPECT_EQ(before[i] == after[i], i != StateHash::bucket_of(StateHash::key_hash("b"))) << i;
}

TEST_F(StateHashTest, MarksOfTheGrid_AreRemembered) {
  for (int i = 0; i < 200; ++i) run(put("k" + std::to_string(i), "v"));
  EXPECT_TRUE(engine_->state_mark_at(kGroup, StateMarks::kGrid));
  for (raft::Index last = log_.size(); last > log_.size() - 64; --last)
    EXPECT_TRUE(engine_->state_mark_at(kGroup, last)) << last;
  EXPECT_FALSE(engine_->state_mark_at(kGroup, StateMarks::kGrid + 1));
  EXPECT_FALSE(engine_->state_mark_at(kGroup, log_.size() + 1));
}

TEST_F(StateHashTest, MarksOfOneBatch_AreThoseOfSingleEntries) {
  std::vector<Command> commands;
  for (int i = 0; i < 20; ++i) commands.push_back(put("k" + std::to_string(i % 7), "v"));
  run_batch(commands);
  const auto log = log_;
  std::vector<std::uint64_t> batched;
  for (raft::Index i = 1; i <= log.size(); ++i)
    batched.push_back(engine_->state_mark_at(kGroup, i).value_or(0));
  close();
  disk_.load({});
  open();
  for (const raft::Entry& entry : log) {
    const ApplyItem item{kGroup, entry};
    ASSERT_TRUE(engine_->apply(std::span(&item, 1)));
  }
  for (raft::Index i = 1; i <= log.size(); ++i)
    EXPECT_EQ(engine_->state_mark_at(kGroup, i).value_or(1), batched[i - 1]) << i;
}

/// Walks through a view as a comparison does, in small pages.
StateBuckets counted(const StateView& view) {
  StateHash hash;
  StateView::Range range;
  range.bytes_max = 300;
  for (;;) {
    const auto page = view.page(range);
    EXPECT_TRUE(page);
    for (const StateEntry& e : page->entries) hash.toggle(StateHash::key_hash(e.key), e.word);
    if (!page->more) return hash.buckets();
    range.after = page->last_key;
  }
}

TEST_F(StateHashTest, PagesOfAView_AddUpToWhatIsKept) {
  write_at_random(200, 4);
  const auto view = engine_->state_view(kGroup);
  ASSERT_TRUE(view);
  write_at_random(50, 5);  // it stands still
  EXPECT_EQ((*view)->applied(), 200u);
  EXPECT_EQ(counted(**view), (*view)->buckets());
  EXPECT_NE((*view)->buckets(), (*engine_->state_view(kGroup))->buckets());
}

TEST_F(StateHashTest, ItemsAlteredBelow_AreRepaired_AndTheHashSaysSo) {
  for (int i = 0; i < 30; ++i) run(put("k" + std::to_string(i), "v"));
  const raft::Index index = log_.size();
  auto sound = *engine_->state_view(kGroup);
  const auto k3 = *sound->record("k3");
  const auto k4 = *sound->record("k4");
  ASSERT_TRUE(k3 && k4);
  const std::vector<ItemRecord> wrong{{"k3", k4}, {"k4", std::nullopt}, {"new", k4}};
  ASSERT_TRUE(engine_->repair(kGroup, index, wrong));
  EXPECT_EQ(value("k4"), "<none>");
  auto altered = *engine_->state_view(kGroup);
  EXPECT_EQ(altered->buckets(), sound->buckets()) << "it went round the hash";
  EXPECT_NE(counted(*altered), sound->buckets());

  StateBuckets by = counted(*altered);
  for (std::size_t i = 0; i < kStateBuckets; ++i) by[i] ^= altered->buckets()[i];
  ASSERT_TRUE(engine_->adjust_state(kGroup, altered->generation(), by));
  EXPECT_EQ(counted(*altered), (*engine_->state_view(kGroup))->buckets());
  EXPECT_EQ(engine_->adjust_state(kGroup, altered->generation() + 1, by).error(),
            EngineError::kSuperseded);

  ASSERT_TRUE(engine_->mark_odd(kGroup, index));
  EXPECT_EQ(group().odd_at, index);
  ASSERT_TRUE(flush());
  sound.reset();
  altered.reset();
  reopen();
  EXPECT_EQ(group().odd_at, index) << "a restart does not forget it";

  const std::vector<ItemRecord> right{{"k3", k3}, {"k4", k4}, {"new", std::nullopt}};
  ASSERT_TRUE(engine_->repair(kGroup, index, right));
  const StateBuckets buckets = counted(**engine_->state_view(kGroup));
  ASSERT_TRUE(engine_->end_repair(kGroup, index, buckets));
  EXPECT_EQ(group().odd_at, 0u);
  const Answer again = run(put("k3", "w"));
  EXPECT_EQ(again.version, 2u) << "the table of metadata knows nothing of the wrong item";
  EXPECT_EQ(counted(**engine_->state_view(kGroup)), (*engine_->state_view(kGroup))->buckets());
}

TEST_F(StateHashTest, RepairOfAnotherMoment_OrWithDamagedRecords_IsRefused) {
  run(put("a", "1"));
  auto record = **(*engine_->state_view(kGroup))->record("a");
  EXPECT_EQ(engine_->repair(kGroup, 2, std::vector<ItemRecord>{{"a", record}}).error(),
            EngineError::kSuperseded);
  EXPECT_EQ(engine_->end_repair(kGroup, 2, {}).error(), EngineError::kSuperseded);
  record[0] ^= 1;
  EXPECT_EQ(engine_->repair(kGroup, 1, std::vector<ItemRecord>{{"a", record}}).error(),
            EngineError::kBadChunk);
  EXPECT_EQ(value("a"), "1");
}

}  // namespace
}  // namespace cairn::kv::test
