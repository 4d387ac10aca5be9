// Plain calls on one durable node.
#include <thread>
#include <vector>

#include "tests/kv/store/support.h"

namespace cairn::kv {
namespace {

class StoreTest : public StoreFixture {};

TEST_F(StoreTest, Put_NewKey_IsReadBack) {
  open();
  const auto put = store().put("greeting", "hello");
  ASSERT_TRUE(put) << put.error().message();
  EXPECT_TRUE(put->created);
  EXPECT_EQ(put->version, 1u);
  EXPECT_FALSE(put->previous);
  const auto got = store().get("greeting");
  ASSERT_TRUE(got && *got);
  EXPECT_EQ((*got)->key, "greeting");
  EXPECT_EQ((*got)->value, "hello");
  EXPECT_EQ((*got)->create_revision, put->revision);
  EXPECT_EQ((*got)->mod_revision, put->revision);
  EXPECT_EQ(store().node_id(), 1u);
}

TEST_F(StoreTest, Put_Again_RaisesVersionAndRevision) {
  open();
  const auto first = store().put("k", "1").value();
  WriteOptions previous;
  previous.return_previous = true;
  const auto second = store().put("k", "2", previous).value();
  EXPECT_FALSE(second.created);
  EXPECT_EQ(second.version, 2u);
  EXPECT_GT(second.revision, first.revision);
  ASSERT_TRUE(second.previous);
  EXPECT_EQ(second.previous->value, "1");
  EXPECT_EQ(store().get("k").value()->create_revision, first.revision);
}

TEST_F(StoreTest, Remove_PresentAndAbsent_SaysWhich) {
  open();
  put("k", "v");
  EXPECT_TRUE(store().remove("k").value().deleted);
  EXPECT_EQ(get("k"), "-");
  EXPECT_FALSE(store().remove("k").value().deleted);
  EXPECT_TRUE(store().put("k", "again").value().created);
}

TEST_F(StoreTest, Conditions_NotHeld_ChangeNothingAndTellTheRevision) {
  open();
  const auto put_result = store().put("k", "v").value();
  WriteOptions absent;
  absent.if_absent = true;
  const auto refused = store().put("k", "w", absent);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kRevisionMismatch);
  EXPECT_EQ(refused.error().revision, put_result.revision);
  EXPECT_EQ(refused.error().committed, Committed::kNo);
  WriteOptions unchanged;
  unchanged.if_revision = put_result.revision;
  const auto changed = store().put("k", "w", unchanged);
  ASSERT_TRUE(changed) << changed.error().message();
  EXPECT_EQ(store().remove("k", unchanged).error().code, Errc::kRevisionMismatch);
  EXPECT_EQ(get("k"), "w");
  const auto created = store().put("other", "v", absent);
  EXPECT_TRUE(created) << created.error().message();
}

TEST_F(StoreTest, Requests_OutOfBounds_AreRefused) {
  open();
  EXPECT_EQ(store().put("", "v").error().code, Errc::kKeyEmpty);
  EXPECT_EQ(store().get("").error().code, Errc::kKeyEmpty);
  EXPECT_EQ(store().put(std::string(5000, 'k'), "v").error().code, Errc::kKeyTooLarge);
  EXPECT_EQ(store().put("k", std::string((1u << 20) + 1, 'v')).error().code, Errc::kTooLarge);
  EXPECT_TRUE(store().put(std::string(4096, 'k'), std::string(1u << 20, 'v')));
  const std::string odd("\0\xff/../ key", 10);
  EXPECT_TRUE(store().put(odd, std::string("\0", 1)));
  EXPECT_EQ(get(odd), std::string("\0", 1));
}

TEST_F(StoreTest, IdempotencyKey_Retried_GivesTheFirstAnswer) {
  open();
  WriteOptions once;
  once.idempotency_key = "once";
  const auto first = store().put("k", "v", once).value();
  put("k", "between");
  const auto again = store().put("k", "v", once).value();
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again.revision, first.revision);
  EXPECT_EQ(get("k"), "between") << "a replay writes nothing";
  const auto other = store().put("k", "something else", once);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Errc::kIdempotencyMismatch);
  WriteOptions long_key;
  long_key.idempotency_key = std::string(257, 'x');
  EXPECT_EQ(store().put("k", "v", long_key).error().code, Errc::kBadRequest);
}

TEST_F(StoreTest, Reads_EventualAndMinRevision_SeeTheWrite) {
  open();
  const auto put_result = store().put("k", "v").value();
  ReadOptions eventual;
  eventual.consistency = Consistency::kEventual;
  eventual.min_revision = put_result.revision;
  EXPECT_EQ(value(store().get("k", eventual)), "v");
  ReadOptions future;
  future.min_revision = (1ull << 53) - 1;
  EXPECT_EQ(store().get("k", future).error().code, Errc::kBadRequest);
}

TEST_F(StoreTest, Snapshot_LaterWrites_AreNotInIt) {
  open();
  put("a", "1");
  put("b", "2");
  auto snapshot = store().snapshot();
  ASSERT_TRUE(snapshot) << snapshot.error().message();
  put("a", "changed");
  ASSERT_TRUE(store().remove("b"));
  put("c", "3");
  EXPECT_EQ(value(snapshot->get("a")), "1");
  EXPECT_EQ(value(snapshot->get("b")), "2");
  EXPECT_EQ(value(snapshot->get("c")), "-");
  ScanOptions all;
  const auto scan = snapshot->scan(all);
  ASSERT_TRUE(scan) << scan.error().message();
  EXPECT_EQ(scan->items.size(), 2u);
}

TEST_F(StoreTest, Views_OfARunningNode_MakeSense) {
  open();
  put("k", "v");
  const ClusterView cluster = store().cluster();
  EXPECT_EQ(cluster.node, 1u);
  EXPECT_EQ(cluster.cluster_id.size(), 16u);
  ASSERT_EQ(cluster.partitions.size(), 1u);
  EXPECT_EQ(cluster.partitions[0].leader, 1u);
  EXPECT_EQ(store().ring("k").leader, 1u);
  EXPECT_FALSE(store().metrics().empty());
  EXPECT_TRUE(store().not_ready_reasons().empty());
  EXPECT_TRUE(store().wait_ready(milliseconds{1}));
  EXPECT_EQ(store().options().data_dir, directory());
}

TEST_F(StoreTest, Threads_ManyAtOnce_EachGetsItsOwnAnswer) {
  open();
  constexpr int kThreads = 4;
  constexpr int kWrites = 50;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kWrites; ++i) {
        const std::string key = "t" + std::to_string(t) + "-" + std::to_string(i);
        EXPECT_TRUE(store().put(key, key));
        EXPECT_EQ(get(key), key);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ScanOptions count;
  count.count_only = true;
  EXPECT_EQ(store().scan(count).value().count, std::uint64_t{kThreads * kWrites});
}

}  // namespace
}  // namespace cairn::kv
