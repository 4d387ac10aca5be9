// A group's state on its way to another node: complete, checked, all or nothing.
#include "tests/kv/engine/fixture.h"

#include "tests/kv/engine/stream.h"

namespace cairn::kv::test {
namespace {

/// The fixture's engine is the source; the sink's engine has a disk of its own.
class SnapshotTest : public EngineTest {
 protected:
  SnapshotTest() { open_target(); }

  void open_target() {
    auto opened = Engine::open(target_disk_, "t", kCluster, 2, small_options(), nullptr, &detail_);
    ASSERT_TRUE(opened) << detail_;
    target_ = std::move(*opened);
  }

  void apply_log(std::uint64_t seed, std::size_t entries) {
    for (const raft::Entry& entry : random_log(seed, entries)) {
      const ApplyItem item{kGroup, entry};
      ASSERT_TRUE(engine_->apply(std::span(&item, 1)));
      log_.push_back(entry);
    }
  }

  void take(std::size_t bytes_max = 700) {
    chunks_ = chunks_of(*engine_, kGroup, bytes_max, &meta_);
  }

  boost::system::error_code install(const std::vector<std::string>& chunks) {
    auto sink = target_->install(kGroup, meta_).value();
    for (const std::string& chunk : chunks) {
      if (auto done = sink->add(chunk); !done) return done.error();
    }
    auto done = sink->finish();
    return done ? boost::system::error_code() : done.error();
  }

  bool flush_target() {
    bool ok = false;
    target_->flush([&](auto point) { ok = point.has_value(); });
    return ok;
  }

  wal::MemoryFileSystem target_disk_;
  std::unique_ptr<Engine> target_;
  raft::SnapshotMeta meta_;
  std::vector<std::string> chunks_;
};

TEST_F(SnapshotTest, Install_OnAnEmptyNode_GivesTheSameDigest) {
  apply_log(1, 800);
  take();
  ASSERT_GT(chunks_.size(), 3u);
  EXPECT_EQ(meta_.index, 800u);
  ASSERT_EQ(install(chunks_), boost::system::error_code());
  EXPECT_EQ(target_->digest(kGroup).value(), digest());
  const EngineGroup there = target_->groups().front();
  EXPECT_EQ(there.applied, 800u);
  EXPECT_EQ(there.installed_index, 800u);
  EXPECT_EQ(there.installed_term, meta_.term);
  EXPECT_EQ(there.config, meta_.config);
  EXPECT_EQ(there.ceiling, group().ceiling);
}

TEST_F(SnapshotTest, Installed_Sessions_GoOnWhereTheyWere) {
  run(open_session(7));
  run(with_session(put("k", "1"), 7, 1));
  run(with_key(put("l", "1"), "once"));
  take();
  ASSERT_EQ(install(chunks_), boost::system::error_code());
  const std::vector<ApplyItem> more = {
      {kGroup, command_entry(4, last_revision() + 1, with_session(put("k", "1"), 7, 1))},
      {kGroup, command_entry(5, last_revision() + 2, with_key(put("l", "1"), "once"))}};
  const auto here = engine_->apply(more).value();
  const auto there = target_->apply(more).value();
  for (std::size_t i = 0; i < more.size(); ++i) {
    EXPECT_EQ(encode_answer(*here[i].answer), encode_answer(*there[i].answer));
  }
  EXPECT_TRUE(there[1].answer->replayed);
  EXPECT_EQ(target_->get(kGroup, "k").value()->version, 1u);
  EXPECT_EQ(target_->digest(kGroup).value(), digest());
  EXPECT_EQ(target_->groups().front().installed_index, 0u) << "its own entries go on";
}

TEST_F(SnapshotTest, Install_OverAnOlderState_ReplacesAllOfIt) {
  ASSERT_TRUE(target_->create_group(kGroup, three_voters(), kEpoch));
  std::vector<ApplyItem> old;
  for (raft::Index i = 1; i <= 5; ++i) {
    old.push_back({kGroup, command_entry(i, 100 + i, put("old" + std::to_string(i), "x"))});
  }
  ASSERT_TRUE(target_->apply(old));
  apply_log(2, 300);
  take();
  ASSERT_EQ(install(chunks_), boost::system::error_code());
  EXPECT_FALSE(target_->get(kGroup, "old1").value());
  EXPECT_EQ(target_->digest(kGroup).value(), digest());
  while (target_->maintain().value()) {
  }
  EXPECT_EQ(target_->digest(kGroup).value(), digest());
  // What the table knew of the old generation must not leak into the new one.
  const ApplyItem next{kGroup, command_entry(301, last_revision() + (9u << 26), put("old1", "y"))};
  EXPECT_TRUE(target_->apply(std::span(&next, 1)).value()[0].answer->created);
}

TEST_F(SnapshotTest, Install_WhileTheGroupAppliesOn_ReadersSeeOneOrTheOther) {
  ASSERT_TRUE(target_->create_group(kGroup, three_voters(), kEpoch));
  apply_log(3, 200);
  take();
  auto sink = target_->install(kGroup, meta_).value();
  for (std::size_t i = 0; i < chunks_.size(); ++i) {
    ASSERT_TRUE(sink->add(chunks_[i]));
    if (i >= 20) continue;
    const ApplyItem item{kGroup, log_[i]};
    ASSERT_TRUE(target_->apply(std::span(&item, 1)));
    EXPECT_EQ(target_->view()->applied(kGroup), i + 1);
  }
  const auto before = target_->view();
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(before->applied(kGroup), std::min<std::size_t>(20, chunks_.size()));
  EXPECT_EQ(target_->view()->applied(kGroup), 200u);
  EXPECT_EQ(target_->digest(kGroup).value(), digest());
}

TEST_F(SnapshotTest, Chunks_DamagedInAnyByte_AreRefused) {
  apply_log(4, 60);
  take(300);
  ASSERT_GT(chunks_.size(), 2u);
  for (std::size_t c = 0; c < chunks_.size(); ++c) {
    for (std::size_t at = 0; at < chunks_[c].size(); at += 1 + at / 16) {
      std::vector<std::string> bad = chunks_;
      bad[c][at] ^= 0x10;
      ASSERT_EQ(install(bad), EngineError::kBadChunk) << "chunk " << c << " byte " << at;
    }
  }
  EXPECT_TRUE(target_->groups().empty());
  EXPECT_EQ(install(chunks_), boost::system::error_code()) << "none of it left a trace";
}

TEST_F(SnapshotTest, Chunks_CutShort_AreRefused) {
  apply_log(5, 60);
  take(300);
  for (std::size_t size = 0; size < chunks_[0].size(); size += 7) {
    ASSERT_EQ(install({chunks_[0].substr(0, size)}), EngineError::kBadChunk);
  }
}

TEST_F(SnapshotTest, Chunks_LostRepeatedOrSwapped_AreRefused) {
  apply_log(6, 80);
  take(300);
  ASSERT_GE(chunks_.size(), 4u);
  auto lost = chunks_;
  lost.erase(lost.begin() + 1);
  EXPECT_EQ(install(lost), EngineError::kBadChunk);
  auto twice = chunks_;
  twice.insert(twice.begin() + 1, chunks_[1]);
  EXPECT_EQ(install(twice), EngineError::kBadChunk);
  auto swapped = chunks_;
  std::swap(swapped[1], swapped[2]);
  EXPECT_EQ(install(swapped), EngineError::kBadChunk);
  auto headless = chunks_;
  headless.erase(headless.begin());
  EXPECT_EQ(install(headless), EngineError::kBadChunk);
  auto open_ended = chunks_;
  open_ended.pop_back();
  EXPECT_EQ(install(open_ended), EngineError::kBadChunk);
  auto longer = chunks_;
  longer.push_back(chunks_.back());
  EXPECT_EQ(install(longer), EngineError::kBadChunk);
}

TEST_F(SnapshotTest, Chunks_OfAnotherStream_AreRefused) {
  apply_log(7, 60);
  take(300);
  const auto first = chunks_;
  run(put("k", "v"), 100'000'000);
  const raft::SnapshotMeta old_meta = meta_;
  take(300);
  auto mixed = first;
  mixed[1] = chunks_[1];
  meta_ = old_meta;
  EXPECT_EQ(install(mixed), EngineError::kBadChunk);
  EXPECT_EQ(install(chunks_), EngineError::kBadChunk) << "not what was announced";
}

TEST_F(SnapshotTest, Chunks_OfAnotherCluster_AreRefused) {
  apply_log(7, 30);
  take();
  auto foreign =
      Engine::open(target_disk_, "f", kCluster + 1, 2, small_options(), nullptr, nullptr).value();
  auto sink = foreign->install(kGroup, meta_).value();
  EXPECT_EQ(sink->add(chunks_[0]).error(), EngineError::kBadChunk);
}

TEST_F(SnapshotTest, NewInstall_SupersedesTheUnfinishedOne) {
  apply_log(8, 100);
  take();
  auto first = target_->install(kGroup, meta_).value();
  ASSERT_TRUE(first->add(chunks_[0]));
  auto second = target_->install(kGroup, meta_).value();
  EXPECT_EQ(first->add(chunks_[1]).error(), EngineError::kSuperseded);
  EXPECT_EQ(first->finish().error(), EngineError::kSuperseded);
  first.reset();
  for (const std::string& chunk : chunks_) ASSERT_TRUE(second->add(chunk));
  while (target_->maintain().value()) {
  }
  ASSERT_TRUE(second->finish());
  EXPECT_EQ(target_->digest(kGroup).value(), digest());
}

TEST_F(SnapshotTest, Install_OfAnOlderState_IsRefused) {
  apply_log(9, 50);
  take();
  ASSERT_EQ(install(chunks_), boost::system::error_code());
  const ApplyItem next{kGroup, command_entry(51, 1u << 30, put("k", "v"))};
  ASSERT_TRUE(target_->apply(std::span(&next, 1)));
  EXPECT_EQ(install(chunks_), EngineError::kSuperseded);
}

TEST_F(SnapshotTest, Unfinished_Generations_AreRemovedInStepsAlsoAfterARestart) {
  for (int i = 0; i < 3000; ++i) run(put("key" + std::to_string(i), "v"));
  take(64u << 10);
  auto sink = target_->install(kGroup, meta_).value();
  for (const std::string& chunk : chunks_) ASSERT_TRUE(sink->add(chunk));
  sink.reset();
  ASSERT_TRUE(flush_target());
  target_.reset();
  open_target();
  int steps = 1;
  while (target_->maintain().value()) ++steps;
  EXPECT_GT(steps, 2);
  EXPECT_FALSE(target_->maintain().value());
  ASSERT_EQ(install(chunks_), boost::system::error_code());
  EXPECT_EQ(target_->digest(kGroup).value(), digest());
}

TEST_F(SnapshotTest, Flip_IsThereAfterAFlushAndTellsThatTheLogMayNotKnow) {
  apply_log(10, 100);
  take();
  ASSERT_EQ(install(chunks_), boost::system::error_code());
  ASSERT_TRUE(flush_target());
  target_.reset();
  open_target();
  EXPECT_EQ(target_->groups().front().installed_index, 100u);
  EXPECT_EQ(target_->digest(kGroup).value(), digest());
}

TEST_F(SnapshotTest, Source_IsOneMoment_WhateverIsAppliedMeanwhile) {
  apply_log(11, 200);
  const std::string at_start = digest();
  auto source = engine_->snapshot(kGroup).value();
  meta_ = source->meta();
  chunks_.clear();
  while (auto chunk = source->next(500).value()) {
    chunks_.push_back(*chunk);
    run(put("later" + std::to_string(chunks_.size()), "v"), 100'000'000);
  }
  ASSERT_EQ(install(chunks_), boost::system::error_code());
  EXPECT_EQ(target_->digest(kGroup).value(), at_start);
  EXPECT_NE(digest(), at_start);
}

TEST_F(SnapshotTest, LargeValue_GetsAChunkOfItsOwn) {
  run(put("a", "small"));
  run(put("b", std::string(300'000, 'x')));
  run(put("c", "small"));
  take(1000);
  EXPECT_EQ(chunks_.size(), 3u);
  ASSERT_EQ(install(chunks_), boost::system::error_code());
  EXPECT_EQ(target_->get(kGroup, "b").value()->value.size(), 300'000u);
}

}  // namespace
}  // namespace cairn::kv::test
