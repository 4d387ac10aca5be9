// The client against real nodes in this process: what its calls give, and where they go.
#include <atomic>
#include <latch>
#include <set>
#include <thread>

#include "tests/kv/client/client_fixture.h"

namespace cairn::kv {
namespace {

using ClientTest = ClientFixture;

TEST_F(ClientTest, Calls_OneNode_GiveWhatStoreGives) {
  start(1);
  Client client = connect();
  const PutResult first = put(client, "a", "1");
  EXPECT_TRUE(first.created);
  EXPECT_EQ(first.version, 1u);
  EXPECT_EQ(get(client, "a"), "1");
  EXPECT_EQ(get(client, "b"), "-");

  WriteOptions with_previous;
  with_previous.return_previous = true;
  const auto second = client.put("a", "2", with_previous);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->version, 2u);
  EXPECT_GT(second->revision, first.revision);
  ASSERT_TRUE(second->previous);
  EXPECT_EQ(second->previous->value, "1");
  EXPECT_EQ(second->previous->mod_revision, first.revision);

  const auto removed = client.remove("a");
  ASSERT_TRUE(removed);
  EXPECT_TRUE(removed->deleted);
  const auto again = client.remove("a");
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->deleted);
  EXPECT_EQ(get(client, "a"), "-");
}

TEST_F(ClientTest, EmptyAndLargeValues_ComeBackWhole) {
  start(1);
  Client client = connect();
  put(client, "empty", "");
  const auto empty = client.get("empty");
  ASSERT_TRUE(empty);
  ASSERT_TRUE(*empty);
  EXPECT_EQ((*empty)->value, "");
  std::string large(1u << 20, 'x');
  for (std::size_t i = 0; i < large.size(); i += 7) large[i] = static_cast<char>(i >> 3);
  put(client, "large", large);
  EXPECT_EQ(get(client, "large"), large);
  EXPECT_EQ(cluster().node(1).get("large").value()->value, large);
}

TEST_F(ClientTest, Conditions_NotMet_AreRefusedWithTheRevision) {
  start(1);
  Client client = connect();
  const Revision revision = put(client, "a", "1").revision;
  WriteOptions only_new;
  only_new.if_absent = true;
  auto refused = client.put("a", "2", only_new);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kRevisionMismatch);
  EXPECT_EQ(refused.error().committed, Committed::kNo);
  EXPECT_EQ(refused.error().revision, revision);
  WriteOptions only_then;
  only_then.if_revision = revision;
  EXPECT_TRUE(client.put("a", "3", only_then));
  EXPECT_FALSE(client.put("a", "4", only_then));
  EXPECT_EQ(get(client, "a"), "3");
}

TEST_F(ClientTest, BadRequests_AreRefusedWithTheirCode) {
  start(1, [](Options& o) { o.partitions = 4; });
  Client client = connect();
  EXPECT_EQ(client.put("", "1").error().code, Errc::kKeyEmpty);
  EXPECT_EQ(client.get("").error().code, Errc::kKeyEmpty);
  EXPECT_EQ(client.put(std::string(5000, 'k'), "1").error().code, Errc::kKeyTooLarge);
  EXPECT_EQ(client.put("k", std::string((1u << 20) + 1, 'v')).error().code, Errc::kTooLarge);
  EXPECT_EQ(client.write(WriteBatch{}).error().code, Errc::kBadRequest);
  WriteBatch apart;
  for (int i = 0; i < 20; ++i) apart.put("key" + std::to_string(i), "v");
  EXPECT_EQ(client.write(apart).error().code, Errc::kCrossPartition);
  ScanOptions none;
  none.limit = 0;
  EXPECT_EQ(client.scan(none).error().code, Errc::kBadRequest);
}

TEST_F(ClientTest, Batch_IsAppliedTogether_AndScanReadsOn) {
  start(1, [](Options& o) { o.partitions = 4; });
  Client client = connect();
  WriteBatch batch;
  for (int i = 0; i < 10; ++i) batch.put("{t}/" + std::to_string(i), std::to_string(i));
  batch.remove("{t}/3");
  const auto written = client.write(batch);
  ASSERT_TRUE(written) << written.error().message();
  EXPECT_EQ(written->deleted, 1u);
  for (int i = 0; i < 25; ++i) put(client, "s/" + std::to_string(100 + i), "v");

  std::vector<std::string> keys;
  ScanOptions scan;
  scan.prefix = "s/";
  scan.limit = 10;
  for (;;) {
    const auto page = client.scan(scan);
    ASSERT_TRUE(page) << page.error().message();
    for (const Item& item : page->items) keys.push_back(item.key);
    if (!page->next) break;
    scan.cursor = *page->next;
  }
  ASSERT_EQ(keys.size(), 25u);
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  ScanOptions count;
  count.prefix = "{t}/";
  count.count_only = true;
  EXPECT_EQ(client.scan(count).value().count, 9u);
  ScanOptions back;
  back.prefix = "s/";
  back.limit = 1;
  back.reverse = true;
  back.keys_only = true;
  const auto last = client.scan(back);
  ASSERT_TRUE(last);
  ASSERT_EQ(last->items.size(), 1u);
  EXPECT_EQ(last->items[0].key, "s/124");
  EXPECT_EQ(last->items[0].value, "");
}

TEST_F(ClientTest, Pipelined_ManyUnderWay_EachHasItsOwnAnswer) {
  start(3, [](Options& o) { o.partitions = 3; });
  Client client = connect();
  constexpr int kCalls = 5'000;
  std::latch all(kCalls);
  std::atomic<int> wrong = 0;
  for (int i = 0; i < kCalls; ++i) {
    client.async_put("k" + std::to_string(i), "v" + std::to_string(i), {},
                     [&](const Result<PutResult>& r) {
                       if (!r || r->version != 1 || !r->created) ++wrong;
                       all.count_down();
                     });
  }
  all.wait();
  EXPECT_EQ(wrong, 0);
  std::latch read(kCalls);
  for (int i = 0; i < kCalls; ++i) {
    client.async_get("k" + std::to_string(i), {}, [&, i](const Result<ReadResult>& r) {
      if (!r || !r->item || r->item->value != "v" + std::to_string(i)) ++wrong;
      read.count_down();
    });
  }
  read.wait();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(client.stats().under_way, 0u);
}

TEST_F(ClientTest, ConnectedToAFollower_FindsTheLeaderByItself) {
  start(3);
  Client client = connect({endpoints()[a_follower() - 1]});
  for (int i = 0; i < 20; ++i) put(client, "k" + std::to_string(i), "v");
  EXPECT_EQ(get(client, "k7"), "v");
  EXPECT_EQ(client.stats().connections, 2u);  // the follower it began with, and the leader
  EXPECT_EQ(client.stats().retries, 0u);
}

TEST_F(ClientTest, EventualReads_RoundRobin_UseEveryReplica) {
  start(3);
  ClientOptions options;
  options.read_from = ReadFrom::kRoundRobin;
  Client client = connect({endpoints()[0]}, options);
  const Revision revision = put(client, "k", "v").revision;
  ReadOptions eventual;
  eventual.consistency = Consistency::kEventual;
  eventual.min_revision = revision;
  for (int i = 0; i < 60; ++i) EXPECT_EQ(get(client, "k", eventual), "v");
  for (std::uint64_t id = 1; id <= 3; ++id) {
    double gets = 0;
    for (const Sample& sample : cluster().node(id).metrics())
      if (sample.name == "cairn_client_requests_total" && sample.labels == "verb=\"get\"")
        gets = sample.value;
    EXPECT_GT(gets, 5) << "node " << id;
  }
}

TEST_F(ClientTest, LeaderStops_ClientGoesOn_AndNothingAcknowledgedIsLost) {
  start(3, [](Options& o) { o.partitions = 2; });
  Client client = connect();
  put(client, "before", "1");
  const std::uint64_t stopped = leader();
  std::set<int> acknowledged;
  std::mutex mutex;
  constexpr int kCalls = 2'000;
  std::latch all(kCalls);
  for (int i = 0; i < kCalls; ++i) {
    client.async_put("k" + std::to_string(i), std::to_string(i), {},
                     [&, i](const Result<PutResult>& r) {
                       {
                         const std::lock_guard lock(mutex);
                         if (r) acknowledged.insert(i);
                         EXPECT_TRUE(!r || r->version == 1) << "applied twice: " << i;
                       }
                       all.count_down();
                     });
    if (i == kCalls / 2) cluster().stop(stopped);
  }
  all.wait();
  EXPECT_EQ(acknowledged.size(), static_cast<std::size_t>(kCalls));
  for (const int i : acknowledged)
    ASSERT_EQ(get(client, "k" + std::to_string(i)), std::to_string(i));
}

TEST_F(ClientTest, IdempotencyKey_SameAgain_GetsTheFirstAnswer) {
  start(1);
  Client client = connect();
  WriteOptions once;
  once.idempotency_key = "once";
  const auto first = client.put("k", "v", once);
  const auto second = client.put("k", "v", once);
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(first->replayed);
  EXPECT_TRUE(second->replayed);
  EXPECT_EQ(first->revision, second->revision);
  EXPECT_EQ(client.put("other", "v", once).error().code, Errc::kIdempotencyMismatch);
}

TEST_F(ClientTest, PlainCallInACallback_IsRefused) {
  start(1);
  Client client = connect();
  std::promise<Errc> said;
  client.async_put("k", "v", {},
                   [&](const Result<PutResult>&) { said.set_value(client.get("k").error().code); });
  EXPECT_EQ(said.get_future().get(), Errc::kBadRequest);
}

TEST_F(ClientTest, CallInACallback_IsServed) {
  start(1);
  Client client = connect();
  Promised<ReadResult> read;
  client.async_put("k", "v", {},
                   [&](const Result<PutResult>&) { client.async_get("k", {}, read.callback()); });
  const auto got = read.get();
  ASSERT_TRUE(got && got->item);
  EXPECT_EQ(got->item->value, "v");
}

TEST_F(ClientTest, TooManyUnderWay_IsRefusedAtOnce) {
  start(1);
  ClientOptions options;
  options.calls_max = 10;
  Client client = connect(endpoints(), options);
  std::atomic<int> refused = 0;
  std::latch all(2'000);
  for (int i = 0; i < 2'000; ++i)
    client.async_put("k", "v", {}, [&](const Result<PutResult>& r) {
      if (!r && r.error().code == Errc::kOverloaded && r.error().committed == Committed::kNo)
        ++refused;
      all.count_down();
    });
  all.wait();
  EXPECT_GT(refused, 0);
  EXPECT_EQ(client.stats().under_way, 0u);
  EXPECT_EQ(get(client, "k"), "v");
}

TEST_F(ClientTest, Stop_WithCallsUnderWay_EachEndsOnce) {
  start(3);
  Client client = connect();
  constexpr int kCalls = 3'000;
  std::atomic<int> ended = 0;
  for (int i = 0; i < kCalls; ++i)
    client.async_put("k" + std::to_string(i), "v", {}, [&](const Result<PutResult>& r) {
      if (!r) {
        EXPECT_TRUE(r.error().code == Errc::kShuttingDown ||
                    r.error().code == Errc::kOutcomeUnknown);
        EXPECT_EQ(r.error().committed == Committed::kUnknown,
                  r.error().code == Errc::kOutcomeUnknown);
      }
      ++ended;
    });
  client.stop();
  EXPECT_EQ(ended, kCalls);
  EXPECT_EQ(client.put("k", "v").error().code, Errc::kShuttingDown);
  client.stop();
}

TEST_F(ClientTest, Connect_NobodyThere_SaysWhoSaidWhat) {
  ClientOptions options;
  options.connect_timeout = milliseconds{200};
  const auto nobody = Client::connect({"127.0.0.1:9"}, options);
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, Errc::kTimeout);
  EXPECT_NE(nobody.error().detail.find("127.0.0.1:9: refused"), std::string::npos)
      << nobody.error().detail;
}

TEST_F(ClientTest, Connect_BadConfiguration_IsRefused) {
  EXPECT_EQ(Client::connect({}).error().code, Errc::kConfiguration);
  EXPECT_EQ(Client::connect({"nowhere"}).error().code, Errc::kConfiguration);
  EXPECT_EQ(Client::connect({"host:0"}).error().code, Errc::kConfiguration);
  ClientOptions options;
  options.connections_per_node = 0;
  const auto refused = Client::connect({"127.0.0.1:1"}, options);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("connections_per_node"), std::string::npos);
}

TEST_F(ClientTest, AllNodesDown_CallEndsInTime_WithCommittedNo) {
  start(1);
  Client client = connect();
  put(client, "k", "v");
  cluster().stop(1);
  WriteOptions soon;
  soon.timeout = milliseconds{300};
  // The first one may still have been under way on the old connection.
  (void)client.put("k", "2", soon);
  const auto refused = client.put("k", "3", soon);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kNoLeader) << refused.error().message();
  EXPECT_EQ(refused.error().committed, Committed::kNo);
  ReadOptions read;
  read.timeout = milliseconds{300};
  EXPECT_FALSE(client.get("k", read));
}

TEST_F(ClientTest, NodeComesBack_ClientFindsItAgain) {
  start(1);
  Client client = connect();
  put(client, "k", "v");
  cluster().stop(1);
  Promised<ReadResult> read;
  ReadOptions patient;
  patient.timeout = seconds{20};
  client.async_get("k", patient, read.callback());
  ASSERT_TRUE(cluster().restart(1));
  const auto got = read.get();
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(got->item->value, "v");
}

}  // namespace
}  // namespace cairn::kv
