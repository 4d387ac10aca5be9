#include "kv/identity/founding_record.h"

#include <gtest/gtest.h>

#include <set>
#include <stdexcept>

#include "kv/placement/hash.h"

namespace cairn::kv {
namespace {

net::FoundingRecord sample() {
  net::FoundingRecord record;
  record.partitions = 16;
  record.replicas = 3;
  record.hash_id = kHashXxh3;
  record.hash_seed = 5;
  record.founders = {{.node = 1, .address = "127.0.0.1:9001", .incarnation = 11},
                     {.node = 2, .address = "127.0.0.1:9002", .incarnation = 22}};
  record.cluster_id = compute_cluster_id(record);
  return record;
}

TEST(FoundingRecord_ClusterId, DependsOnEverything) {
  std::set<std::uint64_t> ids = {compute_cluster_id(sample())};
  const auto other = [&](auto change) {
    auto record = sample();
    change(record);
    EXPECT_TRUE(ids.insert(compute_cluster_id(record)).second);
  };
  other([](auto& r) { r.partitions = 17; });
  other([](auto& r) { r.replicas = 2; });
  other([](auto& r) { r.hash_id = 2; });
  other([](auto& r) { r.hash_seed = 6; });
  other([](auto& r) { r.founders[0].node = 3; });
  other([](auto& r) { r.founders[0].incarnation = 12; });
  other([](auto& r) { r.founders[0].address += '0'; });
  other([](auto& r) { r.founders.pop_back(); });
  auto record = sample();
  record.cluster_id = 0;
  EXPECT_EQ(compute_cluster_id(record), sample().cluster_id);
}

// A cluster's id is written in every file of it.
TEST(FoundingRecord_ClusterId, OfAKnownRecord_StaysTheSame) {
  EXPECT_EQ(compute_cluster_id(sample()), 6340161074463899451u);
}

TEST(FoundingRecord_RoundTrip, Record_ComesBack) {
  const auto back = decode_founding_record(encode_founding_record(sample()));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(*back, sample());
}

TEST(FoundingRecord_Decode, EveryChange_IsRefused) {
  const std::string bytes = encode_founding_record(sample());
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_FALSE(decode_founding_record(bytes.substr(0, n)).has_value());
  }
  EXPECT_FALSE(decode_founding_record(bytes + '\0').has_value());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (int flip = 1; flip < 256; ++flip) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      EXPECT_FALSE(decode_founding_record(damaged).has_value()) << "its id covers the rest";
    }
  }
}

TEST(FoundingRecord_Valid, OnlyWholeRecords_Are) {
  EXPECT_TRUE(valid_founding_record(sample()));
  const auto refused = [](auto change) {
    auto record = sample();
    change(record);
    record.cluster_id = compute_cluster_id(record);
    EXPECT_FALSE(valid_founding_record(record));
    EXPECT_THROW((void)encode_founding_record(record), std::logic_error);
  };
  refused([](auto& r) { r.partitions = 0; });
  refused([](auto& r) { r.partitions = 4097; });
  refused([](auto& r) { r.replicas = 0; });
  refused([](auto& r) { r.replicas = 8; });
  refused([](auto& r) { r.hash_id = 2; });
  refused([](auto& r) { r.founders.clear(); });
  refused([](auto& r) { r.founders[0].incarnation = 0; });
  refused([](auto& r) { r.founders[0].node = 0; });
  refused([](auto& r) { r.founders[0].node = 2; });
  refused([](auto& r) { r.founders[1].node = 1ull << 32; });
  refused([](auto& r) { std::swap(r.founders[0], r.founders[1]); });
  refused([](auto& r) { r.founders[0].address.assign(kFounderAddressBytesMax + 1, 'a'); });
}

}  // namespace
}  // namespace cairn::kv
