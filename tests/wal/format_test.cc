// The bytes of FORMAT.md's worked example. When this fails the format has changed: give it a new
// version, and keep reading the old one.
#include <gtest/gtest.h>

#include "tests/wal/log_fixture.h"
#include "wal/format.h"
#include "wal/record_codec.h"
#include "wal/segment.h"

namespace cairn::wal::test {
namespace {

constexpr std::string_view kExample =
    "434149524e57414c010000000000000011110000000000000300000000000000"
    "01000000000000000010000000000000c0000000000000000000000000000000"
    "0000000000000000000000000000000000000000000000000100000000000000"
    "00000000000000000000000000000000000000000000000001c3389ca28431f3"
    "d4d132500085fd830e73b7e279227c4e01c3389ca28431f30100000000000000"
    "0000000000000000000000000000000000000000000000005243574c08010001"
    "6326bd36f7a7df494a3a8446003204e8d4d132500085fd830200000000000000"
    "010000000000000005000000000000000500000001000000"
    "5243574c0100010168656c6c6f0000008ed579df6344dd2594689bbac2bfba06"
    "6326bd36f7a7df490200000000000000000000000000000005000000000000000800000001000000"
    "5243574c030100010200000000000000";

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

TEST(Format, WorkedExample_IsWhatTheLogWrites) {
  MemoryFileSystem files;
  LogRig rig(files);
  rig.options.segment_bytes = 4096;
  ASSERT_FALSE(rig.open());
  rig.append(1, 1, 5, "hello");
  rig.vote(1, {5, 2, 0});
  ASSERT_FALSE(rig.commit_and_run());
  const std::string example = from_hex(kExample);
  const std::string bytes = files.read_file("log/wal-0000000000000001");
  ASSERT_EQ(bytes.substr(0, example.size()), example);
  EXPECT_EQ(bytes.find_first_not_of('\0', example.size()), std::string::npos);
}

TEST(Format, WorkedExample_IsRead) {
  MemoryFileSystem files;
  std::string bytes = from_hex(kExample);
  bytes.resize(4096);
  files.load({{"log"}, {{"log/wal-0000000000000001", bytes}}});
  LogRig rig(files);
  ASSERT_FALSE(rig.open()) << rig.detail;
  EXPECT_EQ(rig.entries(1), "1:hello");
  EXPECT_EQ(rig.found(1)->hard_state, (LogHardState{5, 2, 0}));
}

TEST(Format, SegmentNames_ReadBackAndSort) {
  EXPECT_EQ(segment_name(0x1a), "wal-000000000000001a");
  EXPECT_EQ(parse_segment_name("wal-000000000000001a"), 0x1au);
  for (const char* other : {"wal-", "wal-000000000000001A", "wal-00000000000001a", "spare-1",
                            "wal-000000000000001a.old", "xal-000000000000001a"}) {
    EXPECT_EQ(parse_segment_name(other), std::nullopt) << other;
  }
}

TEST(Format, RecordHeader_AnyBytes_AreJudgedWithoutHarm) {
  Dice dice(11);
  char bytes[kRecordHeaderBytes];
  RecordHeader header;
  for (int i = 0; i < 20000; ++i) {
    for (char& c : bytes) c = static_cast<char>(dice.next());
    EXPECT_FALSE(decode_record_header(dice.next(), bytes, &header));
  }
}

}  // namespace
}  // namespace cairn::wal::test
