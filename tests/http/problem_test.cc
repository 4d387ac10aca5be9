#include "http/problem.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <set>

namespace cairn::http {
namespace {

boost::json::object body(const Response& response) {
  return boost::json::parse(response.body).as_object();
}

struct Expected {
  kv::Errc error;
  const char* code;
  int status;
  bool retryable;
};

TEST(Problem, EveryStoreError_HasItsAnswer) {
  using kv::Errc;
  const Expected table[] = {
      {Errc::kBadRequest, "bad_request", 400, false},
      {Errc::kKeyEmpty, "key_empty", 400, false},
      {Errc::kKeyTooLarge, "key_too_large", 400, false},
      {Errc::kTooLarge, "too_large", 413, false},
      {Errc::kCrossPartition, "bad_request", 400, false},
      {Errc::kRevisionMismatch, "revision_mismatch", 412, false},
      {Errc::kIdempotencyMismatch, "idempotency_mismatch", 422, false},
      {Errc::kOverloaded, "overloaded", 429, true},
      {Errc::kNoLeader, "no_leader", 503, true},
      {Errc::kTimeout, "no_leader", 503, true},
      {Errc::kShuttingDown, "shutting_down", 503, true},
      {Errc::kFenced, "fenced", 503, true},
      {Errc::kDiskFull, "disk_full", 507, true},
      {Errc::kOutcomeUnknown, "outcome_unknown", 504, false},
      {Errc::kLocked, "internal", 500, false},
      {Errc::kAddressInUse, "internal", 500, false},
      {Errc::kConfiguration, "internal", 500, false},
      {Errc::kCorrupt, "internal", 500, false},
      {Errc::kNewerFormat, "internal", 500, false},
      {Errc::kForeign, "internal", 500, false},
      {Errc::kWiped, "internal", 500, false},
      {Errc::kIo, "internal", 500, false},
      {Errc::kInternal, "internal", 500, false},
  };
  int next = 1;  // walks the whole enum
  for (const Expected& e : table) {
    EXPECT_EQ(static_cast<int>(e.error), next++);
    const Response r = problem_response(problem_of(kv::Error(e.error, "why"), false, false));
    EXPECT_EQ(r.status, e.status);
    const auto b = body(r);
    EXPECT_EQ(b.at("code").as_string(), e.code);
    EXPECT_EQ(b.at("status").as_int64(), e.status);
    EXPECT_EQ(b.at("retryable").as_bool(), e.retryable);
    EXPECT_EQ(b.at("detail").as_string(), "why");
    EXPECT_FALSE(b.contains("committed"));
  }
  EXPECT_EQ(static_cast<int>(Errc::kInternal), next - 1);
}

TEST(Problem, Table_NamesAreUniqueAndStatusesFit) {
  std::set<std::string> names;
  for (const ProblemRow& row : problem_table()) {
    EXPECT_TRUE(names.insert(row.name).second);
    EXPECT_GE(row.status, 400);
    if (row.status == 429 || row.status == 503) {
      EXPECT_TRUE(row.retry_after) << row.name;
    }
  }
}

TEST(Problem, Writes_SayWhetherTheyTookEffect) {
  using kv::Committed;
  const auto committed = [](Committed c) {
    kv::Error e(kv::Errc::kOutcomeUnknown, "", c);
    return std::string(
        body(problem_response(problem_of(e, true, true))).at("committed").as_string());
  };
  EXPECT_EQ(committed(Committed::kNo), "no");
  EXPECT_EQ(committed(Committed::kYes), "yes");
  EXPECT_EQ(committed(Committed::kUnknown), "unknown");
}

TEST(Problem, OutcomeUnknown_IsRetryableOnlyWithAKey) {
  const kv::Error e(kv::Errc::kOutcomeUnknown);
  EXPECT_TRUE(body(problem_response(problem_of(e, true, true))).at("retryable").as_bool());
  EXPECT_FALSE(body(problem_response(problem_of(e, true, false))).at("retryable").as_bool());
}

TEST(Problem, Mismatch_TellsTheCurrentRevision) {
  kv::Error e(kv::Errc::kRevisionMismatch);
  e.revision = 77;
  EXPECT_EQ(body(problem_response(problem_of(e, true, false))).at("revision").to_number<int>(), 77);
  e.revision = 0;
  EXPECT_TRUE(body(problem_response(problem_of(e, true, false))).at("revision").is_null());
}

TEST(Problem, RetryAfter_IsWholeSecondsUp) {
  kv::Error e(kv::Errc::kOverloaded);
  EXPECT_EQ(problem_response(problem_of(e, true, false)).retry_after, 1u);
  e.retry_after_ms = 1001;
  EXPECT_EQ(problem_response(problem_of(e, true, false)).retry_after, 2u);
  e.retry_after_ms = 0xFFFFFFFF;
  EXPECT_EQ(problem_response(problem_of(e, true, false)).retry_after, 4'294'968u);
  EXPECT_EQ(problem_response(problem_of(kv::Error(kv::Errc::kKeyEmpty), true, false)).retry_after,
            0u);
}

}  // namespace
}  // namespace cairn::http
