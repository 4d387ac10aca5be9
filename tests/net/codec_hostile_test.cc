// Hostile bytes: whatever comes is a value or an error. The checksums are made right again after
// each change, so that the decoder behind them is reached (build with ASan and UBSan to see more).
#include <gtest/gtest.h>

#include <cstring>

#include "net/frame.h"
#include "tests/net/random_messages.h"

namespace cairn::net {
namespace {

using test::kCluster;
using test::kFrom;
using test::kTo;
using test::Random;

std::string encoded(const PeerMessage& message) {
  std::string out;
  encode_frame(message, kCluster, kFrom, kTo, out);
  return out;
}

/// A frame of `type` around any payload, correctly sealed.
std::string sealed(FrameType type, std::string_view payload) {
  std::string frame(kFrameHeaderBytes, '\0');
  frame += payload;
  FrameHeader header;
  header.type = type;
  header.cluster_id = kCluster;
  header.from = kFrom;
  header.to = kTo;
  header.payload_bytes = static_cast<std::uint32_t>(payload.size());
  seal_frame(header, frame.data());
  return frame;
}

FrameType type_of(const std::string& frame) {
  return parse_frame_header(frame, kFrameBytesMax).value().type;
}

std::vector<std::string> samples(std::uint64_t seed) {
  std::vector<std::string> out;
  for (std::size_t kind = 0; kind < test::kMessageKinds; ++kind) {
    Random random(seed);
    PeerMessage message = test::random_message(random, kind);
    if (auto* hello = std::get_if<Hello>(&message)) {  // small enough to try every byte
      hello->boots = {{hello->boot, hello->nonce}};
    }
    out.push_back(encoded(message));
  }
  return out;
}

TEST(Frame_EveryByteChanged, IsRefused) {
  for (const std::string& good : samples(3)) {
    for (std::size_t at = 0; at < good.size(); ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
        EXPECT_FALSE(decode_frame(bad)) << "byte " << at << " bit " << bit;
      }
    }
  }
}

TEST(Frame_EveryTruncation, IsRefused) {
  for (const std::string& good : samples(4)) {
    for (std::size_t size = 0; size < good.size(); ++size) {
      EXPECT_EQ(decode_frame(good.substr(0, size)).error(), NetError::kTruncated);
    }
    EXPECT_EQ(decode_frame(good + std::string(8, '\0')).error(), NetError::kMalformed);
  }
}

TEST(Payload_EveryByteChangedUnderRightChecksums, IsAValueOrAnError) {
  std::size_t refused = 0;
  std::size_t taken = 0;
  for (const std::string& good : samples(5)) {
    const FrameType type = type_of(good);
    std::string payload = good.substr(kFrameHeaderBytes);
    for (char& c : payload) {
      const char before = c;
      for (const int change : {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff, 0x7f}) {
        c = static_cast<char>(before ^ change);
        (decode_frame(sealed(type, payload)) ? taken : refused) += 1;
      }
      c = before;
    }
  }
  EXPECT_GT(refused, 100u);  // both ways were walked
  EXPECT_GT(taken, 100u);
}

TEST(Payload_EveryTruncationUnderRightChecksums, IsRefused) {
  for (const std::string& good : samples(6)) {
    const FrameType type = type_of(good);
    const std::string payload = good.substr(kFrameHeaderBytes);
    for (std::size_t size = 0; size < payload.size(); ++size) {
      EXPECT_FALSE(decode_frame(sealed(type, payload.substr(0, size))));
      std::string resized = payload.substr(0, size / 8 * 8);  // with a segment table that agrees
      if (resized.size() < 8) continue;
      const auto words = static_cast<std::uint32_t>(resized.size() / 8 - 1);
      std::memcpy(resized.data() + 4, &words, sizeof words);
      (void)decode_frame(sealed(type, resized));
    }
  }
}

TEST(Payload_RandomDamageUnderRightChecksums, IsAValueOrAnError) {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const std::string good = encoded(test::random_message(random, random.below(8)));
    std::string payload = good.substr(kFrameHeaderBytes);
    for (std::size_t n = 1 + random.below(8); n > 0; --n) {
      payload[8 + random.below(payload.size() - 8)] = static_cast<char>(random.next());
    }
    (void)decode_frame(sealed(type_of(good), payload));
    // and read as a message of another type
    (void)decode_frame(sealed(static_cast<FrameType>(1 + random.below(8)), payload));
  }
}

TEST(Payload_RandomWords, AreAValueOrAnError) {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    std::vector<std::uint64_t> words(2 + random.below(40));
    words[0] = std::uint64_t{words.size() - 1} << 32;
    for (std::size_t i = 1; i < words.size(); ++i) {
      // Small numbers make pointers that hit something.
      words[i] = random.flip() ? random.next() & 0x0000'003f'0000'007f : random.next();
    }
    const std::string_view payload(reinterpret_cast<const char*>(words.data()), words.size() * 8);
    for (std::uint16_t type = 1; type <= 8; ++type) {
      (void)decode_frame(sealed(static_cast<FrameType>(type), payload));
    }
  }
}

TEST(Payload_SeveralSegments, AreRefused) {
  std::string payload = encoded(Reply{1, "x"}).substr(kFrameHeaderBytes);
  payload[0] = 1;
  EXPECT_EQ(decode_frame(sealed(FrameType::kReply, payload)).error(), NetError::kMalformed);
  payload[0] = payload[1] = payload[2] = payload[3] = static_cast<char>(0xff);
  EXPECT_EQ(decode_frame(sealed(FrameType::kReply, payload)).error(), NetError::kMalformed);
}

TEST(Payload_SharedPointers, DoNotMultiplyBytes) {
  // Two messages whose entry lists are one and the same: read once, the second reading passes the
  // traversal limit of as many words as the frame has.
  raft::AppendRequest append{0, 1, 0, {}};
  append.entries.push_back(
      {1, 1, raft::EntryKind::kCommand, std::make_shared<const std::string>(1000, 'x')});
  RaftBatch batch;
  batch.messages.push_back({1, {kFrom, kTo, 1, append}});
  batch.messages.push_back({2, {kFrom, kTo, 1, append}});
  std::string payload = encoded(batch).substr(kFrameHeaderBytes);
  ASSERT_TRUE(decode_frame(sealed(FrameType::kRaftBatch, payload)));
  // Cut the second entry's bytes off and let its pointer show at the first one's.
  const std::size_t entry_words = 1 + 3 + 1000 / 8;
  const auto word = [&](std::size_t i) { return payload.data() + i * 8; };
  const auto load = [&](std::size_t i) {
    std::uint64_t value;
    std::memcpy(&value, word(i), 8);
    return value;
  };
  // Last word of each message is its entries pointer; the messages start after table, root
  // pointer, root (2 words) and list tag.
  const std::size_t message_words = 6;
  const std::size_t first = 1 + 1 + 2 + 1 + message_words - 1;
  const std::size_t second = first + message_words;
  ASSERT_EQ(load(first) & 3, 1u);  // list pointers
  ASSERT_EQ(load(second) & 3, 1u);
  const auto offset = static_cast<std::uint32_t>(load(first)) >> 2;
  const std::uint32_t aimed = ((offset - static_cast<std::uint32_t>(message_words)) << 2) | 1;
  std::memcpy(word(second), &aimed, sizeof aimed);
  payload.resize(payload.size() - entry_words * 8);
  const auto words = static_cast<std::uint32_t>(payload.size() / 8 - 1);
  std::memcpy(payload.data() + 4, &words, sizeof words);
  EXPECT_EQ(decode_frame(sealed(FrameType::kRaftBatch, payload)).error(), NetError::kMalformed);
}

TEST(Frame_Header, EachRuleHasItsError) {
  const std::string good = encoded(Reply{1, "x"});
  const auto error = [&](std::size_t max) {
    return parse_frame_header(good, max).has_error() ? parse_frame_header(good, max).error()
                                                     : boost::system::error_code{};
  };
  EXPECT_FALSE(error(good.size()));
  EXPECT_EQ(error(good.size() - 1), NetError::kTooLarge);
  std::string bad = good;
  bad[0] = 'X';
  EXPECT_EQ(decode_frame(bad).error(), NetError::kBadMagic);
  bad = good;
  bad[4] = 2;
  EXPECT_EQ(decode_frame(bad).error(), NetError::kNewerVersion);
  bad = good;
  bad[32] = static_cast<char>(bad[32] ^ 8);
  EXPECT_EQ(decode_frame(bad).error(), NetError::kBadChecksum);
  bad = good;
  bad.back() = static_cast<char>(bad.back() ^ 1);
  EXPECT_EQ(decode_frame(bad).error(), NetError::kBadChecksum);
  const std::string payload = good.substr(kFrameHeaderBytes);
  EXPECT_EQ(decode_frame(sealed(static_cast<FrameType>(9), payload)).error(), NetError::kMalformed);
}

}  // namespace
}  // namespace cairn::net
