#include "kv/placement/placement.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace cairn::kv {
namespace {

Placement sample() {
  return {.epoch = 7, .hash = {.id = kHashXxh3, .seed = 99}, .replicas = {{1, 2, 3}, {3, 1}, {2}}};
}

TEST(Placement_RoundTrip, Table_ComesBack) {
  const auto back = decode_placement(encode_placement(sample()));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(*back, sample());
}

TEST(Placement_RoundTrip, LargestTable_ComesBack) {
  Placement placement;
  placement.replicas.assign(kPartitionsMax, {1, 2, 3, 4, 5, 6, 7});
  const auto back = decode_placement(encode_placement(placement));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(*back, placement);
}

TEST(Placement_Decode, EveryTruncation_IsMalformed) {
  const std::string bytes = encode_placement(sample());
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_EQ(decode_placement(std::string_view(bytes).substr(0, n)).error(),
              CommandError::kMalformed);
  }
  EXPECT_FALSE(decode_placement(bytes + '\0').has_value());
}

TEST(Placement_Decode, EveryByteChanged_GivesValueOrError) {
  std::string bytes = encode_placement(sample());
  for (char& c : bytes) {
    for (int flip = 1; flip < 256; ++flip) {
      c = static_cast<char>(c ^ flip);
      if (const auto result = decode_placement(bytes)) {
        EXPECT_EQ(encode_placement(*result), bytes);
      }
      c = static_cast<char>(c ^ flip);
    }
  }
}

TEST(Placement_Decode, NewerVersion_IsSaidSo) {
  std::string bytes = encode_placement(sample());
  bytes[0] = 2;
  EXPECT_EQ(decode_placement(bytes).error(), CommandError::kNewerVersion);
}

TEST(Placement_Encode, BadTables_AreRefused) {
  const auto refused = [](auto change) {
    Placement placement = sample();
    change(placement);
    EXPECT_THROW((void)encode_placement(placement), std::logic_error);
  };
  refused([](Placement& p) { p.replicas.clear(); });
  refused([](Placement& p) { p.replicas.resize(kPartitionsMax + 1, {1}); });
  refused([](Placement& p) { p.replicas[0].clear(); });
  refused([](Placement& p) { p.replicas[0] = {1, 1}; });
  refused([](Placement& p) { p.replicas[0] = {0}; });
  refused([](Placement& p) { p.replicas[0] = {1, 2, 3, 4, 5, 6, 7, 8}; });
  refused([](Placement& p) { p.hash.id = 2; });
}

}  // namespace
}  // namespace cairn::kv
