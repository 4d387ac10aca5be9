// Streams whose chunks are in order but whose content is not what a group can have: a peer that
// lies or is broken must not get it in.
#include <functional>

#include "kv/engine/digest.h"
#include "kv/engine/snapshot_chunk.h"
#include "tests/kv/engine/fixture.h"

namespace cairn::kv::test {
namespace {

class ForgedSnapshotTest : public EngineTest {
 protected:
  ForgedSnapshotTest() {
    record_.applied = 9;
    record_.applied_term = 2;
    record_.config = three_voters();
  }

  void add(Space space, std::string key, std::string value) {
    key.insert(key.begin(), static_cast<char>(space));
    entries_.emplace_back(std::move(key), std::move(value));
  }

  void add_item(const std::string& key, const std::string& value) {
    ItemMeta meta;
    meta.value_size = static_cast<std::uint32_t>(value.size());
    meta.value_hash = hash128(value);
    std::string bytes = value;
    append_item_trailer(bytes, meta);
    add(Space::kCurrent, key, bytes);
  }

  /// Sends what was added, with an honest tail unless `twist` makes it another.
  boost::system::error_code send(const std::function<void(StreamTail&)>& twist = {}) {
    const std::string head = encode_replicated(record_);
    StateDigest digest(head);
    ChunkWriter writer;
    writer.begin({kCluster, kGroup, head});
    for (const auto& [key, value] : entries_) {
      digest.add(key, value);
      writer.add(key, value);
    }
    StreamTail tail{entries_.size(), digest.value()};
    if (twist) twist(tail);
    const std::string chunk = writer.take(tail);
    entries_.clear();
    auto sink = engine_->install(kGroup, {9, 2, three_voters()}).value();
    auto done = sink->add(chunk);
    if (done) done = sink->finish();
    return done ? boost::system::error_code() : done.error();
  }

  GroupRecord record_;
  std::vector<std::pair<std::string, std::string>> entries_;
};

TEST_F(ForgedSnapshotTest, Honest_IsTaken) {
  add_item("a", "1");
  add_item("b", "2");
  EXPECT_EQ(send(), boost::system::error_code());
  EXPECT_EQ(value("b"), "2");
}

TEST_F(ForgedSnapshotTest, Tail_ThatDoesNotFit_IsRefusedAtTheEnd) {
  add_item("a", "1");
  EXPECT_EQ(send([](StreamTail& tail) { tail.digest.low ^= 1; }), EngineError::kBadChunk);
  add_item("a", "1");
  EXPECT_EQ(send([](StreamTail& tail) { ++tail.entries; }), EngineError::kBadChunk);
  EXPECT_EQ(value("a"), "<none>");
}

TEST_F(ForgedSnapshotTest, Keys_NotRising_AreRefused) {
  add_item("b", "1");
  add_item("a", "1");
  EXPECT_EQ(send(), EngineError::kBadChunk);
  add_item("a", "1");
  add_item("a", "1");
  EXPECT_EQ(send(), EngineError::kBadChunk);
}

TEST_F(ForgedSnapshotTest, Records_OfNoKnownForm_AreRefused) {
  const std::vector<std::pair<Space, std::string>> bad = {{Space::kCurrent, "no trailer"},
                                                          {Space::kEvent, ""},
                                                          {Space::kHistory, ""},
                                                          {Space::kSession, "not a session"},
                                                          {Space::kSessionAnswer, "no answer"},
                                                          {Space::kIdempotency, "x"},
                                                          {Space::kIdempotencyExpiry, "x"},
                                                          {Space::kLease, ""},
                                                          {Space::kTransaction, ""},
                                                          {static_cast<Space>(0), ""},
                                                          {static_cast<Space>(200), ""}};
  for (const auto& [space, record] : bad) {
    add(space, std::string(24, 'k'), record);
    EXPECT_EQ(send(), EngineError::kBadChunk) << static_cast<int>(space);
  }
  add_item("", "an item without a key");
  EXPECT_EQ(send(), EngineError::kBadChunk);
  add_item(std::string(4097, 'k'), "a key too long");
  EXPECT_EQ(send(), EngineError::kBadChunk);
  add_item("k", "value");
  entries_.back().second[0] = 'V';
  EXPECT_EQ(send(), EngineError::kBadChunk) << "the value is not what its hash says";
}

TEST_F(ForgedSnapshotTest, Counts_ThatDoNotFit_AreRefused) {
  record_.sessions = 1;
  add_item("a", "1");
  EXPECT_EQ(send(), EngineError::kBadChunk);
  record_.sessions = 0;
  add(Space::kSession, session_suffix(7), encode_session({}));
  EXPECT_EQ(send(), EngineError::kBadChunk);
}

}  // namespace
}  // namespace cairn::kv::test
