// Bodies between nodes: what goes in comes out, and no bytes do harm.
#include "kv/node/rpc.h"

#include <gtest/gtest.h>

#include <random>

namespace cairn::kv {
namespace {

std::string bytes() {
  std::string s = "key";
  s += '\0';
  s += "\xff\x01";
  return s;
}

Item item(std::string key) {
  return {std::move(key), bytes() + "value", 11, 22, 3};
}

void expect_same(const Item& a, const Item& b) {
  EXPECT_EQ(a.key, b.key);
  EXPECT_EQ(a.value, b.value);
  EXPECT_EQ(a.create_revision, b.create_revision);
  EXPECT_EQ(a.mod_revision, b.mod_revision);
  EXPECT_EQ(a.version, b.version);
}

template <class T>
T round(const T& reply) {
  const auto back = decode_reply(encode_reply(RpcReply(reply)));
  EXPECT_TRUE(back && std::holds_alternative<T>(*back));
  return back && std::holds_alternative<T>(*back) ? std::get<T>(*back) : T{};
}

TEST(Rpc, Write_RoundTrip) {
  const auto back = decode_write_request(encode_write_request(7, bytes()));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->group, 7u);
  EXPECT_EQ(back->command, bytes());
}

TEST(Rpc, Read_RoundTrip) {
  const auto back = decode_read_request(encode_request(ReadRequest{3, bytes(), true, 99}));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->group, 3u);
  EXPECT_EQ(back->key, bytes());
  EXPECT_TRUE(back->eventual);
  EXPECT_FALSE(back->lease);
  EXPECT_EQ(back->min_revision, 99u);
}

TEST(Rpc, Scan_RoundTrip_AndTheByteBoundNeverGrows) {
  ScanRequest request;
  request.group = 9;
  request.range = {bytes(), "end", 77, 100'000, true, true, true};
  request.eventual = true;
  request.lease = true;
  request.min_revision = 5;
  const auto back = decode_scan_request(encode_request(request));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->group, 9u);
  EXPECT_EQ(back->range.start, bytes());
  EXPECT_EQ(back->range.end, "end");
  EXPECT_EQ(back->range.limit, 77u);
  EXPECT_EQ(back->range.bytes_max, 100'000u);
  EXPECT_TRUE(back->range.reverse && back->range.keys_only && back->range.count_only);
  EXPECT_TRUE(back->lease);
  EXPECT_TRUE(back->eventual);
  EXPECT_EQ(back->min_revision, 5u);
  request.range.bytes_max = 1u << 30;
  EXPECT_EQ(decode_scan_request(encode_request(request))->range.bytes_max,
            EngineView::Range().bytes_max);
}

TEST(Rpc, Refusal_RoundTrip) {
  Refusal refusal{Error(Errc::kOverloaded, "too much", Committed::kUnknown), 12};
  refusal.error.retry_after_ms = 34;
  refusal.error.revision = 56;
  const Refusal back = round(refusal);
  EXPECT_EQ(back.error.code, Errc::kOverloaded);
  EXPECT_EQ(back.error.detail, "too much");
  EXPECT_EQ(back.error.committed, Committed::kUnknown);
  EXPECT_EQ(back.error.retry_after_ms, 34u);
  EXPECT_EQ(back.error.revision, 56u);
  EXPECT_EQ(back.leader, 12u);
}

TEST(Rpc, Answer_RoundTrip) {
  Answer answer;
  answer.revision = 8;
  answer.version = 2;
  answer.created = true;
  answer.previous = item("k");
  const Answer back = round(answer);
  EXPECT_FALSE(back.error);
  EXPECT_EQ(back.revision, 8u);
  EXPECT_TRUE(back.created);
  ASSERT_TRUE(back.previous);
  expect_same(*back.previous, item("k"));
}

TEST(Rpc, Read_FoundOrNot_RoundTrip) {
  ReadResult found{item(bytes()), 33};
  const ReadResult back = round(found);
  ASSERT_TRUE(back.item);
  expect_same(*back.item, *found.item);
  EXPECT_EQ(back.revision, 33u);
  EXPECT_FALSE(round(ReadResult{std::nullopt, 4}).item);
}

TEST(Rpc, Page_RoundTrip) {
  PageReply page;
  page.page.items = {item("a"), item(bytes())};
  page.page.count = 2;
  page.page.more = true;
  page.page.last_key = bytes();
  page.revision = 66;
  const PageReply back = round(page);
  ASSERT_EQ(back.page.items.size(), 2u);
  expect_same(back.page.items[1], page.page.items[1]);
  EXPECT_EQ(back.page.count, 2u);
  EXPECT_TRUE(back.page.more);
  EXPECT_EQ(back.page.last_key, bytes());
  EXPECT_EQ(back.revision, 66u);
}

void decode_all(std::string_view text) {
  (void)decode_write_request(text);
  (void)decode_read_request(text);
  (void)decode_scan_request(text);
  (void)decode_reply(text);
}

std::vector<std::string> samples() {
  PageReply page;
  page.page.items = {item("a"), item("b")};
  page.page.last_key = "b";
  Answer answer;
  answer.previous = item("k");
  return {encode_write_request(1, "command"),
          encode_request(ReadRequest{1, "key", false, 1}),
          encode_request(ScanRequest{}),
          encode_reply(RpcReply(page)),
          encode_reply(RpcReply(answer)),
          encode_reply(RpcReply(ReadResult{item("k"), 1})),
          encode_reply(RpcReply(Refusal{Error(Errc::kNoLeader, "x"), 2}))};
}

TEST(Rpc, Truncated_AnyLength_IsRefusedOrHarmless) {
  for (const std::string& sample : samples()) {
    for (std::size_t n = 0; n < sample.size(); ++n)
      decode_all(std::string_view(sample).substr(0, n));
    EXPECT_FALSE(decode_reply(sample.substr(0, 8)));
  }
  EXPECT_FALSE(decode_reply(""));
}

TEST(Rpc, Mutated_Anywhere_IsRefusedOrHarmless) {
  constexpr std::uint32_t kSeed = 20'240'101;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  std::mt19937 random(kSeed);
  for (const std::string& sample : samples()) {
    for (int i = 0; i < 4'000; ++i) {
      std::string text = sample;
      for (unsigned n = 1 + random() % 4; n > 0; --n)
        text[random() % text.size()] = static_cast<char>(random());
      decode_all(text);
    }
  }
}

TEST(Rpc, Failure_CodeOutOfRange_IsRefused) {
  Refusal refusal{Error(static_cast<Errc>(999), {}), 0};
  EXPECT_FALSE(decode_reply(encode_reply(RpcReply(refusal))));
  refusal.error.code = static_cast<Errc>(0);
  EXPECT_FALSE(decode_reply(encode_reply(RpcReply(refusal))));
  refusal.error.code = Errc::kNoLeader;
  refusal.error.committed = static_cast<Committed>(4);
  EXPECT_FALSE(decode_reply(encode_reply(RpcReply(refusal))));
}

TEST(Rpc, SegmentTable_ClaimsTooMany_IsRefused) {
  std::string text(64, '\0');
  text[0] = '\xff';
  text[1] = '\xff';
  text[2] = '\xff';
  text[3] = '\x7f';
  EXPECT_FALSE(decode_reply(text));
  EXPECT_FALSE(decode_write_request(text));
}

}  // namespace
}  // namespace cairn::kv
