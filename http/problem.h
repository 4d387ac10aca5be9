// The one table of problem answers: code, status, title, retryable; and what each store error maps
// to.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "cairn/kv/store.h"
#include "http/response.h"

namespace cairn::http {

enum class Code : std::uint8_t {
  kBadRequest,
  kKeyTooLarge,
  kKeyEmpty,
  kUnauthenticated,
  kForbidden,
  kOriginRefused,
  kNotFound,
  kKeyNotFound,
  kMethodNotAllowed,
  kTimeout,
  kUnknownNode,
  kTxnConflict,
  kChangeUnderWay,
  kQuorumLost,
  kMemberExists,
  kNotCaughtUp,
  kUnchanged,
  kCompacted,
  kRevisionMismatch,
  kTooLarge,
  kUriTooLong,
  kMisdirected,
  kIdempotencyMismatch,
  kOverloaded,
  kHeaderTooLarge,
  kInternal,
  kNoLeader,
  kFenced,
  kShuttingDown,
  kOutcomeUnknown,
  kDiskFull,
};

enum class Retry : std::uint8_t {
  kNo,
  kYes,
  kSameIdempotencyKey,  // only a request that carried one may be repeated
};

struct ProblemRow {
  Code code;
  const char* name;
  int status;
  const char* title;
  Retry retry;
  bool retry_after;  // the answer carries Retry-After
};

/// In the order of Code.
[[nodiscard]] std::span<const ProblemRow> problem_table() noexcept;
[[nodiscard]] const ProblemRow& problem_row(Code code) noexcept;
/// The code a client sees for an error of the store; kInternal for what no request can cause.
[[nodiscard]] Code code_of(kv::Errc e) noexcept;

struct Problem {
  Code code = Code::kInternal;
  std::string detail;
  std::optional<kv::Committed> committed;  // set on writes
  std::optional<kv::Revision> revision;    // kRevisionMismatch: the current one, 0: absent
  std::uint32_t retry_after_ms = 0;
  bool has_idempotency_key = false;
};

/// An error of the store, as the answer to a read or a write.
[[nodiscard]] Problem problem_of(const kv::Error& error, bool is_write, bool has_idempotency_key);
[[nodiscard]] Response problem_response(const Problem& problem);

}  // namespace cairn::http
