// The same log gives the same state, whatever the table holds, however the log is cut into batches
// and whenever the process was restarted; and what it gives is what the naive model says.
#include <span>

#include "kv/engine/engine.h"
#include "tests/kv/engine/fixture.h"
#include "tests/kv/engine/stream.h"
#include "wal/memory_file_system.h"

namespace cairn::kv::test {
namespace {

std::unique_ptr<Engine> open_on(wal::FileSystem& disk, const EngineOptions& options) {
  std::string detail;
  auto engine = Engine::open(disk, "e", kCluster, kNode, options, nullptr, &detail);
  EXPECT_TRUE(engine) << detail;
  EXPECT_TRUE((*engine)->create_group(kGroup, three_voters(), kEpoch));
  return std::move(*engine);
}

std::vector<ApplyItem> items_of(const std::vector<raft::Entry>& log, std::size_t from,
                                std::size_t count) {
  std::vector<ApplyItem> items;
  for (std::size_t i = from; i < std::min(from + count, log.size()); ++i) {
    items.push_back({kGroup, log[i]});
  }
  return items;
}

std::string describe(const std::vector<ApplyResult>& results) {
  std::string out;
  for (const ApplyResult& result : results) {
    out += std::to_string(result.index) + "/" + std::to_string(result.term) + ":";
    if (result.answer) out += encode_answer(*result.answer);
  }
  return out;
}

/// Applies the log in batches of random size; restarts now and then if asked to.
struct Outcome {
  std::string digest;
  std::string answers;
};
Outcome play(const std::vector<raft::Entry>& log, std::size_t table_bytes, std::size_t batch_max,
             std::uint64_t seed, bool restarts) {
  wal::MemoryFileSystem disk;
  EngineOptions options = small_options();
  options.metadata_table_bytes = table_bytes;
  std::unique_ptr<Engine> engine = open_on(disk, options);
  Random random(seed);
  Outcome out;
  for (std::size_t done = 0; done < log.size();) {
    const std::vector<ApplyItem> items = items_of(log, done, 1 + random.below(batch_max));
    out.answers += describe(engine->apply(items).value());
    done += items.size();
    if (!restarts || !random.one_in(10)) continue;
    engine->flush([](auto point) { EXPECT_TRUE(point); });
    engine.reset();
    engine = open_on(disk, options);
    EXPECT_EQ(engine->groups().front().applied, done);
  }
  out.digest = engine->digest(kGroup).value();
  return out;
}

TEST(DeterminismTest, SameLog_AnyTableSizeBatchCutAndRestart_SameStateAndAnswers) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const std::vector<raft::Entry> log = random_log(seed, 1500);
    const Outcome plain = play(log, 1u << 20, 1, seed, false);
    const Outcome none = play(log, 0, 40, seed, false);
    const Outcome tiny = play(log, 900, 7, seed + 1, true);
    const Outcome large = play(log, 1u << 20, 300, seed + 2, true);
    for (const Outcome* other : {&none, &tiny, &large}) {
      ASSERT_EQ(other->digest, plain.digest);
      ASSERT_TRUE(other->answers == plain.answers);
    }
  }
}

TEST(DeterminismTest, RandomLog_WithoutDedup_DoesWhatTheModelSays) {
  StreamShape shape;
  shape.sessions = false;
  shape.idempotency = false;
  for (std::uint64_t seed = 100; seed < 112; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const std::vector<raft::Entry> log = random_log(seed, 1200, shape);
    wal::MemoryFileSystem disk;
    std::unique_ptr<Engine> engine = open_on(disk, small_options());
    Model model;
    Random random(seed);
    for (std::size_t done = 0; done < log.size();) {
      const std::vector<ApplyItem> items = items_of(log, done, 1 + random.below(30));
      const std::vector<ApplyResult> results = engine->apply(items).value();
      for (std::size_t i = 0; i < items.size(); ++i) {
        const raft::Entry& entry = items[i].entry;
        ASSERT_EQ(results[i].answer.has_value(), entry.kind == raft::EntryKind::kCommand);
        if (!results[i].answer) continue;
        ASSERT_EQ(encode_answer(*results[i].answer), encode_answer(model.apply(entry)))
            << "entry " << entry.index;
      }
      done += items.size();
    }
    const auto page = engine->view()->scan(kGroup, {}).value();
    ASSERT_EQ(page.items.size(), model.items().size());
    auto expected = model.items().begin();
    for (const Item& item : page.items) {
      ASSERT_EQ(item.key, expected->first);
      ASSERT_EQ(item.value, expected->second.value);
      ASSERT_EQ(item.version, expected->second.version);
      ASSERT_EQ(item.create_revision, expected->second.create_revision);
      ASSERT_EQ(item.mod_revision, expected->second.mod_revision);
      ++expected;
    }
  }
}

TEST(DeterminismTest, SameCalls_Twice_LeaveIdenticalDisks) {
  const auto run = [] {
    wal::MemoryFileSystem disk;
    StreamShape shape;
    shape.keys = 3000;
    shape.value_bytes_max = 600;
    const std::vector<raft::Entry> log = random_log(5, 6000, shape);
    std::unique_ptr<Engine> engine = open_on(disk, small_options());
    Random random(5);
    for (std::size_t done = 0; done < log.size();) {
      const std::vector<ApplyItem> items = items_of(log, done, 1 + random.below(64));
      EXPECT_TRUE(engine->apply(items));
      done += items.size();
      for (int i = 0; i < 20; ++i) {
        (void)engine->get(kGroup, "a/" + std::to_string(random.below(3000)));
      }
      if (random.one_in(9)) engine->flush([](auto point) { EXPECT_TRUE(point); });
      if (random.one_in(20)) {
        EXPECT_TRUE(engine->view()->scan(kGroup, {}));
      }
    }
    EXPECT_GT(engine->metrics().flushes, 5u) << "too small a load to compact anything";
    engine.reset();
    return disk.image();
  };
  const auto image = run();
  EXPECT_EQ(image, run());
}

}  // namespace
}  // namespace cairn::kv::test
