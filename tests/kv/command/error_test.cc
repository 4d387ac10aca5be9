#include "cairn/kv/error.h"

#include <gtest/gtest.h>

#include <set>

namespace cairn::kv {
namespace {

TEST(Error_Names, EveryCode_HasItsOwn) {
  std::set<std::string> names;
  const int last = static_cast<int>(kErrcLast);
  for (int code = 1; code <= last; ++code) {
    const std::string text = name(static_cast<Errc>(code));
    EXPECT_NE(text, "unknown");
    EXPECT_TRUE(names.insert(text).second) << text;
    EXPECT_EQ(make_error_code(static_cast<Errc>(code)).message(), text);
  }
  EXPECT_STREQ(name(static_cast<Errc>(0)), "unknown");
  EXPECT_STREQ(name(static_cast<Errc>(last + 1)), "unknown");
}

TEST(Error_Retryable, Codes_AreThoseOfTheContract) {
  const std::set<Errc> expected = {Errc::kOverloaded,     Errc::kNoLeader,   Errc::kTimeout,
                                   Errc::kShuttingDown,   Errc::kFenced,     Errc::kDiskFull,
                                   Errc::kChangeUnderWay, Errc::kNotCaughtUp};
  for (int code = 1; code <= static_cast<int>(kErrcLast); ++code) {
    const auto errc = static_cast<Errc>(code);
    EXPECT_EQ(retryable(errc), expected.count(errc) == 1) << name(errc);
  }
}

TEST(Error_Value, OfAnError_ThrowsItWhole) {
  Error error(Errc::kRevisionMismatch, "the key has changed");
  error.revision = 42;
  const Result<int> result = error;
  try {
    (void)result.value();
    FAIL() << "must throw";
  } catch (const Exception& e) {
    EXPECT_EQ(e.error().code, Errc::kRevisionMismatch);
    EXPECT_EQ(e.error().revision, 42u);
    EXPECT_STREQ(e.what(), "revision_mismatch: the key has changed");
  }
}

TEST(Error_Message, WithoutDetail_IsTheName) {
  EXPECT_EQ(Error(Errc::kIo).message(), "io");
}

}  // namespace
}  // namespace cairn::kv
