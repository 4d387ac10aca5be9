// What earlier versions wrote stays readable, byte for byte as they left it; what a later one wrote
// is refused with a line that says so. golden/ is written by tests/fuzz/make_corpus.cc when a
// format gets a new version, and then kept beside the old ones.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "kv/engine/hash.h"
#include "kv/offline/restore.h"
#include "kv/offline/verify.h"
#include "kv/offline/wal_dump.h"
#include "tests/kv/offline/disk_tools.h"

namespace cairn::kv::sim {
namespace {

namespace fs = std::filesystem;
using Image = wal::MemoryFileSystem::Image;

std::string file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The golden node's directory, format versions 1.
Image golden_node() {
  Image image;
  image.directories = {"node", "node/engine", "node/wal"};
  const fs::path root = CAIRN_GOLDEN;
  for (const auto& entry : fs::recursive_directory_iterator(root / "node")) {
    if (!entry.is_regular_file()) continue;
    image.files[fs::relative(entry.path(), root).generic_string()] = file(entry.path());
  }
  return image;
}

const std::map<std::string, std::string> kGoldenItems{{"key0", "value 0"},
                                                      {"key1", "value 1"},
                                                      {"key2", "value 2"},
                                                      {"key4", "value 4"},
                                                      {"once", "1"}};

void expect_golden(Story& story) {
  std::map<std::string, std::string> found;
  for (const auto& [key, item] : all_items(story, 1)) found[key] = item.value;
  EXPECT_EQ(found, kGoldenItems);
}

TEST(Golden, DirectoryOfVersion1_IsWholeAndStarts) {
  Story story(1, 1);
  story.world.disk(1).load(golden_node());
  const auto report = verify_directory(story.world.disk(1), "node");
  ASSERT_TRUE(report) << report.error().message();
  for (const Finding& f : report->findings) ADD_FAILURE() << f.file << ' ' << f.what;
  ASSERT_TRUE(story.up());
  expect_golden(story);
  EXPECT_TRUE(story.put(1, "goes on", "v"));
}

TEST(Golden, BackupOfVersion1_IsRestored) {
  Story story(2, 1);
  wal::MemoryFileSystem& disk = story.world.disk(1);
  const std::string bytes = file(fs::path(CAIRN_GOLDEN) / "backup");
  auto backup = disk.open("backup", wal::OpenMode::kCreateTruncate);
  ASSERT_TRUE((*backup)->write_at(0, bytes));
  RestoreOptions options;
  options.backup = "backup";
  options.data_dir = "node";
  std::uint64_t chance = 1;
  const auto restored = restore_backup(
      disk, options, [&] { return ++chance; }, nullptr);
  ASSERT_TRUE(restored) << restored.error().message();
  ASSERT_TRUE(story.up());
  expect_golden(story);
}

TEST(Golden, LogOfVersion1_IsDumped) {
  wal::MemoryFileSystem disk;
  disk.load(golden_node());
  int entries = 0;
  ASSERT_TRUE(dump_wal(disk, "node", [&](const WalLine& line) {
    entries += line.kind == "entry";
    EXPECT_NE(line.kind, "bad") << line.note;
    EXPECT_EQ(line.note.find("does not decode"), std::string::npos);
  }));
  EXPECT_GE(entries, 8);
}

void set64(std::string& bytes, std::size_t at, std::uint64_t value) {
  for (std::size_t i = 0; i < 8; ++i) bytes[at + i] = static_cast<char>(value >> (8 * i));
}

/// Starts from the image; the error must be one of version.
void expect_newer(const Image& image) {
  Story story(3, 1);
  story.world.disk(1).load(image);
  const Image before = story.world.disk(1).image();
  const auto started = story.world.start(1);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::kNewerFormat) << started.error().message();
  EXPECT_NE(started.error().message().find("newer"), std::string::npos)
      << started.error().message();
  const auto report = verify_directory(story.world.disk(1), "node");
  ASSERT_TRUE(report);
  ASSERT_FALSE(report->findings.empty());
  EXPECT_NE(report->findings.front().advice.find("version"), std::string::npos);
}

TEST(Golden, NewerLog_IsRefusedAndSaysSo) {
  Image image = golden_node();
  std::string& segment = image.files.at("node/wal/wal-0000000000000001");
  segment[8] = 2;
  set64(segment, 120, hash64(std::string_view(segment).substr(0, 120)));
  expect_newer(image);
}

TEST(Golden, NewerIdentity_IsRefusedAndSaysSo) {
  Image image = golden_node();
  std::string& identity = image.files.at("node/identity");
  identity[10] = 2;
  const std::string_view all = identity;
  set64(identity, 24, hash64(all.substr(32), hash64(all.substr(0, 24))));
  expect_newer(image);
}

}  // namespace
}  // namespace cairn::kv::sim
