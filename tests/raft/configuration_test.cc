#include <gtest/gtest.h>

#include "raft/core.h"

namespace cairn::raft {
namespace {

TEST(RaftConfiguration_Codec, AnyConfiguration_RoundTrips) {
  for (const Configuration& config :
       {Configuration{}, Configuration{{1}, {}, {}}, Configuration{{1, 2, 3}, {2, 3, 4}, {9}},
        Configuration{{1, UINT64_MAX}, {}, {}}}) {
    EXPECT_EQ(decode_configuration(encode_configuration(config)), config);
  }
}

TEST(RaftConfiguration_Codec, Bytes_AreStable) {
  EXPECT_EQ(encode_configuration({{0x0201}, {}, {}}),
            std::string("\x01\x01\0\0\0\x01\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 21));
}

TEST(RaftConfiguration_Codec, EveryTruncationAndExtension_Refused) {
  const std::string bytes = encode_configuration({{1, 2, 3}, {2, 3, 4}, {9}});
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(decode_configuration(bytes.substr(0, length))) << length;
  }
  EXPECT_FALSE(decode_configuration(bytes + '\0'));
}

TEST(RaftConfiguration_Codec, UnsortedTwiceNobodyOrNewer_Refused) {
  EXPECT_FALSE(decode_configuration(encode_configuration({{2, 1}, {}, {}})));
  EXPECT_FALSE(decode_configuration(encode_configuration({{1, 1}, {}, {}})));
  EXPECT_FALSE(decode_configuration(encode_configuration({{0, 1}, {}, {}})));
  std::string newer = encode_configuration({{1}, {}, {}});
  newer[0] = 2;
  EXPECT_FALSE(decode_configuration(newer));
}

TEST(RaftConfiguration_Codec, HugeCount_RefusedBeforeAllocation) {
  EXPECT_FALSE(decode_configuration(std::string("\x01\xff\xff\xff\xff\0\0\0\0\0\0\0\0", 13)));
}

}  // namespace
}  // namespace cairn::raft
