// Both file systems, the real one and its twin, keep one contract.
#include "wal/file_system.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "wal/memory_file_system.h"
#include "wal/posix_file_system.h"

namespace cairn::wal::test {
namespace {

namespace errc = boost::system::errc;

class FileSystemTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (!GetParam()) {
      files_ = std::make_unique<MemoryFileSystem>();
      root_ = "root";
      ASSERT_TRUE(files_->create_directories(root_));
      return;
    }
    std::string name = (std::filesystem::temp_directory_path() / "cairn-fs-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    files_ = std::make_unique<PosixFileSystem>();
  }
  void TearDown() override {
    if (GetParam()) std::filesystem::remove_all(root_);
  }

  std::string path(const std::string& name) const { return root_ + "/" + name; }
  std::unique_ptr<File> open(const std::string& name, OpenMode mode = OpenMode::kCreate) {
    auto file = files_->open(path(name), mode);
    EXPECT_TRUE(file) << file.error().message();
    return file ? std::move(*file) : nullptr;
  }
  void write(const std::string& name, std::string_view text) {
    ASSERT_TRUE(open(name, OpenMode::kCreateTruncate)->write_at(0, text));
  }
  static std::string read(const File& file, std::uint64_t offset = 0, std::size_t length = 100) {
    std::string out(length, '?');
    const auto got = file.read_at(offset, {out.data(), out.size()});
    EXPECT_TRUE(got);
    out.resize(got ? *got : 0);
    return out;
  }

  std::unique_ptr<FileSystem> files_;
  std::string root_;
};

TEST_P(FileSystemTest, WriteAndRead_AtOffsets_GapsAreZero) {
  const auto file = open("f");
  EXPECT_TRUE(file->write_at(3, std::string_view("abc")));
  EXPECT_EQ(read(*file), std::string("\0\0\0abc", 6));
  EXPECT_EQ(read(*file, 4, 1), "b");
  EXPECT_EQ(read(*file, 6), "");
  EXPECT_EQ(read(*file, 99), "");
  EXPECT_EQ(file->size().value(), 6u);
  EXPECT_TRUE(file->sync());
  EXPECT_TRUE(file->truncate(4));
  EXPECT_TRUE(file->truncate(5));
  EXPECT_EQ(read(*file), std::string("\0\0\0a\0", 5));
  EXPECT_EQ(files_->file_size(path("f")).value(), 5u);
}

TEST_P(FileSystemTest, Open_Modes_CreateKeepOrEmpty) {
  EXPECT_EQ(files_->open(path("f"), OpenMode::kRead).error(), errc::no_such_file_or_directory);
  EXPECT_EQ(files_->open(path("f"), OpenMode::kReadWrite).error(), errc::no_such_file_or_directory);
  write("f", "hello");
  EXPECT_EQ(read(*open("f", OpenMode::kCreate)), "hello");
  EXPECT_FALSE(open("f", OpenMode::kRead)->write_at(0, std::string_view("x")));
  EXPECT_EQ(read(*open("f", OpenMode::kCreateTruncate)), "");
  EXPECT_FALSE(files_->open(path("no/f"), OpenMode::kCreate));
}

TEST_P(FileSystemTest, Rename_OverAFile_ReplacesIt_OpenHandlesKeepTheirs) {
  write("old", "old bytes");
  write("new", "new bytes");
  const auto handle = open("old", OpenMode::kRead);
  EXPECT_TRUE(files_->rename(path("new"), path("old")));
  EXPECT_EQ(read(*handle), "old bytes");
  EXPECT_EQ(read(*open("old", OpenMode::kRead)), "new bytes");
  EXPECT_FALSE(files_->exists(path("new")).value());
  EXPECT_EQ(files_->rename(path("new"), path("x")).error(), errc::no_such_file_or_directory);
}

TEST_P(FileSystemTest, Remove_OpenFile_StaysReadable) {
  write("f", "still here");
  const auto handle = open("f", OpenMode::kReadWrite);
  EXPECT_TRUE(files_->remove(path("f")));
  EXPECT_FALSE(files_->exists(path("f")).value());
  EXPECT_TRUE(handle->write_at(10, std::string_view("!")));
  EXPECT_EQ(read(*handle), "still here!");
  EXPECT_FALSE(files_->remove(path("f")));
}

TEST_P(FileSystemTest, Directories_AreMadeListedAndRemoved) {
  EXPECT_TRUE(files_->create_directories(path("a/b/c")));
  EXPECT_TRUE(files_->create_directories(path("a/b/c/")));
  write("a/z", "");
  write("a/f", "");
  EXPECT_EQ(files_->list(path("a")).value(), (std::vector<std::string>{"b", "f", "z"}));
  EXPECT_FALSE(files_->remove_directory(path("a/b")));
  EXPECT_TRUE(files_->remove_directory(path("a/b/c")));
  EXPECT_TRUE(files_->remove_directory(path("a/b")));
  EXPECT_TRUE(files_->sync_directory(path("a")));
  EXPECT_FALSE(files_->sync_directory(path("none")));
  EXPECT_FALSE(files_->list(path("none")));
  EXPECT_FALSE(files_->create_directories(path("a/f/x")));
}

TEST_P(FileSystemTest, Lock_HeldTwice_IsRefusedUntilLetGo) {
  auto lock = files_->lock(path("LOCK"));
  ASSERT_TRUE(lock);
  EXPECT_EQ(files_->lock(path("LOCK")).error(), errc::resource_unavailable_try_again);
  lock->reset();
  EXPECT_TRUE(files_->lock(path("LOCK")));
}

INSTANTIATE_TEST_SUITE_P(Both, FileSystemTest, ::testing::Bool(),
                         [](const auto& p) { return p.param ? "Posix" : "Memory"; });

TEST(PosixFileSystem, Modes_ArePrivate_ExistingDirectoryIsTightened) {
  std::string root = (std::filesystem::temp_directory_path() / "cairn-fs-XXXXXX").string();
  ASSERT_NE(::mkdtemp(root.data()), nullptr);
  ASSERT_EQ(::chmod(root.c_str(), 0755), 0);
  PosixFileSystem files;
  const auto mode = [](const std::string& path) {
    struct stat st {};
    EXPECT_EQ(::stat(path.c_str(), &st), 0);
    return st.st_mode & 0777;
  };
  EXPECT_TRUE(files.create_directories(root + "/d"));
  EXPECT_EQ(mode(root), 0755u);  // not ours to change: only the last one is
  EXPECT_TRUE(files.create_directories(root));
  EXPECT_EQ(mode(root), 0700u);
  EXPECT_EQ(mode(root + "/d"), 0700u);
  EXPECT_TRUE(files.open(root + "/f", OpenMode::kCreate));
  EXPECT_EQ(mode(root + "/f"), 0600u);
  std::filesystem::remove_all(root);
}

// --- the twin's own powers
// ------------------------------------------------------------------------

using Crash = MemoryFileSystem::Crash;
using Call = MemoryFileSystem::Call;

std::unique_ptr<File> create(MemoryFileSystem& files, const std::string& path) {
  return std::move(files.open(path, OpenMode::kCreate).value());
}

TEST(MemoryFileSystem, Crash_SyncedBytesAndNames_AreKept) {
  MemoryFileSystem files;
  const auto file = create(files, "f");
  EXPECT_TRUE(file->write_at(0, std::string_view("synced")));
  EXPECT_TRUE(file->sync());
  EXPECT_TRUE(files.sync_directory(""));
  EXPECT_TRUE(file->write_at(0, std::string_view("SYNCED and more")));
  EXPECT_TRUE(create(files, "unnamed")->sync());
  files.crash(Crash::kLoseUnsynced);
  EXPECT_EQ(files.read_file("f"), "synced");
  EXPECT_FALSE(files.exists("unnamed").value());
  char c = 0;
  EXPECT_EQ(file->read_at(0, {&c, 1}).error(), errc::io_error);  // a dead handle
}

TEST(MemoryFileSystem, Crash_Random_KeepsAnySubsetOfSectors) {
  bool seen[4] = {};
  for (std::uint64_t seed = 0; seed < 64; ++seed) {
    MemoryFileSystem files;
    const auto file = create(files, "f");
    EXPECT_TRUE(file->write_at(0, std::string(1024, 'o')));
    EXPECT_TRUE(file->sync());
    EXPECT_TRUE(files.sync_directory(""));
    EXPECT_TRUE(file->write_at(0, std::string(1024, 'n')));
    files.crash(Crash::kRandom, seed);
    const std::string left = files.read_file("f");
    for (const std::size_t half : {0u, 512u}) {
      EXPECT_EQ(left.substr(half, 512), std::string(512, left[half]));
    }
    seen[(left[0] == 'n' ? 1 : 0) + (left[512] == 'n' ? 2 : 0)] = true;
  }
  for (const bool outcome : seen) EXPECT_TRUE(outcome);
}

TEST(MemoryFileSystem, Crash_Rename_IsOldOrNewNeverNeither) {
  bool seen[2] = {};
  for (std::uint64_t seed = 0; seed < 32; ++seed) {
    MemoryFileSystem files;
    EXPECT_TRUE(create(files, "CURRENT")->write_at(0, std::string_view("1")));
    EXPECT_TRUE(create(files, "tmp")->write_at(0, std::string_view("2")));
    files.load(files.image());  // all durable
    EXPECT_TRUE(files.rename("tmp", "CURRENT"));
    files.crash(Crash::kRandom, seed);
    const std::string left = files.read_file("CURRENT");
    EXPECT_EQ(files.exists("tmp").value(), left == "1");
    seen[left == "2"] = true;
  }
  EXPECT_TRUE(seen[0] && seen[1]);
}

TEST(MemoryFileSystem, FailedSync_DropsPagesAndCallsThemClean) {
  MemoryFileSystem files;
  const auto file = create(files, "f");
  EXPECT_TRUE(files.sync_directory(""));
  EXPECT_TRUE(file->write_at(0, std::string_view("lost")));
  files.fail(Call::kSync, 1, EIO);
  EXPECT_EQ(file->sync().error(), errc::io_error);
  EXPECT_TRUE(file->sync());  // the lie
  EXPECT_EQ(files.read_file("f"), "lost");
  files.crash(Crash::kKeepAll);
  EXPECT_EQ(files.read_file("f"), std::string(4, '\0'));
}

TEST(MemoryFileSystem, Faults_KthCall_OnceOrSticky) {
  MemoryFileSystem files;
  const auto file = create(files, "f");
  files.fail(Call::kWrite, 2, EDQUOT);
  EXPECT_TRUE(file->write_at(0, std::string_view("a")));
  EXPECT_FALSE(file->write_at(0, std::string_view("b")));
  EXPECT_TRUE(file->write_at(0, std::string_view("c")));
  files.fail_changes(1, EIO);
  EXPECT_FALSE(file->sync());
  EXPECT_FALSE(files.remove("f"));
  EXPECT_TRUE(files.exists("f").value());  // looking is not changing
  files.clear_faults();
  EXPECT_TRUE(files.remove("f"));
  EXPECT_EQ(files.calls(Call::kWrite), 3u);
}

TEST(MemoryFileSystem, Capacity_IsADiskThatFillsUp) {
  MemoryFileSystem files;
  files.set_capacity(10);
  const auto file = create(files, "f");
  EXPECT_TRUE(file->write_at(0, std::string_view("12345678")));
  EXPECT_EQ(file->write_at(8, std::string_view("9012")).error(), errc::no_space_on_device);
  EXPECT_EQ(files.used_bytes(), 10u);  // what fits is there
  EXPECT_TRUE(file->write_at(0, std::string_view("over")));
  EXPECT_TRUE(files.remove("f"));
  EXPECT_TRUE(create(files, "g")->write_at(0, std::string_view("1234567890")));
}

TEST(MemoryFileSystem, SameSeed_SameDisk) {
  const auto run = [](std::uint64_t seed) {
    MemoryFileSystem files;
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(create(files, "f" + std::to_string(i))->write_at(0, std::string(3000, 'x')));
    }
    files.crash(Crash::kRandomTorn, seed);
    return files.image();
  };
  EXPECT_EQ(run(5), run(5));
  EXPECT_NE(run(5), run(6));
}

}  // namespace
}  // namespace cairn::wal::test
