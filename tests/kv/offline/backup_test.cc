// The bytes of a backup: every flip and every cut is known; newer ones are named as such.
#include <gtest/gtest.h>

#include "kv/engine/hash.h"
#include "tests/kv/offline/disk_tools.h"

namespace cairn::kv::sim {
namespace {

struct Checked {
  std::optional<BackupSummary> summary;
  BackupFault fault;
};

Checked check(std::string_view bytes) {
  Checked out;
  BackupVisitor nobody;
  out.summary = walk_backup(
      [bytes](std::uint64_t offset, std::span<char> to) -> boost::system::result<std::size_t> {
        if (offset >= bytes.size()) return std::size_t{0};
        const std::size_t length = std::min<std::uint64_t>(to.size(), bytes.size() - offset);
        std::copy_n(bytes.data() + offset, length, to.data());
        return length;
      },
      nobody, &out.fault);
  return out;
}

/// Small, of two partitions, with keys, a session and an idempotency record's worth of spaces.
std::string small_backup() {
  Story story(21, 1, [](Options& o) { o.partitions = 2; });
  EXPECT_TRUE(story.up());
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(story.put(1, "key" + std::to_string(i), "value"));
  WriteOptions once;
  once.idempotency_key = "once";
  EXPECT_TRUE(story.finish(story.world.put(1, "once", "v", once)));
  const auto backup = take_backup(story, 1);
  EXPECT_TRUE(backup);
  return backup ? *backup : std::string();
}

TEST(Backup, Whole_IsCountedAndSound) {
  const std::string bytes = small_backup();
  const Checked whole = check(bytes);
  ASSERT_TRUE(whole.summary) << whole.fault.what << " at " << whole.fault.offset;
  EXPECT_EQ(whole.summary->items, 7u);
  EXPECT_EQ(whole.summary->bytes, bytes.size());
  EXPECT_EQ(whole.summary->header.partitions, 2u);
}

TEST(Backup, EveryBitOfEveryByteFlipped_IsKnown) {
  const std::string bytes = small_backup();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ (1u << bit));
      const Checked checked = check(damaged);
      ASSERT_FALSE(checked.summary) << "byte " << at << " bit " << bit;
      ASSERT_FALSE(checked.fault.newer) << "byte " << at << " bit " << bit;
      ASSERT_LE(checked.fault.offset, at) << "it is named where it lies, or its block's begin";
    }
  }
}

TEST(Backup, CutOrLengthenedAnywhere_IsKnown) {
  const std::string bytes = small_backup();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_FALSE(check(std::string_view(bytes).substr(0, size)).summary) << size;
  }
  EXPECT_FALSE(check(bytes + '\0').summary);
}

TEST(Backup, BlocksOfAnotherBackup_AreKnown) {
  const std::string a = small_backup();
  std::string b = a;
  BackupHeader header = check(a).summary->header;
  header.id ^= 1;
  b.replace(0, kBackupHeaderBytes, encode_backup_header(header));
  EXPECT_FALSE(check(b).summary) << "each block is bound to its header";
}

TEST(Backup, NewerVersion_IsNamed) {
  std::string bytes = small_backup();
  bytes[8] = 2;
  const std::uint64_t sum = hash64(std::string_view(bytes).substr(0, kBackupHeaderBytes - 8));
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[kBackupHeaderBytes - 8 + i] = static_cast<char>(sum >> (8 * i));
  }
  const Checked checked = check(bytes);
  ASSERT_FALSE(checked.summary);
  EXPECT_TRUE(checked.fault.newer) << checked.fault.what;
}

TEST(Backup, TooManyAtOnce_OverloadedUntilOneEnds) {
  Story story(22, 1);
  ASSERT_TRUE(story.up());
  const auto begin = [&] {
    return story.finish(story.world.call<std::uint64_t>(
        1, [](Node& node, Callback<std::uint64_t> done) { node.backup(std::move(done)); }));
  };
  ASSERT_TRUE(begin());
  ASSERT_TRUE(begin());
  const auto refused = begin();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kOverloaded);
  story.world.run_for(seconds{62});
  EXPECT_TRUE(begin()) << "a backup that nobody reads is given up";
}

TEST(Backup, WritesMeanwhile_AreInWhenTheyCameBefore) {
  Story story(23, 3);
  ASSERT_TRUE(story.up());
  for (int i = 0; i < 30; ++i) {
    const std::string key = "k" + std::to_string(i);
    ASSERT_TRUE(story.put(1 + i % 3, key, "v"));
    const auto backup = take_backup(story, 1 + (i + 1) % 3);
    ASSERT_TRUE(backup);
    EXPECT_EQ(check(*backup).summary->items, static_cast<std::uint64_t>(i) + 1)
        << "an acknowledged write is in any backup that begins after it";
  }
}

}  // namespace
}  // namespace cairn::kv::sim
