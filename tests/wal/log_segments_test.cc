// Segments come and go: rotation, spares, recycling, copying forward, a full disk.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/wal/log_fixture.h"

namespace cairn::wal::test {
namespace {

namespace errc = boost::system::errc;
using Call = MemoryFileSystem::Call;

class LogSegments : public LogTest {
 protected:
  LogSegments() {
    options.segment_bytes = 4096;
    options.total_bytes_max = 1 << 20;
  }
  std::string block(char c, std::size_t size = 1000) { return std::string(size, c); }
  std::size_t files_named(const std::string& prefix) {
    const auto all = files.image().files;
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](const auto& f) {
      return f.first.starts_with("log/" + prefix);
    }));
  }
  void fill(GroupId group, int count) {
    for (int i = 0; i < count; ++i) {
      append(group, block(static_cast<char>('a' + i % 26)));
      ASSERT_FALSE(commit_and_run());
    }
  }
  void survive_power_cut() {
    power_cut();
    ASSERT_FALSE(open()) << detail;
    ASSERT_TRUE(consistent());
  }
};

TEST_F(LogSegments, Rotation_ManyEntries_AllAreFoundAgain) {
  fill(1, 20);
  EXPECT_GT(segments().size(), 5u);
  EXPECT_EQ(wal->metrics().segments, segments().size());
  EXPECT_EQ(wal->read_now(1, 1, 20, 1 << 20)->size(), 20u);
  survive_power_cut();
  EXPECT_EQ(found(1)->last_index, 20u);
}

TEST_F(LogSegments, Rotation_InsideABatchBeingGathered_KeepsOrder) {
  for (int i = 0; i < 30; ++i) append(1 + i % 3, block('q', 500));
  commit();
  EXPECT_FALSE(commit_and_run());
  survive_power_cut();
}

TEST_F(LogSegments, Record_LargerThanASegment_GetsASegmentOfItsSize) {
  append(1, block('x', 50000));
  append(1, "after");
  EXPECT_FALSE(commit_and_run());
  EXPECT_EQ(wal->read_now(1, 1, 1, 1)->front().data, block('x', 50000));
  survive_power_cut();
  EXPECT_EQ(found(1)->last_index, 2u);
  fill(1, 8);
  trim(1, 9);
  run();
  fill(1, 1);
  EXPECT_EQ(files_named("spare-"), 1u);  // of the ordinary size; the large one was removed
  survive_power_cut();
}

TEST_F(LogSegments, Spare_PreparedBeforehand_RotationWritesNoZeros) {
  run();
  ASSERT_EQ(files_named("spare-"), 1u);
  append(1, block('a', 3000));
  ASSERT_FALSE(commit_and_run());
  append(1, block('b', 3000));
  commit();
  const auto writes = files.calls(Call::kWrite);
  disk.run_one();
  EXPECT_EQ(files.calls(Call::kWrite) - writes, 2u);  // birth and batch
  EXPECT_EQ(files_named("spare-"), 0u);
  run();
  EXPECT_EQ(files_named("spare-"), 1u);
}

TEST_F(LogSegments, Trim_OldSegments_AreRecycledWithoutZeroing) {
  fill(1, 12);
  const auto before = segments();
  trim(1, 11);
  run();
  EXPECT_LE(segments().size(), 2u);
  EXPECT_EQ(files_named("spare-"), 1u);
  fill(1, 3);
  EXPECT_EQ(wal->term_at(1, 11), 1u);
  EXPECT_EQ(wal->term_at(1, 10), std::nullopt);
  survive_power_cut();
  EXPECT_EQ(found(1)->start_index, 11u);
}

TEST_F(LogSegments, Trim_IsNotForgottenOnceSegmentsWent) {
  fill(1, 12);
  trim(1, 11);
  run();
  power_cut();
  ASSERT_FALSE(open()) << detail;
  EXPECT_EQ(found(1)->start_index, 11u);
  EXPECT_EQ(found(1)->start_term, 1u);
}

TEST_F(LogSegments, IdleGroup_PinsNothing) {
  vote(7, {3, 2, 0});
  configure(7, "idle");
  reset(8, 40, 2, "snapshot only");
  fill(1, 15);
  trim(1, 14);
  run();
  EXPECT_LE(segments().size(), 2u);
  survive_power_cut();
  EXPECT_EQ(found(7)->hard_state, (LogHardState{3, 2, 0}));
  EXPECT_EQ(found(8)->start_index, 40u);
}

TEST_F(LogSegments, SlowGroup_PastTheLimit_IsCopiedForward) {
  options.total_bytes_max = 8 * 4096;
  ASSERT_FALSE(open());
  append(2, "slow one");
  append(2, "slow two");
  for (int i = 0; i < 80; ++i) {
    append(1, block('z'));
    ASSERT_FALSE(commit_and_run());
    if (i > 2) trim(1, model.group(1).last() - 2);
    run();
  }
  EXPECT_LE(segments().size(), 9u);
  EXPECT_EQ(wal->read_now(2, 1, 2, 100)->at(1).data, "slow two");
  survive_power_cut();
  EXPECT_EQ(entries(2), "1:slow one 2:slow two");
  append(2, 2, 9, "cut after all");
  ASSERT_FALSE(commit_and_run());
  survive_power_cut();
}

TEST_F(LogSegments, LiveEntriesPastTheLimit_AreNotCopiedInCircles) {
  options.total_bytes_max = 4 * 4096;
  ASSERT_FALSE(open());
  fill(1, 30);  // nothing is trimmed: the host has to act, the log grows
  EXPECT_LT(wal->metrics().bytes, 30u * 1200 + 4096 * 4);
  EXPECT_GT(wal->live_bytes(1), 30u * 1000);
  survive_power_cut();
}

TEST_F(LogSegments, RottenEntry_WhileCopyingForward_StopsTheCopyOnly) {
  options.total_bytes_max = 6 * 4096;
  ASSERT_FALSE(open());
  append(2, block('r', 100));
  ASSERT_FALSE(commit_and_run());
  const std::string first = segments().front();
  files.flip_bit(first, files.read_file(first).find("rrrr") + 20, 1);
  for (int i = 0; i < 40; ++i) {
    append(1, block('z'));
    ASSERT_FALSE(commit_and_run());
    trim(1, model.group(1).last());
    run();
  }
  EXPECT_FALSE(wal->fenced());
  EXPECT_EQ(segments().front(), first);
  EXPECT_EQ(wal->read_now(2, 1, 1, 100).error(), WalError::kCorrupt);
}

TEST_F(LogSegments, Superseded_EntriesFreeTheirSegment_OnceTheNewAreDurable) {
  fill(1, 6);
  const std::string first = segments().front();
  append(1, 1, 2, "all anew");
  EXPECT_TRUE(files.exists(first).value());
  commit();
  run();
  EXPECT_FALSE(files.exists(first).value());
  survive_power_cut();
  EXPECT_EQ(entries(1), "1:all anew");
}

TEST_F(LogSegments, DiskFull_NoRoomForASegment_RefusesAndHeals) {
  options.spare_segments = 0;
  ASSERT_FALSE(open());
  append(1, block('a', 3000));
  ASSERT_FALSE(commit_and_run());
  files.set_capacity(files.used_bytes() + 100);
  append(1, block('b', 3000));
  vote(1, {2, 2, 1});
  EXPECT_EQ(commit_and_run(), errc::no_space_on_device);
  EXPECT_FALSE(wal->fenced());
  append(1, "c");
  EXPECT_EQ(commit_and_run(), errc::no_space_on_device);
  EXPECT_EQ(wal->read_now(1, 1, 1, 10)->front().data, block('a', 3000));
  EXPECT_EQ(wal->read_now(1, 2, 2, 10).error(), errc::operation_in_progress);
  files.set_capacity(0);
  EXPECT_FALSE(commit_and_run());  // all that was refused is durable with it
  EXPECT_EQ(wal->read_now(1, 2, 3, 10000)->size(), 2u);
  survive_power_cut();
  EXPECT_EQ(found(1)->last_index, 3u);
  EXPECT_EQ(found(1)->hard_state, (LogHardState{2, 2, 1}));
}

TEST_F(LogSegments, DiskFull_PowerCutWhileRefusing_LosesNothingAcked) {
  options.spare_segments = 0;
  ASSERT_FALSE(open());
  append(1, block('a', 3000));
  ASSERT_FALSE(commit_and_run());
  files.set_capacity(files.used_bytes() + 100);
  append(1, block('b', 3000));
  EXPECT_EQ(commit_and_run(), errc::no_space_on_device);
  power_cut(MemoryFileSystem::Crash::kRandom, 3);
  files.set_capacity(0);
  ASSERT_FALSE(open()) << detail;
  ASSERT_TRUE(consistent());
}

TEST_F(LogSegments, DiskFull_TrimmedSegments_GiveTheRoom) {
  options.spare_segments = 1;
  ASSERT_FALSE(open());
  fill(1, 8);
  files.set_capacity(files.used_bytes());
  for (int i = 0; i < 40; ++i) {
    append(1, block('m'));
    ASSERT_FALSE(commit_and_run()) << i;
    trim(1, model.group(1).last() - 1);
    run();
  }
  survive_power_cut();
}

TEST_F(LogSegments, GivenUpSegments_ComeBackAfterAPowerCut_AreIgnored) {
  fill(1, 12);
  const auto old = files.image();
  trim(1, 11);
  run();
  vanish();
  auto mixed = files.image();
  for (const auto& [path, bytes] : old.files) {
    if (path.starts_with("log/wal-") && path != segments().back()) mixed.files.emplace(path, bytes);
  }
  files.load(mixed);
  ASSERT_FALSE(open()) << detail;
  ASSERT_TRUE(consistent());
  EXPECT_EQ(found(1)->start_index, 11u);
}

TEST_F(LogSegments, ReadUnderWay_WhenItsSegmentGoes_StillAnswers) {
  fill(1, 12);
  std::vector<LogEntry> got;
  wal->read(1, 1, 2, 10000, [&](auto r) { got = *r; });
  trim(1, 11);
  append(1, "x");
  commit();
  run();
  fill(1, 6);
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0].data, block('a'));
}

TEST_F(LogSegments, ResetToAnEarlierIndex_WhileATrimIsOnItsWay_KeepsTheNewEntries) {
  fill(1, 3);
  trim(1, 2);
  append(1, block('t', 3500));  // begins a segment, whose checkpoint knows of the trim
  reset(1, 0, 0, "again");
  for (const char* data : {"n1", "n2", "n3"}) append(1, data);
  ASSERT_FALSE(commit_and_run());
  EXPECT_EQ(wal->read_now(1, 1, 3, 100)->size(), 3u);
  survive_power_cut();
  EXPECT_EQ(entries(1), "1:n1 2:n2 3:n3");
}

TEST_F(LogSegments, SyncTimes_ComeFromTheGivenClock) {
  std::uint64_t now = 0;
  options.now_us = [&now] { return now += 70; };
  ASSERT_FALSE(open());
  fill(1, 1);
  EXPECT_EQ(wal->metrics().last_sync_us, 70u);
}

}  // namespace
}  // namespace cairn::wal::test
