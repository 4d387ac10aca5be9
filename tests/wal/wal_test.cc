// What a log promises while nothing goes wrong but the end of a process.
#include "wal/wal.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/wal/log_fixture.h"

namespace cairn::wal::test {
namespace {

namespace errc = boost::system::errc;

using Crash = MemoryFileSystem::Crash;

TEST_F(LogTest, Open_EmptyDirectory_HasNoGroups) {
  EXPECT_TRUE(wal->recovered().empty());
  EXPECT_EQ(segments().size(), 1u);
  EXPECT_EQ(wal->term_at(1, 0), 0u);
  EXPECT_EQ(wal->term_at(1, 1), std::nullopt);
}

TEST_F(LogTest, Commit_Done_SurvivesPowerCut) {
  append(1, 1, 5, "one");
  append(1, 2, 5, "two");
  vote(1, {5, 3, 1});
  configure(1, "a,b,c");
  append(2, 1, 9, "other");
  EXPECT_FALSE(commit_and_run());
  power_cut();
  ASSERT_FALSE(open());
  EXPECT_EQ(entries(1), "1:one 2:two");
  EXPECT_EQ(entries(2), "1:other");
  EXPECT_EQ(found(1)->hard_state, (LogHardState{5, 3, 1}));
  EXPECT_EQ(found(1)->config, "a,b,c");
  EXPECT_EQ(found(1)->last_term, 5u);
  EXPECT_EQ(wal->term_at(1, 2), 5u);
}

TEST_F(LogTest, Look_FindsWhatOpenFinds_AndWritesNothing) {
  for (int i = 0; i < 20; ++i) append(1, std::string(1'000, 'x'));  // several segments
  append(2, 1, 9, "other");
  vote(1, {5, 3, 1});
  configure(1, "a,b,c");
  EXPECT_FALSE(commit_and_run());
  power_cut();
  const auto before = files.image();
  const auto seen = Wal::look(files, "log", options, &detail);
  ASSERT_TRUE(seen) << detail;
  EXPECT_EQ(files.image(), before);
  ASSERT_FALSE(open());
  ASSERT_EQ(seen->size(), wal->recovered().size());
  for (const RecoveredGroup& group : *seen) {
    const auto opened = found(group.group);
    ASSERT_TRUE(opened);
    EXPECT_EQ(group.hard_state, opened->hard_state);
    EXPECT_EQ(group.config, opened->config);
    EXPECT_EQ(group.last_index, opened->last_index);
    EXPECT_EQ(group.last_term, opened->last_term);
  }
  const std::string path = segments().front();
  for (std::uint64_t at = 256; at < files.read_file(path).size(); at += 512)
    files.flip_bit(path, at, 0);
  EXPECT_FALSE(Wal::look(files, "log", options, &detail)) << "rot is no end of the log";
}

TEST_F(LogTest, Commit_NotYetDone_SaysNothing) {
  append(1, "one");
  commit();
  EXPECT_TRUE(answers.empty());
  disk.run_all();
  EXPECT_TRUE(answers.empty());  // durable, but told on the home executor only
  home.run_all();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_FALSE(answers[0]);
}

TEST_F(LogTest, Commit_NothingPending_IsAnsweredLater) {
  commit();
  EXPECT_TRUE(answers.empty());
  run();
  EXPECT_EQ(answers.size(), 1u);
}

TEST_F(LogTest, Commit_WhileBatchUnderWay_GathersIntoOneSync) {
  run();
  append(1, "first");
  commit();
  const auto syncs = files.calls(MemoryFileSystem::Call::kSync);
  const auto writes = files.calls(MemoryFileSystem::Call::kWrite);
  for (int i = 0; i < 10; ++i) {
    append(1, "later" + std::to_string(i));
    append(2, "too");
    commit();
  }
  run();
  EXPECT_EQ(answers.size(), 11u);
  EXPECT_EQ(files.calls(MemoryFileSystem::Call::kSync) - syncs, 2u);
  EXPECT_EQ(files.calls(MemoryFileSystem::Call::kWrite) - writes, 2u);
  EXPECT_EQ(wal->metrics().batches, 2u);
}

TEST_F(LogTest, Append_OverTheLastIndex_CutsTheSuffix) {
  for (const char* data : {"a", "b", "c", "d"}) append(1, data);
  append(1, 2, 7, "B");
  EXPECT_EQ(wal->term_at(1, 2), 7u);
  EXPECT_EQ(wal->term_at(1, 3), std::nullopt);
  EXPECT_FALSE(commit_and_run());
  power_cut();
  ASSERT_FALSE(open());
  EXPECT_EQ(entries(1), "1:a 2:B");
}

TEST_F(LogTest, Append_Gap_IsABrokenInvariant) {
  append(1, "a");
  EXPECT_THROW(wal->append(1, 3, 1, 1, "c"), std::logic_error);
  EXPECT_THROW(wal->append(2, 2, 1, 1, "c"), std::logic_error);
  EXPECT_THROW(wal->append(1, 0, 1, 1, "c"), std::logic_error);
  EXPECT_THROW(wal->append(1, 2, 1, 1, std::string(options.record_bytes_max + 1, 'x')),
               std::logic_error);
}

TEST_F(LogTest, Reset_SnapshotInstalled_BeginsAfterIt) {
  for (const char* data : {"a", "b", "c"}) append(1, data);
  reset(1, 100, 8, "cfg");
  append(1, 101, 9, "next");
  EXPECT_EQ(wal->term_at(1, 100), 8u);
  EXPECT_EQ(wal->term_at(1, 3), std::nullopt);
  EXPECT_FALSE(commit_and_run());
  power_cut();
  ASSERT_FALSE(open());
  EXPECT_EQ(found(1)->start_index, 100u);
  EXPECT_EQ(found(1)->start_term, 8u);
  EXPECT_EQ(found(1)->config, "cfg");
  EXPECT_EQ(entries(1), "101:next");
}

TEST_F(LogTest, Close_CleanStop_ReopensInPlace) {
  append(1, "a");
  EXPECT_FALSE(close());
  const std::string before = newest_segment();
  ASSERT_FALSE(open());
  EXPECT_EQ(newest_segment(), before);  // nothing copied
  EXPECT_EQ(entries(1), "1:a");
  ASSERT_TRUE(consistent());
  append(1, "b");
  EXPECT_FALSE(commit_and_run());
  power_cut();
  ASSERT_FALSE(open());
  EXPECT_EQ(entries(1), "1:a 2:b");
}

TEST_F(LogTest, Close_TwiceInARow_ReopensInPlace) {
  append(1, "a");
  EXPECT_FALSE(close());
  ASSERT_FALSE(open());
  EXPECT_FALSE(close());
  ASSERT_FALSE(open());
  EXPECT_EQ(entries(1), "1:a");
  EXPECT_EQ(segments().size(), 1u);
}

TEST_F(LogTest, Close_ThenCommit_IsRefused) {
  EXPECT_FALSE(close());
  EXPECT_EQ(commit_and_run(), WalError::kClosed);
  EXPECT_THROW(wal->append(1, 1, 1, 1, "a"), std::logic_error);
}

TEST_F(LogTest, Kill_UncleanStop_CopiesIntoANewSegment) {
  append(1, "a");
  EXPECT_FALSE(commit_and_run());
  const std::string before = newest_segment();
  kill();
  ASSERT_FALSE(open());
  EXPECT_NE(newest_segment(), before);
  EXPECT_EQ(segments().size(), 1u);
  EXPECT_EQ(entries(1), "1:a");
}

TEST_F(LogTest, Kill_BytesOnlyInThePageCache_AreDurableOnceOpened) {
  append(1, "acked");
  EXPECT_FALSE(commit_and_run());
  append(1, "cached");
  files.fail(MemoryFileSystem::Call::kSync, 1, EIO);  // written, marked clean, not on disk
  EXPECT_EQ(commit_and_run(), errc::io_error);
  kill();
  ASSERT_FALSE(open());
  EXPECT_EQ(entries(1), "1:acked 2:cached");
  power_cut();
  ASSERT_FALSE(open());
  EXPECT_EQ(entries(1), "1:acked 2:cached");
}

TEST_F(LogTest, Fence_FailedSync_EndsEverythingButReads) {
  append(1, "a");
  EXPECT_FALSE(commit_and_run());
  append(1, "b");
  files.fail(MemoryFileSystem::Call::kSync, 1, EIO);
  commit();
  append(1, "c");
  commit();
  run();
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[1], errc::io_error);
  EXPECT_EQ(answers[2], WalError::kFenced);
  EXPECT_TRUE(wal->fenced());
  EXPECT_TRUE(wal->metrics().fenced);
  const auto changes = files.changes();
  wal->append(1, 4, 1, 1, "d");
  EXPECT_EQ(commit_and_run(), WalError::kFenced);
  EXPECT_EQ(close(), WalError::kFenced);
  EXPECT_EQ(files.changes(), changes);  // that file is not touched again
  EXPECT_EQ(wal->read_now(1, 1, 1, 100)->front().data, "a");
  boost::system::error_code read_error;
  wal->read(1, 2, 2, 100, [&](auto r) { read_error = r.error(); });
  run();
  EXPECT_EQ(read_error, WalError::kFenced);
}

TEST_F(LogTest, Fence_FailedWrite_KeepsWhatWasAcked) {
  append(1, "a");
  EXPECT_FALSE(commit_and_run());
  append(1, std::string(2000, 'b'));
  files.fail(MemoryFileSystem::Call::kWrite, 1, EIO);
  EXPECT_EQ(commit_and_run(), errc::io_error);
  EXPECT_TRUE(wal->fenced());
  power_cut(Crash::kKeepAll);
  ASSERT_FALSE(open());
  EXPECT_EQ(entries(1), "1:a");
}

TEST_F(LogTest, Open_OtherClusterOrNode_IsForeign) {
  append(1, "a");
  EXPECT_FALSE(close());
  vanish();
  const auto before = files.image();
  options.cluster_id += 1;
  EXPECT_EQ(open(), WalError::kForeign);
  options.cluster_id -= 1;
  options.node_id += 1;
  EXPECT_EQ(open(), WalError::kForeign);
  EXPECT_NE(detail.find("log/wal-"), std::string::npos);
  EXPECT_EQ(files.image(), before);
}

TEST_F(LogTest, Open_BadOptions_AreRefused) {
  options.segment_bytes = 100;
  EXPECT_EQ(open(), errc::invalid_argument);
  EXPECT_NE(detail.find("segment_bytes"), std::string::npos);
}

TEST_F(LogTest, Open_LowerRecordLimitThanRecords_RefusesInsteadOfCutting) {
  append(1, std::string(5000, 'x'));
  EXPECT_FALSE(commit_and_run());
  kill();
  options.record_bytes_max = 1000;
  EXPECT_EQ(open(), WalError::kTooLarge);
  options.record_bytes_max = 1 << 20;
  ASSERT_FALSE(open());
  EXPECT_EQ(entries(1), "1:" + std::string(5000, 'x'));
}

TEST_F(LogTest, Read_Ranges_HonourLimits) {
  for (int i = 1; i <= 5; ++i) append(1, std::string(100, static_cast<char>('a' + i)));
  EXPECT_FALSE(commit_and_run());
  trim(1, 2);
  EXPECT_EQ(wal->read_now(1, 2, 5, 1000).error(), errc::result_out_of_range);
  EXPECT_EQ(wal->read_now(1, 6, 6, 1000).error(), errc::result_out_of_range);
  EXPECT_EQ(wal->read_now(1, 3, 99, 1000)->size(), 3u);
  EXPECT_EQ(wal->read_now(1, 3, 5, 200)->size(), 2u);
  EXPECT_EQ(wal->read_now(1, 3, 5, 1)->size(), 1u);  // at least one
}

TEST_F(LogTest, Read_EntriesNotYetDurable_WaitTheirTurn) {
  append(1, "a");
  append(1, "b");
  std::vector<LogEntry> got;
  wal->read(1, 1, 2, 100, [&](auto r) { got = *r; });
  run();  // without any commit
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[1].data, "b");
  EXPECT_EQ(got[1].kind, 1u);
}

TEST_F(LogTest, Read_RottenRecord_IsToldNotReturned) {
  append(1, std::string(100, 'q'));
  EXPECT_FALSE(commit_and_run());
  const std::string bytes = files.read_file(newest_segment());
  files.flip_bit(newest_segment(), bytes.find("qqqq") + 50, 3);
  EXPECT_EQ(wal->read_now(1, 1, 1, 1000).error(), WalError::kCorrupt);
}

TEST_F(LogTest, Overloaded_PendingPastTheLimit_IsTold) {
  options.pending_bytes_max = 4000;
  ASSERT_FALSE(open());
  append(1, std::string(5000, 'x'));
  EXPECT_TRUE(wal->overloaded());
  EXPECT_GT(wal->metrics().pending_bytes, 5000u);
  EXPECT_FALSE(commit_and_run());
  EXPECT_FALSE(wal->overloaded());
  EXPECT_EQ(wal->metrics().pending_bytes, 0u);
}

TEST_F(LogTest, Destroyed_AtAnyMoment_NothingDangles) {
  for (int steps = 0; steps < 8; ++steps) {
    ASSERT_FALSE(open());
    const std::size_t told = answers.size();
    wal->append(7, wal->term_at(7, 1) ? 2 : 1, 1, 1, "x");
    commit();
    wal->read(7, 1, 1, 100, [](const auto&) {});
    for (int i = 0; i < steps; ++i) i % 2 == 0 ? disk.run_one() : home.run_one();
    const std::size_t before = answers.size();
    wal.reset();
    run();  // what is queued runs without its log
    EXPECT_EQ(answers.size(), before);
    EXPECT_LE(told, before);
    files.kill_process();
  }
}

TEST_F(LogTest, Destroyed_InItsOwnCompletion_NothingDangles) {
  append(1, "x");
  wal->commit([this](const Result<void>&) { wal.reset(); });
  wal->commit([](const Result<void>&) { FAIL() << "the log is gone"; });
  run();
  EXPECT_EQ(wal, nullptr);
}

}  // namespace
}  // namespace cairn::wal::test
