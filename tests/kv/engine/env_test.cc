// LevelDB's world, looked at from LevelDB's side.
#include "kv/engine/leveldb_env.h"

#include <gtest/gtest.h>

#include <memory>

#include "wal/manual_executor.h"
#include "wal/memory_file_system.h"

namespace cairn::kv::test {
namespace {

using Disk = wal::MemoryFileSystem;

class EnvTest : public ::testing::Test {
 protected:
  EnvTest() {
    (void)disk_.create_directories("d");
    (void)disk_.sync_directory(".");
  }

  leveldb::Status write(const std::string& name, const std::string& bytes, bool sync) {
    leveldb::WritableFile* raw = nullptr;
    leveldb::Status s = env_.NewWritableFile("d/" + name, &raw);
    if (!s.ok()) return s;
    const std::unique_ptr<leveldb::WritableFile> file(raw);
    s = file->Append(bytes);
    if (s.ok() && sync) s = file->Sync();
    return s.ok() ? file->Close() : s;
  }

  std::string read(const std::string& name) {
    std::string out;
    EXPECT_TRUE(leveldb::ReadFileToString(&env_, "d/" + name, &out).ok());
    return out;
  }

  bool durable(const std::string& name) {
    return disk_.durable_image().files.contains("d/" + name);
  }

  Disk disk_;
  LevelDbEnv env_{disk_, "d", nullptr, [] {}};
};

TEST_F(EnvTest, Logs_AreNeverWritten_AndReadAsEmpty) {
  ASSERT_TRUE(write("000003.log", "much", true).ok());
  EXPECT_TRUE(disk_.image().files.empty());
  EXPECT_EQ(read("000003.log"), "");
}

TEST_F(EnvTest, Logs_AreListedUntilLevelDbRemovesThem) {
  ASSERT_TRUE(write("000003.log", "", false).ok());
  EXPECT_FALSE(env_.flushing());
  ASSERT_TRUE(write("1000007.log", "", false).ok());
  std::vector<std::string> names;
  ASSERT_TRUE(env_.GetChildren("d", &names).ok());
  EXPECT_EQ(names, (std::vector<std::string>{"000003.log", "1000007.log"}));
  EXPECT_TRUE(env_.flushing());
  EXPECT_EQ(env_.newest_log(), 1000007u);
  ASSERT_TRUE(env_.RemoveFile("d/000003.log").ok());
  EXPECT_FALSE(env_.log_live(3));
  EXPECT_FALSE(env_.flushing());
}

TEST_F(EnvTest, Files_OfAnySize_ReadBackAsWritten) {
  for (const std::size_t size : {0u, 1u, 65'535u, 65'536u, 65'537u, 300'000u}) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31);
    ASSERT_TRUE(write("f", bytes, true).ok());
    ASSERT_TRUE(read("f") == bytes) << size;
  }
}

TEST_F(EnvTest, Manifest_IsSyncedAfterTheNamesItRefersTo) {
  ASSERT_TRUE(write("000005.ldb", "table", true).ok());
  EXPECT_FALSE(durable("000005.ldb")) << "its name is not promised yet";
  ASSERT_TRUE(write("MANIFEST-000002", "names 5", true).ok());
  EXPECT_TRUE(durable("000005.ldb"));
  EXPECT_TRUE(durable("MANIFEST-000002"));
}

TEST_F(EnvTest, Rename_IsDurableWhenItReturns) {
  ASSERT_TRUE(write("000002.dbtmp", "MANIFEST-000002\n", true).ok());
  ASSERT_TRUE(env_.RenameFile("d/000002.dbtmp", "d/CURRENT").ok());
  EXPECT_TRUE(durable("CURRENT"));
  EXPECT_FALSE(durable("000002.dbtmp"));
}

TEST_F(EnvTest, AfterAFailure_NothingIsChangedAnyMore) {
  ASSERT_TRUE(write("a", "1", true).ok());
  disk_.fail(Disk::Call::kSync, 1, 5);
  EXPECT_TRUE(write("MANIFEST-000002", "x", true).IsIOError());
  EXPECT_TRUE(env_.health().broken());
  EXPECT_NE(env_.health().failure().find("MANIFEST-000002"), std::string::npos);
  const auto changes = disk_.changes();
  EXPECT_FALSE(write("b", "2", true).ok());
  EXPECT_FALSE(env_.RemoveFile("d/a").ok());
  EXPECT_FALSE(env_.RenameFile("d/a", "d/b").ok());
  EXPECT_EQ(disk_.changes(), changes);
  EXPECT_EQ(read("a"), "1");
}

TEST_F(EnvTest, FileExists_ThatCannotTell_MakesNoNewDatabasePossible) {
  disk_.fail(Disk::Call::kLook, 1, 5);
  EXPECT_FALSE(env_.FileExists("d/CURRENT"));
  EXPECT_FALSE(write("MANIFEST-000001", "new", true).ok());
}

TEST_F(EnvTest, MissingTable_IsCorruptionNotAbsence) {
  leveldb::RandomAccessFile* file = nullptr;
  EXPECT_TRUE(env_.NewRandomAccessFile("d/000009.ldb", &file).IsCorruption());
  leveldb::SequentialFile* sequential = nullptr;
  EXPECT_TRUE(env_.NewSequentialFile("d/CURRENT", &sequential).IsNotFound());
}

TEST_F(EnvTest, Lock_IsExclusiveUntilUnlocked) {
  leveldb::FileLock* lock = nullptr;
  leveldb::FileLock* second = nullptr;
  ASSERT_TRUE(env_.LockFile("d/LOCK", &lock).ok());
  EXPECT_FALSE(env_.LockFile("d/LOCK", &second).ok());
  ASSERT_TRUE(env_.UnlockFile(lock).ok());
  ASSERT_TRUE(env_.LockFile("d/LOCK", &lock).ok());
  ASSERT_TRUE(env_.UnlockFile(lock).ok());
}

TEST_F(EnvTest, Schedule_WithoutAnExecutor_RunsOnlyWhenDrained) {
  int ran = 0;
  env_.Schedule([](void* n) { ++*static_cast<int*>(n); }, &ran);
  EXPECT_EQ(ran, 0);
  EXPECT_FALSE(env_.idle());
  env_.drain();
  EXPECT_EQ(ran, 1);
  EXPECT_TRUE(env_.idle());
}

TEST_F(EnvTest, Sleep_WithoutAnExecutor_DoesTheWorkInstead) {
  int ran = 0;
  env_.Schedule([](void* n) { ++*static_cast<int*>(n); }, &ran);
  env_.SleepForMicroseconds(1000);
  EXPECT_EQ(ran, 1);
}

TEST_F(EnvTest, Schedule_OnAnExecutor_IsPostedAndToldWhenItEnds) {
  wal::ManualExecutor executor;
  int ended = 0;
  LevelDbEnv env(disk_, "d", &executor, [&] { ++ended; });
  int ran = 0;
  env.Schedule([](void* n) { ++*static_cast<int*>(n); }, &ran);
  env.drain();
  EXPECT_EQ(ran, 0);
  executor.run_all();
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(ended, 1);
  EXPECT_TRUE(env.idle());
}

TEST_F(EnvTest, Time_IsACounter) {
  const auto first = env_.NowMicros();
  EXPECT_EQ(env_.NowMicros(), first + 1);
}

}  // namespace
}  // namespace cairn::kv::test
