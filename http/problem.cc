#include "http/problem.h"

#include <algorithm>
#include <iterator>

#include "http/json_text.h"

namespace cairn::http {
namespace {

using enum Code;

constexpr ProblemRow kTable[] = {
    {kBadRequest, "bad_request", 400, "The request is malformed", Retry::kNo, false},
    {kKeyTooLarge, "key_too_large", 400, "The key is too large", Retry::kNo, false},
    {kKeyEmpty, "key_empty", 400, "The key is empty", Retry::kNo, false},
    {kUnauthenticated, "unauthenticated", 401, "Credentials are missing or wrong", Retry::kNo,
     false},
    {kForbidden, "forbidden", 403, "Not permitted", Retry::kNo, false},
    {kOriginRefused, "origin_refused", 403, "The origin is not allowed", Retry::kNo, false},
    {kNotFound, "not_found", 404, "No such route", Retry::kNo, false},
    {kKeyNotFound, "key_not_found", 404, "No such key", Retry::kNo, false},
    {kMethodNotAllowed, "method_not_allowed", 405, "The method is not allowed here", Retry::kNo,
     false},
    {kTimeout, "timeout", 408, "The request was not complete in time", Retry::kYes, false},
    {kUnknownNode, "unknown_node", 404, "No member has this id", Retry::kNo, false},
    {kTxnConflict, "txn_conflict", 409, "Another transaction was faster", Retry::kYes, false},
    {kChangeUnderWay, "change_under_way", 409, "Another change is not done yet", Retry::kYes, true},
    {kQuorumLost, "quorum_lost", 409, "No majority of the voters would be alive", Retry::kNo,
     false},
    {kMemberExists, "member_exists", 409, "A member has this id already", Retry::kNo, false},
    {kNotCaughtUp, "not_caught_up", 409, "The node does not hold everything yet", Retry::kYes,
     true},
    {kUnchanged, "unchanged", 409, "It is so already", Retry::kNo, false},
    {kCompacted, "compacted", 410, "That revision is no longer kept", Retry::kNo, false},
    {kRevisionMismatch, "revision_mismatch", 412, "The condition does not hold", Retry::kNo, false},
    {kTooLarge, "too_large", 413, "The value or body is too large", Retry::kNo, false},
    {kUriTooLong, "uri_too_long", 414, "The request target is too long", Retry::kNo, false},
    {kMisdirected, "misdirected", 421, "This server does not serve that host", Retry::kNo, false},
    {kIdempotencyMismatch, "idempotency_mismatch", 422,
     "The idempotency key belongs to another request", Retry::kNo, false},
    {kOverloaded, "overloaded", 429, "Too much work at the moment", Retry::kYes, true},
    {kHeaderTooLarge, "header_too_large", 431, "The header fields are too large", Retry::kNo,
     false},
    {kInternal, "internal", 500, "Internal error", Retry::kNo, false},
    {kNoLeader, "no_leader", 503, "No leader or no quorum", Retry::kYes, true},
    {kFenced, "fenced", 503, "This node's disk has failed", Retry::kYes, true},
    {kShuttingDown, "shutting_down", 503, "This node is stopping", Retry::kYes, true},
    {kOutcomeUnknown, "outcome_unknown", 504, "Whether the write took effect is not known",
     Retry::kSameIdempotencyKey, false},
    {kDiskFull, "disk_full", 507, "The disk is full", Retry::kYes, false},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < std::size(kTable); ++i) {
    if (static_cast<std::size_t>(kTable[i].code) != i) return false;
  }
  return std::size(kTable) == static_cast<std::size_t>(kDiskFull) + 1;
}
static_assert(in_order(), "the table is indexed by Code");

const char* text(kv::Committed c) {
  switch (c) {
    case kv::Committed::kNo:
      return "no";
    case kv::Committed::kYes:
      return "yes";
    case kv::Committed::kPartial:
      return "partial";
    case kv::Committed::kUnknown:
      break;
  }
  return "unknown";
}

std::uint32_t seconds_up(std::uint32_t ms) {
  return std::max(1u, ms / 1000 + (ms % 1000 != 0));
}

}  // namespace

std::span<const ProblemRow> problem_table() noexcept {
  return kTable;
}

const ProblemRow& problem_row(Code code) noexcept {
  return kTable[static_cast<std::size_t>(code)];
}

// No default: the compiler names an Errc that is missing here.
Code code_of(kv::Errc e) noexcept {
  switch (e) {
    case kv::Errc::kBadRequest:
    case kv::Errc::kCrossPartition:
      return kBadRequest;
    case kv::Errc::kKeyEmpty:
      return kKeyEmpty;
    case kv::Errc::kKeyTooLarge:
      return kKeyTooLarge;
    case kv::Errc::kTooLarge:
      return kTooLarge;
    case kv::Errc::kRevisionMismatch:
      return kRevisionMismatch;
    case kv::Errc::kIdempotencyMismatch:
      return kIdempotencyMismatch;
    case kv::Errc::kOverloaded:
      return kOverloaded;
    // A read that got no quorum in time is, to a client, a node without a leader; 408 would blame
    // the client's slowness.
    case kv::Errc::kNoLeader:
    case kv::Errc::kTimeout:
      return kNoLeader;
    case kv::Errc::kShuttingDown:
      return kShuttingDown;
    case kv::Errc::kFenced:
      return kFenced;
    case kv::Errc::kDiskFull:
      return kDiskFull;
    case kv::Errc::kOutcomeUnknown:
      return kOutcomeUnknown;
    case kv::Errc::kChangeUnderWay:
      return kChangeUnderWay;
    case kv::Errc::kQuorumLost:
      return kQuorumLost;
    case kv::Errc::kUnknownNode:
      return kUnknownNode;
    case kv::Errc::kMemberExists:
      return kMemberExists;
    case kv::Errc::kNotCaughtUp:
      return kNotCaughtUp;
    case kv::Errc::kUnchanged:
      return kUnchanged;
    case kv::Errc::kLocked:
    case kv::Errc::kAddressInUse:
    case kv::Errc::kConfiguration:
    case kv::Errc::kCorrupt:
    case kv::Errc::kNewerFormat:
    case kv::Errc::kForeign:
    case kv::Errc::kWiped:
    case kv::Errc::kIo:
    case kv::Errc::kInternal:
      break;
  }
  return kInternal;
}

Problem problem_of(const kv::Error& error, bool is_write, bool has_idempotency_key) {
  Problem p;
  p.code = code_of(error.code);
  p.detail = error.detail;
  if (is_write) p.committed = error.committed;
  if (error.code == kv::Errc::kRevisionMismatch) p.revision = error.revision;
  p.retry_after_ms = error.retry_after_ms;
  p.has_idempotency_key = has_idempotency_key;
  return p;
}

Response problem_response(const Problem& problem) {
  const ProblemRow& row = problem_row(problem.code);
  const bool retryable = row.retry == Retry::kYes ||
                         (row.retry == Retry::kSameIdempotencyKey && problem.has_idempotency_key);
  Response r;
  r.status = row.status;
  r.type = ContentType::kProblem;
  if (row.retry_after) r.retry_after = seconds_up(problem.retry_after_ms);

  std::string& b = r.body;
  b += "{\"type\":\"urn:cairn:problem:";
  b += row.name;
  b += "\",\"title\":";
  append_json_string(b, row.title);
  b += ",\"status\":";
  append_number(b, static_cast<std::uint64_t>(row.status));
  b += ",\"detail\":";
  append_json_string(b, problem.detail.empty() ? std::string_view(row.title) : problem.detail);
  b += ",\"code\":\"";
  b += row.name;
  b += retryable ? "\",\"retryable\":true" : "\",\"retryable\":false";
  if (problem.committed) {
    b += ",\"committed\":\"";
    b += text(*problem.committed);
    b += '"';
  }
  if (problem.revision) {
    b += ",\"revision\":";
    if (*problem.revision == 0) {
      b += "null";
    } else {
      append_number(b, *problem.revision);
    }
  }
  b += "}\n";
  return r;
}

}  // namespace cairn::http
