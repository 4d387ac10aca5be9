#include "cairn/kv/error.h"

namespace cairn::kv {
namespace {

class StoreCategory final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "cairn.kv"; }
  std::string message(int value) const override { return kv::name(static_cast<Errc>(value)); }
};

}  // namespace

const boost::system::error_category& error_category() noexcept {
  static const StoreCategory category;
  return category;
}

boost::system::error_code make_error_code(Errc e) noexcept {
  return {static_cast<int>(e), error_category()};
}

const char* name(Errc e) noexcept {
  switch (e) {
    case Errc::kBadRequest:
      return "bad_request";
    case Errc::kKeyEmpty:
      return "key_empty";
    case Errc::kKeyTooLarge:
      return "key_too_large";
    case Errc::kTooLarge:
      return "too_large";
    case Errc::kCrossPartition:
      return "cross_partition";
    case Errc::kRevisionMismatch:
      return "revision_mismatch";
    case Errc::kIdempotencyMismatch:
      return "idempotency_mismatch";
    case Errc::kOverloaded:
      return "overloaded";
    case Errc::kNoLeader:
      return "no_leader";
    case Errc::kTimeout:
      return "timeout";
    case Errc::kShuttingDown:
      return "shutting_down";
    case Errc::kFenced:
      return "fenced";
    case Errc::kDiskFull:
      return "disk_full";
    case Errc::kOutcomeUnknown:
      return "outcome_unknown";
    case Errc::kLocked:
      return "locked";
    case Errc::kAddressInUse:
      return "address_in_use";
    case Errc::kConfiguration:
      return "configuration";
    case Errc::kCorrupt:
      return "corrupt";
    case Errc::kNewerFormat:
      return "newer_format";
    case Errc::kForeign:
      return "foreign";
    case Errc::kWiped:
      return "wiped";
    case Errc::kIo:
      return "io";
    case Errc::kInternal:
      return "internal";
    case Errc::kChangeUnderWay:
      return "change_under_way";
    case Errc::kQuorumLost:
      return "quorum_lost";
    case Errc::kUnknownNode:
      return "unknown_node";
    case Errc::kMemberExists:
      return "member_exists";
    case Errc::kNotCaughtUp:
      return "not_caught_up";
    case Errc::kUnchanged:
      return "unchanged";
  }
  return "unknown";
}

bool retryable(Errc e) noexcept {
  switch (e) {
    case Errc::kOverloaded:
    case Errc::kNoLeader:
    case Errc::kTimeout:
    case Errc::kShuttingDown:
    case Errc::kFenced:
    case Errc::kDiskFull:
    case Errc::kChangeUnderWay:
    case Errc::kNotCaughtUp:
      return true;
    default:
      // kOutcomeUnknown among them: only with the same idempotency key, which the code alone
      // cannot tell.
      return false;
  }
}

std::string Error::message() const {
  std::string text = name(code);
  if (!detail.empty()) text.append(": ").append(detail);
  return text;
}

void throw_exception_from_error(const Error& e, const boost::source_location& /*where*/) {
  throw Exception(e);
}

}  // namespace cairn::kv
