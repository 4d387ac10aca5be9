// The codec says back what it was told, for every message, and refuses what breaks its rules.
#include <gtest/gtest.h>

#include "net/codec.h"
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

/// Encodes with the encoder's own checks passed, and tells what the decoder thinks.
boost::system::error_code refusal(const PeerMessage& message) {
  const auto decoded = decode_frame(encoded(message));
  return decoded ? boost::system::error_code{} : decoded.error();
}

Hello valid_hello() {
  Hello hello;
  hello.node = kFrom;
  hello.to = kTo;
  hello.incarnation = 5;
  hello.boot = 2;
  hello.nonce = 99;
  hello.boots = {{1, 98}, {2, 99}};
  return hello;
}

RaftBatch batch_of(raft::Body body, raft::Term term = 1) {
  RaftBatch batch;
  batch.messages.push_back({4, {kFrom, kTo, term, std::move(body)}});
  return batch;
}

TEST(Codec_RoundTrip, EveryKindOfMessageComesBack) {
  for (std::size_t kind = 0; kind < test::kMessageKinds; ++kind) {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
      SCOPED_TRACE("kind " + std::to_string(kind) + " seed " + std::to_string(seed));
      Random random(seed);
      const PeerMessage message = test::random_message(random, kind);
      const std::string frame = encoded(message);
      ASSERT_EQ(frame.size(), frame_bytes(message));
      const auto decoded = decode_frame(frame);
      ASSERT_TRUE(decoded) << decoded.error().message();
      EXPECT_EQ(decoded->cluster_id, kCluster);
      EXPECT_EQ(decoded->from, kFrom);
      EXPECT_EQ(decoded->to, kTo);
      ASSERT_TRUE(test::same(decoded->message, message));
    }
  }
}

TEST(Codec_Append, FollowsWhatStandsInTheBufferAtAnyAlignment) {
  Random random(11);
  const PeerMessage message = test::random_batch(random);
  const std::string alone = encoded(message);
  for (std::size_t before = 0; before < 20; ++before) {
    std::string out(before, 'x');
    encode_frame(message, kCluster, kFrom, kTo, out);
    EXPECT_EQ(out, std::string(before, 'x') + alone);
    const auto decoded = decode_frame(std::string_view(out).substr(before));
    ASSERT_TRUE(decoded);
    EXPECT_TRUE(test::same(decoded->message, message));
  }
}

TEST(Codec_RaftBatch, SpanFormIsTheSameFrame) {
  Random random(5);
  const RaftBatch batch = test::random_batch(random);
  std::string out;
  encode_raft_batch(batch.messages, batch.wall_ms, {kCluster, kFrom, kTo}, out);
  EXPECT_EQ(out, encoded(batch));
  std::size_t bytes = raft_batch_base_bytes();
  for (const GroupMessage& m : batch.messages) bytes += raft_message_bytes(m.message);
  EXPECT_EQ(out.size(), bytes);
}

TEST(Codec_Entries, EmptyPayloadComesBackAsNone) {
  raft::AppendRequest append{7, 1, 7, {{8, 1, raft::EntryKind::kNoop, nullptr}}};
  append.entries[0].data = std::make_shared<const std::string>();
  const auto decoded = decode_frame(encoded(batch_of(append)));
  ASSERT_TRUE(decoded);
  const auto& message = std::get<RaftBatch>(decoded->message).messages.at(0).message;
  EXPECT_EQ(std::get<raft::AppendRequest>(message.body).entries.at(0).data, nullptr);
}

TEST(Codec_Encode, OwnBrokenInvariantsThrow) {
  std::string out;
  const auto encode = [&](const PeerMessage& m) { encode_frame(m, kCluster, kFrom, kTo, out); };
  raft::AppendRequest gap{7, 1, 7, {{9, 1, raft::EntryKind::kNoop, nullptr}}};
  EXPECT_THROW(encode(batch_of(gap)), std::logic_error);
  RaftBatch stray = batch_of(raft::TimeoutNow{});
  stray.messages[0].message.to = 8;
  EXPECT_THROW(encode(stray), std::logic_error);
  Hello hello = valid_hello();
  hello.node = 4;
  EXPECT_THROW(encode(hello), std::logic_error);
  hello = valid_hello();
  hello.boots.pop_back();
  EXPECT_THROW(encode(hello), std::logic_error);
  EXPECT_THROW(encode(Reply{1, std::string(kFrameBytesMax, 'x')}), std::length_error);
}

TEST(Codec_FrameCap, LargestFrameFitsAndOneMoreDoesNot) {
  const std::size_t base = frame_bytes(Reply{1, ""});
  Reply reply{1, std::string(kFrameBytesMax - base, 'x')};
  ASSERT_EQ(frame_bytes(reply), kFrameBytesMax);
  EXPECT_TRUE(decode_frame(encoded(reply)));
  reply.body.push_back('y');
  EXPECT_GT(frame_bytes(reply), kFrameBytesMax);
}

TEST(Codec_Hello, LargestOneFitsAnUntrustedConnection) {
  Hello hello = valid_hello();
  hello.boots.clear();
  for (std::uint64_t i = 1; i <= kHelloBootsMax; ++i) hello.boots.push_back({i, ~i});
  hello.boot = hello.boots.back().boot;
  hello.nonce = hello.boots.back().nonce;
  hello.http = std::string(kAddressBytesMax, 'h');
  hello.founding = {1, 1, 3, 1, 0, {}};
  for (std::uint64_t node = 1; node <= kFoundersMax; ++node) {
    hello.founding.founders.push_back({node, std::string(kAddressBytesMax, 'a'), node});
  }
  EXPECT_LE(encoded(hello).size(), kUntrustedFrameBytesMax);
  EXPECT_FALSE(refusal(hello));
}

TEST(Codec_Hello, BrokenRulesAreRefused) {
  EXPECT_FALSE(refusal(valid_hello()));
  const auto broken = [](auto&& change) {
    Hello hello = valid_hello();
    change(hello);
    return refusal(hello) == NetError::kMalformed;
  };
  EXPECT_TRUE(broken([](Hello& h) { h.protocol_min = 0; }));
  EXPECT_TRUE(broken([](Hello& h) { h.protocol_min = h.protocol_max + 1; }));
  EXPECT_TRUE(broken([](Hello& h) { h.channel = static_cast<Channel>(2); }));
  EXPECT_TRUE(broken([](Hello& h) { h.boots[0].boot = 2; }));
  EXPECT_TRUE(broken([](Hello& h) { h.http = "a b"; }));
  EXPECT_TRUE(broken([](Hello& h) { h.http = "a\r\nSet-Cookie:x"; }));
  EXPECT_TRUE(broken([](Hello& h) { h.http = std::string(kAddressBytesMax + 1, 'a'); }));
  EXPECT_TRUE(broken([](Hello& h) { h.founding.founders = {{2, "a", 0}, {1, "b", 0}}; }));
  EXPECT_TRUE(broken([](Hello& h) { h.founding.founders = {{1, "a", 0}, {1, "b", 0}}; }));
  EXPECT_TRUE(broken([](Hello& h) { h.founding.founders = {{0, "a", 0}}; }));
  EXPECT_TRUE(broken([](Hello& h) { h.founding.cluster_id = 9; }));  // founded by nobody
}

TEST(Codec_Raft, BrokenRulesAreRefused) {
  const auto broken = [](raft::Body body, raft::Term term = 1) {
    return refusal(batch_of(std::move(body), term)) == NetError::kMalformed;
  };
  EXPECT_TRUE(broken(raft::TimeoutNow{}, kOrdinalMax));
  EXPECT_TRUE(broken(raft::VoteRequest{false, false, kOrdinalMax, 0}));
  EXPECT_TRUE(broken(raft::AppendReply{false, 1, kOrdinalMax, 0}));
  EXPECT_TRUE(broken(raft::Heartbeat{kOrdinalMax, 0}));
  raft::AppendRequest append{7, 1, 7, {{8, kOrdinalMax, raft::EntryKind::kNoop, nullptr}}};
  EXPECT_TRUE(broken(append));
  append.entries[0].term = 1;
  append.entries[0].kind = static_cast<raft::EntryKind>(3);
  EXPECT_TRUE(broken(append));
  append = {kOrdinalMax - 1, 1, 7, {{kOrdinalMax, 1, raft::EntryKind::kNoop, nullptr}}};
  EXPECT_TRUE(broken(append));
}

TEST(Codec_Others, BrokenRulesAreRefused) {
  EXPECT_EQ(refusal(HelloReply{static_cast<HelloReply::Verdict>(6), 1}), NetError::kMalformed);
  EXPECT_EQ(refusal(Gossip{{{1, kOrdinalMax}}, ""}), NetError::kMalformed);
  Gossip word;
  word.founding = {1, 0, {{3, 7}, {2, 7}}};
  EXPECT_EQ(refusal(word), NetError::kMalformed) << "founders out of order";
  SnapshotChunk chunk;
  chunk.term = 1;
  chunk.meta = {5, 1, {{1, 2, 2}, {}, {}}};
  EXPECT_EQ(refusal(chunk), NetError::kMalformed);
  chunk.meta.config.voters = {0, 1};
  EXPECT_EQ(refusal(chunk), NetError::kMalformed);
  chunk.meta = {5, 2, {{1, 2}, {}, {}}};  // of a term past the leader's
  EXPECT_EQ(refusal(chunk), NetError::kMalformed);
  chunk.meta.term = 1;
  EXPECT_FALSE(refusal(chunk));
}

}  // namespace
}  // namespace cairn::net
