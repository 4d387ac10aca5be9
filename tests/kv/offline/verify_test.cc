// A stopped node's directory is whole, or it is said what is wrong with it, and nothing in it is
// ever changed.
#include "kv/offline/verify.h"

#include "kv/offline/wal_dump.h"
#include "tests/kv/offline/disk_tools.h"

namespace cairn::kv::sim {
namespace {

using Image = wal::MemoryFileSystem::Image;

/// The directory of a node that has lived: several tables, a log, one key removed.
Image lived_in(CrashKind end) {
  Story story(31, 1, [](Options& o) {
    o.partitions = 2;
    o.segment_bytes = 64u << 10;
  });
  EXPECT_TRUE(story.up());
  for (int life = 0; life < 2; ++life) {
    for (int i = 0; i < 12; ++i) {
      EXPECT_TRUE(story.put(1, "k" + std::to_string(i), "life " + std::to_string(life)));
    }
    EXPECT_TRUE(story.world.stop(1));
    EXPECT_TRUE(story.up());
  }
  EXPECT_TRUE(story.put(1, "last", "v"));
  if (end == CrashKind::kProcess) {
    EXPECT_TRUE(story.world.stop(1));
  } else {
    story.world.crash(1, end);
  }
  return story.world.disk(1).image();
}

TEST(Verify, SoundDirectory_IsFoundSoundAndLeftAsItWas) {
  for (const CrashKind end : {CrashKind::kProcess, CrashKind::kPowerTorn}) {
    const Image image = lived_in(end);
    wal::MemoryFileSystem disk;
    disk.load(image);
    const auto report = verify_directory(disk, "node");
    ASSERT_TRUE(report) << report.error().message();
    for (const Finding& f : report->findings) ADD_FAILURE() << f.file << ' ' << f.what;
    EXPECT_GT(report->tables, 0u);
    EXPECT_EQ(report->groups.size(), 3u);
    Image after = disk.image();
    after.files.erase("node/LOCK");
    Image before = image;
    before.files.erase("node/LOCK");
    EXPECT_TRUE(after == before);
  }
}

TEST(Verify, RunningNode_IsLeftAlone) {
  Story story(32, 1);
  ASSERT_TRUE(story.up());
  const auto report = verify_directory(story.world.disk(1), "node");
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Errc::kLocked);
}

TEST(Verify, NoDataDirectory_IsSaid) {
  wal::MemoryFileSystem disk;
  ASSERT_TRUE(disk.create_directories("empty"));
  const auto report = verify_directory(disk, "empty");
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Errc::kForeign);
}

std::string state_of(const DirectoryReport& report) {
  std::string all;
  for (const VerifiedGroup& g : report.groups) {
    all += std::to_string(g.applied) + ' ' + g.digest + ' ' + std::to_string(g.last) + '\n';
  }
  return all;
}

bool found(const Image& image, const std::string& path, std::size_t at, std::string* where) {
  wal::MemoryFileSystem disk;
  disk.load(image);
  disk.flip_bit(path, at, at % 8);
  const auto report = verify_directory(disk, "node");
  if (!report) return true;  // not even the identity can be read
  for (const Finding& f : report->findings) *where += f.file + ' ' + f.what + "; ";
  return !report->findings.empty();
}

TEST(Verify, EveryByteOfATableOrIdentityFlipped_IsFoundAndNamed) {
  const Image image = lived_in(CrashKind::kProcess);
  int tables = 0;
  for (const auto& [path, bytes] : image.files) {
    const bool table = path.ends_with(".ldb");
    if (!table && path != "node/identity") continue;
    tables += table;
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      std::string where;
      ASSERT_TRUE(found(image, path, at, &where)) << path << " at " << at;
      ASSERT_NE(where.find(path), std::string::npos) << path << " at " << at << ": " << where;
    }
  }
  EXPECT_GT(tables, 0);
}

/// The content of the log: what lies before its end, without the segment's unused rest.
std::size_t content_bytes(const Image& image, const std::string& path) {
  wal::MemoryFileSystem disk;
  disk.load(image);
  std::size_t end = 0;
  EXPECT_TRUE(dump_wal(disk, "node", [&](const WalLine& line) {
    if (line.file == path && line.kind != "segment")
      end = line.offset + 64 + (line.bytes + 7) / 8 * 8;
  }));
  return end;
}

/// A padding byte is nobody's: the flip changes nothing that is read.
bool harmless(const Image& image, const std::string& path, std::size_t at) {
  wal::MemoryFileSystem whole, flipped;
  whole.load(image);
  flipped.load(image);
  flipped.flip_bit(path, at, at % 8);
  const auto a = verify_directory(whole, "node");
  const auto b = verify_directory(flipped, "node");
  return a && b && state_of(*a) == state_of(*b);
}

TEST(Verify, EveryByteOfTheLogFlipped_IsFoundButForTheLastBatch) {
  const Image image = lived_in(CrashKind::kProcess);
  for (const auto& [path, bytes] : image.files) {
    if (!path.starts_with("node/wal/wal-")) continue;
    const std::size_t end = content_bytes(image, path);
    ASSERT_GT(end, 500u);
    std::size_t known = 0;
    // The clean-stop mark is the last record; torn, it is as if it were not there.
    for (std::size_t at = 0; at + 64 < end; at += 3) {
      std::string where;
      if (!found(image, path, at, &where)) {
        ASSERT_TRUE(harmless(image, path, at)) << path << " at " << at << " of " << end;
        continue;
      }
      ++known;
      ASSERT_NE(where.find("wal-"), std::string::npos) << where;
    }
    EXPECT_GT(known, end / 3 * 9 / 10);
  }
}

TEST(Verify, MissingTable_IsFound) {
  const Image image = lived_in(CrashKind::kProcess);
  for (const auto& [path, bytes] : image.files) {
    if (!path.ends_with(".ldb")) continue;
    Image without = image;
    without.files.erase(path);
    wal::MemoryFileSystem disk;
    disk.load(without);
    const auto report = verify_directory(disk, "node");
    ASSERT_TRUE(report);
    EXPECT_FALSE(report->findings.empty()) << path;
  }
}

TEST(WalDump, Records_AreToldInOrder) {
  wal::MemoryFileSystem disk;
  disk.load(lived_in(CrashKind::kProcess));
  std::map<std::string, int> kinds;
  std::uint64_t last = 0;
  ASSERT_TRUE(dump_wal(disk, "node", [&](const WalLine& line) {
    ++kinds[line.kind];
    if (line.kind == "entry" && line.group == 1) {
      EXPECT_GT(line.index, last);
      last = line.index;
    }
  }));
  EXPECT_EQ(kinds["bad"], 0);
  EXPECT_GT(kinds["segment"], 0);
  EXPECT_EQ(kinds["birth-end"], kinds["segment"]);
  EXPECT_EQ(kinds["clean-stop"], 1);
}

}  // namespace
}  // namespace cairn::kv::sim
