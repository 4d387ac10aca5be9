#include <gtest/gtest.h>

#include <cstdint>

#include "kv/command/command.h"

namespace cairn::kv {
namespace {

TEST(Entry_RoundTrip, StampAndCommand_ComeBack) {
  const auto entry =
      make_entry({.revision = 1, .ceiling = 1ull << 52, .lease_elapsed = 3}, "bytes");
  const auto view = split_entry(*entry);
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(view->stamp.revision, 1u);
  EXPECT_EQ(view->stamp.ceiling, 1ull << 52);
  EXPECT_EQ(view->stamp.lease_elapsed, 3u);
  EXPECT_EQ(view->command, "bytes");
}

TEST(Entry_Layout, CommandInAnEntry_IsAlignedAndUnchanged) {
  Command command;
  command.operations.push_back({Operation::Kind::kPut, "k", "v"});
  const std::string bytes = encode_command(command);
  const auto entry = make_entry({}, bytes);
  const auto view = split_entry(*entry);
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(view->command, bytes);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(view->command.data()) % 8, 0u);
}

// These bytes lie in logs: they may never change under version 1.
TEST(Entry_Layout, Version1_IsThis) {
  const auto entry = make_entry({.revision = 0x0102, .ceiling = 3, .lease_elapsed = 4}, "x");
  const char expected[] =
      "\x01\x00\x20\x00\x00\x00\x00\x00"
      "\x02\x01\x00\x00\x00\x00\x00\x00"
      "\x03\x00\x00\x00\x00\x00\x00\x00"
      "\x04\x00\x00\x00\x00\x00\x00\x00"
      "x";
  EXPECT_EQ(*entry, std::string(expected, sizeof expected - 1));
}

TEST(Entry_Split, DamagedHead_IsRefused) {
  const std::string entry = *make_entry({}, "command");
  for (std::size_t n = 0; n < 32; ++n) {
    EXPECT_EQ(split_entry(std::string_view(entry).substr(0, n)).error(), CommandError::kMalformed);
  }
  for (std::size_t at = 0; at < 8; ++at) {
    std::string damaged = entry;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    const auto result = split_entry(damaged);
    ASSERT_FALSE(result.has_value()) << at;
    EXPECT_EQ(result.error(), at < 2 ? CommandError::kNewerVersion : CommandError::kMalformed);
  }
}

}  // namespace
}  // namespace cairn::kv
