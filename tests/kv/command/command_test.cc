#include "kv/command/command.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>

#include "kv/command/limits.h"

namespace cairn::kv {
namespace {

/// Random commands of every kind; one seed, one sequence.
class CommandMaker {
 public:
  explicit CommandMaker(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  bool coin() { return (random_() & 1) != 0; }
  std::string bytes(std::size_t least, std::size_t most) {
    std::string s(least + below(most - least + 1), '\0');
    for (char& c : s) c = static_cast<char>(random_());
    return s;
  }

  Command make() {
    Command c;
    c.kind = static_cast<CommandKind>(1 + below(5));
    c.principal = coin() ? random_() : 0;
    c.auth_revision = coin() ? random_() : 0;
    c.epoch = static_cast<std::uint32_t>(random_());
    if (coin() || c.kind == CommandKind::kOpenSession) {
      c.session = {1 + below(9), random_(), random_()};
    }
    if (coin()) {
      c.idempotency_key = bytes(1, kCommandIdempotencyKeyBytesMax);
      c.idempotency_window_ms = static_cast<std::uint32_t>(random_());
      c.idempotency_keys_max = static_cast<std::uint32_t>(random_());
    }
    if (c.kind == CommandKind::kWrite) {
      c.condition = {coin(), coin() ? random_() : 0};
      c.return_previous = coin();
      for (std::uint64_t n = 1 + below(5); n > 0; --n) {
        const bool put = coin();
        c.operations.push_back({put ? Operation::Kind::kPut : Operation::Kind::kRemove,
                                bytes(1, 40), put ? bytes(0, 300) : std::string()});
      }
    } else if (c.kind == CommandKind::kRemovePrefix) {
      c.prefix = bytes(0, 30);
      c.start_after = bytes(0, 30);
      c.limit = static_cast<std::uint32_t>(1 + below(kCommandRemoveLimitMax));
    } else if (c.kind == CommandKind::kFound) {
      c.record = bytes(0, 500);
    }
    return c;
  }

 private:
  std::mt19937_64 random_;
};

void expect_equal(const Command& a, const Command& b) {
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.principal, b.principal);
  EXPECT_EQ(a.auth_revision, b.auth_revision);
  EXPECT_EQ(a.epoch, b.epoch);
  EXPECT_EQ(a.session.client, b.session.client);
  EXPECT_EQ(a.session.sequence, b.session.sequence);
  EXPECT_EQ(a.session.acknowledged, b.session.acknowledged);
  EXPECT_EQ(a.idempotency_key, b.idempotency_key);
  EXPECT_EQ(a.idempotency_window_ms, b.idempotency_window_ms);
  EXPECT_EQ(a.idempotency_keys_max, b.idempotency_keys_max);
  EXPECT_EQ(a.condition.if_absent, b.condition.if_absent);
  EXPECT_EQ(a.condition.if_revision, b.condition.if_revision);
  EXPECT_EQ(a.return_previous, b.return_previous);
  EXPECT_EQ(a.prefix, b.prefix);
  EXPECT_EQ(a.start_after, b.start_after);
  EXPECT_EQ(a.limit, b.limit);
  EXPECT_EQ(a.record, b.record);
  ASSERT_EQ(a.operations.size(), b.operations.size());
  for (std::size_t i = 0; i < a.operations.size(); ++i) {
    EXPECT_EQ(a.operations[i].kind, b.operations[i].kind);
    EXPECT_EQ(a.operations[i].key, b.operations[i].key);
    EXPECT_EQ(a.operations[i].value, b.operations[i].value);
  }
}

Command one_put() {
  Command c;
  c.operations.push_back({Operation::Kind::kPut, "key-000000000001", std::string(256, 'v')});
  return c;
}

TEST(Command_RoundTrip, RandomCommands_ComeBackEqual) {
  for (std::uint64_t seed = 1; seed <= 2'000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Command command = CommandMaker(seed).make();
    const std::string bytes = encode_command(command);
    const auto back = decode_command(bytes);
    ASSERT_TRUE(back.has_value()) << back.error().message();
    expect_equal(command, *back);
    EXPECT_EQ(encode_command(*back), bytes) << "one command, one byte form";
    if (HasFailure()) return;
  }
}

TEST(Command_RoundTrip, MisalignedBytes_ComeBackEqual) {
  const Command command = CommandMaker(7).make();
  const std::string bytes = encode_command(command);
  for (std::size_t shift = 0; shift < 8; ++shift) {
    std::string buffer = std::string(shift, 'x') + bytes;
    const auto back = decode_command(std::string_view(buffer).substr(shift));
    ASSERT_TRUE(back.has_value()) << shift;
    expect_equal(command, *back);
  }
}

TEST(Command_RoundTrip, LargestValue_Fits) {
  Command command;
  command.operations.push_back({Operation::Kind::kPut, std::string(kCommandKeyBytesMax, 'k'),
                                std::string(kCommandValueBytesMax, 'v')});
  const auto back = decode_command(encode_command(command));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->operations[0].value.size(), kCommandValueBytesMax);
}

TEST(Command_RoundTrip, MostOperations_Fit) {
  Command command;
  for (std::size_t i = 0; i < kCommandOperationsMax; ++i) {
    command.operations.push_back({Operation::Kind::kRemove, std::to_string(i), {}});
  }
  const auto back = decode_command(encode_command(command));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->operations.back().key, "65535");
}

// Z3: whatever the bytes are, decoding gives a value or an error; a value that it gives can be
// encoded again.
void expect_total(std::string_view bytes) {
  const auto result = decode_command(bytes);
  if (result) {
    const auto again = decode_command(encode_command(*result));
    ASSERT_TRUE(again.has_value());
    expect_equal(*result, *again);
  }
}

TEST(Command_Decode, EveryTruncation_IsMalformed) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    const std::string bytes = encode_command(CommandMaker(seed).make());
    for (std::size_t n = 0; n < bytes.size(); ++n) {
      const auto result = decode_command(std::string_view(bytes).substr(0, n));
      ASSERT_FALSE(result.has_value()) << "seed " << seed << " length " << n;
      EXPECT_EQ(result.error(), CommandError::kMalformed);
    }
    EXPECT_FALSE(decode_command(bytes + std::string(8, '\0')).has_value());
  }
}

TEST(Command_Decode, EveryByteChanged_GivesValueOrError) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::string bytes = encode_command(CommandMaker(seed).make());
    for (char& c : bytes) {
      const char before = c;
      for (const int flip : {0x01, 0x80, 0xff}) {
        c = static_cast<char>(before ^ flip);
        expect_total(bytes);
      }
      c = before;
    }
    if (HasFailure()) return;
  }
}

TEST(Command_Decode, RandomBytesInAFrame_GiveValueOrError) {
  CommandMaker maker(11);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = maker.bytes(16, 200);
    bytes.resize(bytes.size() / 8 * 8);
    const auto words = static_cast<std::uint32_t>(bytes.size() / 8 - 1);
    std::memset(bytes.data(), 0, 4);
    std::memcpy(bytes.data() + 4, &words, 4);
    // A root struct as ours is, so that the rest is read at all.
    if (maker.coin()) std::memcpy(bytes.data() + 8, encode_command(one_put()).data() + 8, 8);
    expect_total(bytes);
  }
}

TEST(Command_Decode, NewerVersion_IsSaidSo) {
  std::string bytes = encode_command(one_put());
  bytes[16] = 2;  // first field of the root struct
  const auto result = decode_command(bytes);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error(), CommandError::kNewerVersion);
  bytes[16] = 0;
  EXPECT_EQ(decode_command(bytes).error(), CommandError::kMalformed);
}

TEST(Command_Encode, WhatDecodeWouldRefuse_IsRefused) {
  const auto refused = [](auto change) {
    Command c = one_put();
    change(c);
    EXPECT_THROW((void)encode_command(c), std::logic_error);
  };
  refused([](Command& c) { c.operations[0].key.clear(); });
  refused([](Command& c) { c.operations[0].key.assign(kCommandKeyBytesMax + 1, 'k'); });
  refused([](Command& c) { c.operations[0].value.assign(kCommandValueBytesMax + 1, 'v'); });
  refused([](Command& c) { c.operations[0].kind = Operation::Kind::kRemove; });
  refused([](Command& c) { c.prefix = "p"; });
  refused([](Command& c) { c.record = "r"; });
  refused([](Command& c) { c.session.sequence = 1; });
  refused([](Command& c) { c.idempotency_key.assign(257, 'i'); });
  refused([](Command& c) { c.kind = CommandKind::kEmpty; });
  refused([](Command& c) { c.kind = static_cast<CommandKind>(77); });
  refused([](Command& c) { c.operations.resize(kCommandOperationsMax + 1, c.operations[0]); });
  refused([](Command& c) {
    c.operations[0].value.assign(kCommandValueBytesMax, 'v');
    c.operations.push_back(c.operations[0]);
  });
  refused([](Command& c) {
    c.operations.clear();
    c.condition.if_absent = true;
  });
  refused([](Command& c) {
    c = Command();
    c.kind = CommandKind::kOpenSession;
  });
  refused([](Command& c) {
    c = Command();
    c.kind = CommandKind::kRemovePrefix;
    c.limit = kCommandRemoveLimitMax + 1;
  });
}

TEST(Answer_RoundTrip, RandomAnswers_ComeBackEqual) {
  const std::optional<Errc> errors[] = {std::nullopt,      Errc::kRevisionMismatch,
                                        Errc::kOverloaded, Errc::kIdempotencyMismatch,
                                        Errc::kBadRequest, Errc::kNoLeader};
  CommandMaker maker(5);
  for (int i = 0; i < 2'000; ++i) {
    Answer a;
    a.error = errors[maker.below(6)];
    a.session_unknown = maker.coin();
    a.wrong_epoch = maker.coin();
    a.replayed = maker.coin();
    a.created = maker.coin();
    a.more = maker.coin();
    a.revision = maker.below(1ull << 53);
    a.version = maker.below(100);
    a.deleted = maker.below(100);
    a.last_key = maker.bytes(0, 30);
    if (maker.coin()) a.previous = Item{maker.bytes(1, 9), maker.bytes(0, 99), 1, 2, 3};
    const std::string bytes = encode_answer(a);
    const auto back = decode_answer(bytes);
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(back->error, a.error);
    EXPECT_EQ(back->session_unknown, a.session_unknown);
    EXPECT_EQ(back->wrong_epoch, a.wrong_epoch);
    EXPECT_EQ(back->replayed, a.replayed);
    EXPECT_EQ(back->created, a.created);
    EXPECT_EQ(back->more, a.more);
    EXPECT_EQ(back->revision, a.revision);
    EXPECT_EQ(back->version, a.version);
    EXPECT_EQ(back->deleted, a.deleted);
    EXPECT_EQ(back->last_key, a.last_key);
    ASSERT_EQ(back->previous.has_value(), a.previous.has_value());
    if (a.previous) {
      EXPECT_EQ(back->previous->key, a.previous->key);
      EXPECT_EQ(back->previous->value, a.previous->value);
      EXPECT_EQ(back->previous->create_revision, 1u);
      EXPECT_EQ(back->previous->mod_revision, 2u);
      EXPECT_EQ(back->previous->version, 3u);
    }
    EXPECT_EQ(encode_answer(*back), bytes);
  }
}

TEST(Answer_Decode, DamagedBytes_GiveValueOrError) {
  Answer a;
  a.previous = Item{"key", std::string(50, 'v'), 1, 2, 3};
  a.last_key = "last";
  std::string bytes = encode_answer(a);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_FALSE(decode_answer(std::string_view(bytes).substr(0, n)).has_value());
  }
  for (char& c : bytes) {
    for (int flip = 1; flip < 256; ++flip) {
      c = static_cast<char>(c ^ flip);
      if (const auto result = decode_answer(bytes)) (void)encode_answer(*result);
      c = static_cast<char>(c ^ flip);
    }
  }
}

TEST(Answer_Encode, ErrorNoApplyGives_IsRefused) {
  Answer a;
  a.error = Errc::kTimeout;
  EXPECT_THROW((void)encode_answer(a), std::logic_error);
}

}  // namespace
}  // namespace cairn::kv
