// The scrub believes what it sees twice: in passing, and while no table is being written.
#include "kv/node/scrubber.h"

#include <gtest/gtest.h>
#include <leveldb/env.h>
#include <leveldb/table_builder.h>

#include <functional>
#include <string>
#include <vector>

#include "wal/memory_file_system.h"

namespace cairn::kv {
namespace {

class ToString final : public leveldb::WritableFile {
 public:
  leveldb::Status Append(const leveldb::Slice& bytes) override {
    text.append(bytes.data(), bytes.size());
    return {};
  }
  leveldb::Status Close() override { return {}; }
  leveldb::Status Flush() override { return {}; }
  leveldb::Status Sync() override { return {}; }
  std::string text;
};

std::string table() {
  ToString file;
  leveldb::Options options;
  options.compression = leveldb::kNoCompression;
  leveldb::TableBuilder builder(options, &file);
  for (int i = 100; i < 400; ++i) builder.Add("key" + std::to_string(i), std::string(100, 'v'));
  EXPECT_TRUE(builder.Finish().ok());
  return file.text;
}

class ScrubberTest : public ::testing::Test, private ScrubHost {
 protected:
  ScrubberTest() { EXPECT_TRUE(disk.create_directories("engine")); }

  void write(const std::string& bytes) {
    auto file = disk.open("engine/000005.ldb", wal::OpenMode::kCreate);
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->write_at(0, bytes));
  }
  void pass() {
    for (int i = 0; i < 100 && scrubber.counters().passes == 0; ++i)
      scrubber.tick(now += std::chrono::milliseconds{200});
    ASSERT_EQ(scrubber.counters().passes, 1u);
  }

  wal::MemoryFileSystem disk;
  std::function<void()> writer_ends = [] {};  // the table under way, once the scrub has its turn
  std::vector<std::string> found;
  int second_looks = 0;

 private:
  std::vector<Stretch> log_stretches() const override { return {}; }
  void read_log_again(raft::GroupId, raft::Index, raft::Index, std::size_t,
                      wal::Wal::ReadDone) override {
    ADD_FAILURE() << "there is no log";
  }
  void on_scrub(std::function<void()> work, std::function<void()> done) override {
    work();
    done();
  }
  void between_tables(std::function<void()> work, std::function<void()> done) override {
    ++second_looks;
    writer_ends();
    work();
    done();
  }
  void scrub_found(const std::string& what) override { found.push_back(what); }

 protected:
  Scrubber scrubber{*this, disk, "engine", 10u << 20};
  std::chrono::microseconds now{1};
};

TEST_F(ScrubberTest, WholeTable_NothingIsFound_AtOneLook) {
  write(table());
  pass();
  EXPECT_TRUE(found.empty()) << found.front();
  EXPECT_EQ(second_looks, 0);
  EXPECT_GE(scrubber.counters().bytes, table().size());
}

TEST_F(ScrubberTest, TableThatIsBeingWritten_IsNoFind) {
  const std::string whole = table();
  write(whole.substr(0, whole.size() / 2));
  writer_ends = [&] { write(whole); };
  pass();
  EXPECT_EQ(second_looks, 1);
  EXPECT_TRUE(found.empty()) << found.front();
  EXPECT_EQ(scrubber.counters().finds, 0u);
}

TEST_F(ScrubberTest, TableThatIsRemovedMeanwhile_IsNoFind) {
  write(table().substr(0, 1000));
  writer_ends = [&] { ASSERT_TRUE(disk.remove("engine/000005.ldb")); };
  pass();
  EXPECT_EQ(second_looks, 1);
  EXPECT_TRUE(found.empty());
}

TEST_F(ScrubberTest, FlippedBit_IsFound_WithFileAndOffset) {
  write(table());
  disk.flip_bit("engine/000005.ldb", 700, 2);
  pass();
  EXPECT_EQ(second_looks, 1);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NE(found.front().find("engine/000005.ldb at 0: "), std::string::npos) << found.front();
  EXPECT_EQ(scrubber.counters().finds, 1u);
}

}  // namespace
}  // namespace cairn::kv
